"""gpgsm, with which KMail, Claws and GpgOL do S/MIME, as a peer: with a home, keys and an agent of its own."""

import os
import re
import shutil
import subprocess
from hashlib import sha1
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.secmail.pki import EVERYBODY, NOW, certificate, private_key

MISSING = [each for each in ("gpgsm", "gpg-agent", "gpgconf") if shutil.which(each) is None]
KNOWN = ("root", "ca", *EVERYBODY, "rhea", "xena")
CONFIGURATION = f"""batch
disable-crl-checks
disable-dirmngr
faked-system-time {NOW:%Y%m%dT%H%M%S}
status-fd 2
"""
CURVES = {"secp256r1": "NIST P-256", "secp384r1": "NIST P-384", "secp521r1": "NIST P-521"}


class GnuPG:
    """``peer("--verify", data=...)`` is a call of gpgsm at the test PKI's moment. It trusts ``root`` and has the keys of EVERYBODY."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (self.home / "private-keys-v1.d").mkdir()
        (self.home / "gpgsm.conf").write_text(CONFIGURATION)
        (self.home / "gpg-agent.conf").write_text("no-allow-mark-trusted\ndisable-scdaemon\n")
        (self.home / "trustlist.txt").write_text(f"{fingerprint('root')} S relax\n")
        for name in KNOWN:
            self("--import", data=certificate(name).der)
        for name in EVERYBODY:
            grip = re.search(r"keygrip: (\w+)", self("--dump-cert", fingerprint(name)).decode())[1]
            (self.home / "private-keys-v1.d" / f"{grip}.key").write_bytes(_for_the_agent(name))
        self.version = re.search(rb"gpgsm \(GnuPG\) (\d+)\.(\d+)", self("--version")).groups()
        # gpgsm 2.2 knows no key agreement and can't verify by P-521
        self.is_recent = tuple(map(int, self.version)) >= (2, 3)

    def __call__(self, *options: str, data: bytes = b"", status: str = "", times: int = 1) -> bytes:
        """What gpgsm writes. ``status`` is the line it must write for other programs, so often; without one it must end well.

        Not both: it complains of other recipients when it could decrypt, and of other certificates when it has imported one.
        """
        environment = {**os.environ, "GNUPGHOME": str(self.home), "LC_ALL": "C"}
        done = subprocess.run(["gpgsm", *options], input=data, cwd=self.home, env=environment, capture_output=True, check=False)
        said = done.stderr.decode()
        assert said.count(f"[GNUPG:] {status}") == times if status else done.returncode == 0, said
        return done.stdout

    def close(self) -> None:
        """The agent that gpgsm started ends."""
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], check=True)


def fingerprint(name: str) -> str:
    return sha1(certificate(name).der, usedforsecurity=False).hexdigest().upper()


def _for_the_agent(name: str) -> bytes:
    """A private key as gpg-agent keeps it: gpgsm 2.2 imports neither keys of elliptic curves nor PKCS#12 with AES."""
    key = private_key(name)
    numbers = key.private_numbers()
    if name == "rita":
        p, q = sorted((numbers.p, numbers.q))
        kind, public = "rsa", numbers.public_numbers
        parts = {"n": public.n, "e": public.e, "d": numbers.d, "p": p, "q": q, "u": pow(p, -1, q)}
    else:
        kind, point = "ecc", key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        parts = {"curve": CURVES[key.curve.name].encode(), "q": point, "d": numbers.private_value}
    return b"(" + _atom(b"private-key") + b"(" + _atom(kind.encode()) + b"".join(_part(*each) for each in parts.items()) + b"))"


def _part(name: str, value: int | bytes) -> bytes:
    octets = value if isinstance(value, bytes) else value.to_bytes(value.bit_length() // 8 + 1)
    return b"(" + _atom(name.encode()) + _atom(octets) + b")"


def _atom(value: bytes) -> bytes:
    return b"%d:%s" % (len(value), value)
