"""NSS, with which Thunderbird and Evolution do S/MIME, as a peer: its command line over a database of keys and certificates."""

import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portal.keys.engine import pkcs12_file
from tests.secmail.pki import EVERYBODY, PKI, certificate, private_key

MISSING = [each for each in ("certutil", "cmsutil", "pk12util") if shutil.which(each) is None]
ROOTS, PEOPLE = ("root", "evergreen"), (*EVERYBODY, "rhea", "nora")


class Nss:
    """``peer("-D", data=...)`` is a call of cmsutil. The roots are trusted, PEOPLE have their keys here, as the portal exports them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("certutil", "-N", "--empty-password")
        for name in ROOTS:
            self.run("certutil", "-A", "-n", name, "-t", "C,C,C", data=certificate(name).der)
        (folder / "passphrase").write_text("of the files")
        for name in PEOPLE:
            (folder / "key.p12").write_bytes(_exported(name))
            self.run("pk12util", "-i", "key.p12", "-w", "passphrase")
        # NSS 3.87 knows no key agreement and no RSAES-OAEP, NSS 3.110 does
        self.is_recent = self._cmsutil("-E", "-r", "ada").returncode == 0

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


def _exported(name: str) -> bytes:
    key = private_key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    authority = certificate(PKI[name].issuer).der
    return pkcs12_file(name=name, private_key=key, certificate=certificate(name).der, authority=authority, passphrase="of the files")
