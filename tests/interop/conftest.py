"""The peers, and the folder of keys and certificates that both read."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secmail.cli import main
from tests.interop.bouncy_castle import MISSING, BouncyCastle
from tests.secmail.pki import PKI, pem


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """``NAME.pem`` with the private key and the certificate of everybody whose kind of key the peers know."""
    path = tmp_path_factory.mktemp("peers")
    for name, row in PKI.items():
        if not row.key.startswith("ML-"):
            (path / f"{name}.pem").write_bytes(pem(name))
    return path


@pytest.fixture
def openssl(folder) -> Callable[..., bytes]:
    """Run the command line in the folder; ``fails`` demands a refusal, ``known_gap`` skips where the error output matches."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command")

    def run(*arguments: str, data: bytes = b"", command: str = "cms", fails: bool = False, known_gap: str | None = None) -> bytes:
        done = subprocess.run(["openssl", command, *arguments], input=data, cwd=folder, capture_output=True, check=False)
        if known_gap and re.search(known_gap, done.stderr.decode()):
            pytest.skip(f"this OpenSSL can't do it: {known_gap}")
        assert (done.returncode != 0) == fails, done.stderr.decode()
        return done.stdout

    return run


@pytest.fixture
def secmail(folder, tmp_path, monkeypatch) -> Callable[..., bytes]:
    """Our own command line in the folder, on one file: ``secmail("sign", "--key", "ada.pem", data=...)``."""
    monkeypatch.chdir(folder)

    def run(command: str, *options: str, data: bytes) -> bytes:
        (tmp_path / "in").write_bytes(data)
        assert main([command, *options, "-o", str(tmp_path / "out"), str(tmp_path / "in")]) == 0
        return (tmp_path / "out").read_bytes()

    return run


@pytest.fixture(scope="session")
def bouncy_castle(folder, tmp_path_factory) -> Iterator[BouncyCastle]:
    if MISSING:
        pytest.skip(f"no Java compiler or no Bouncy Castle (libbcmail-java): {', '.join(MISSING)}")
    peer = BouncyCastle(tmp_path_factory.mktemp("classes"), folder)
    yield peer
    peer.close()
