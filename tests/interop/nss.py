"""NSS, with which Thunderbird and Evolution do S/MIME, as a peer: its command line over a database of keys and certificates."""

import shutil
import subprocess
from pathlib import Path

MISSING = [each for each in ("certutil", "cmsutil", "pk12util") if shutil.which(each) is None]


class Nss:
    """``peer("-D", data=...)`` is a call of cmsutil."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("certutil", "-N", "--empty-password")

    def trust(self, name: str, encoded: bytes, *options: str) -> None:
        self.run("certutil", "-A", "-n", name, "-t", "C,C,C", *options, data=encoded)

    def bring(self, pkcs12: bytes, passphrase: str) -> None:
        """A key with its certificates, as the portal exports them."""
        (self.folder / "key.p12").write_bytes(pkcs12)
        (self.folder / "passphrase").write_text(passphrase)
        self.run("pk12util", "-i", "key.p12", "-w", "passphrase")

    def is_recent(self, name: str) -> bool:
        """NSS 3.87 knows no key agreement and no RSAES-OAEP, NSS 3.110 does; it is asked to encrypt to a key of an elliptic curve."""
        done = self._cmsutil("-E", "-r", name)
        assert done.returncode == 0 or b"SEC_ERROR_INVALID_ALGORITHM" in done.stderr, done.stderr.decode()
        return done.returncode == 0

    def __call__(self, *options: str, data: bytes = b"", fails: str = "") -> bytes:
        """What cmsutil writes; or ``fails`` is in what it complains of."""
        done = self._cmsutil(*options, data=data)
        assert (done.returncode != 0) == bool(fails), done.stderr.decode()
        assert fails in done.stderr.decode()
        return done.stdout

    def run(self, *command: str, data: bytes = b"") -> str:
        """Another of its commands."""
        return subprocess.run([*command, "-d", "."], input=data, cwd=self.folder, capture_output=True, check=True).stdout.decode()

    def _cmsutil(self, *options: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["cmsutil", *options, "-d", "."], input=data, cwd=self.folder, capture_output=True, check=False)
