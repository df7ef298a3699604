"""Revocation lists and OCSP answers that the stock ``openssl ca`` and ``openssl ocsp`` make: RFC 5280 section 5, RFC 6960."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secmail import Certificate, PathOptions, TrustStore
from secmail.paths import Revocation, validate

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the command openssl is not installed")

CONFIGURATION = """
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
default_md = sha256
policy = any
default_crl_days = 7
default_days = 30
unique_subject = no
[any]
commonName = supplied
[mail]
basicConstraints = CA:FALSE
extendedKeyUsage = emailProtection
subjectAltName = email:ada@example.org
[responder]
basicConstraints = CA:FALSE
extendedKeyUsage = OCSPSigning
[req]
distinguished_name = name
[name]
"""


@pytest.fixture
def authority(tmp_path: Path):
    """An authority, a person called ada and a responder in a folder; the command that works there."""

    def openssl(*arguments: str) -> bytes:
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=True, timeout=60).stdout

    (tmp_path / "ca.cnf").write_text(CONFIGURATION)
    for name, content in (("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "1000\n")):
        (tmp_path / name).write_text(content)
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "ca.cnf")
    openssl(*new, "-x509", "-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    for name, section in (("ada", "mail"), ("responder", "responder")):
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signing = ("-cert", "root.pem", "-keyfile", "root.key", "-in", f"{name}.csr", "-out", f"{name}.pem", "-extensions", section)
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", *signing)
    return openssl


def certificate(folder: Path, name: str) -> Certificate:
    return Certificate.from_pem((folder / f"{name}.pem").read_bytes())


def verdict(folder: Path, **evidence):
    trust = TrustStore([certificate(folder, "root")])
    options = PathOptions(**evidence, revocation=Revocation.HARD)
    return validate(certificate(folder, "ada"), trust=trust, at=datetime.now(UTC), options=options)


def revoke(openssl) -> None:
    openssl("ca", "-config", "ca.cnf", "-cert", "root.pem", "-keyfile", "root.key", "-revoke", "ada.pem", "-crl_reason", "keyCompromise")


def revocation_list(openssl, folder: Path) -> bytes:
    openssl("ca", "-config", "ca.cnf", "-cert", "root.pem", "-keyfile", "root.key", "-gencrl", "-out", "list.pem")
    openssl("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.crl")
    return (folder / "list.crl").read_bytes()


def answer(openssl, folder: Path, signer: str) -> bytes:
    openssl("ocsp", "-issuer", "root.pem", "-cert", "ada.pem", "-reqout", "ask.der", "-no_nonce")
    by = ("-rsigner", f"{signer}.pem", "-rkey", f"{signer}.key")
    openssl("ocsp", "-index", "index.txt", "-CA", "root.pem", *by, "-reqin", "ask.der", "-respout", "answer.der", "-ndays", "1")
    return (folder / "answer.der").read_bytes()


def test_lists_of_openssl(authority, tmp_path):
    assert verdict(tmp_path, crls=(revocation_list(authority, tmp_path),))
    revoke(authority)
    assert "its key was compromised" in verdict(tmp_path, crls=(revocation_list(authority, tmp_path),)).reason


def test_answers_of_openssl_by_the_authority(authority, tmp_path):
    assert verdict(tmp_path, ocsps=(answer(authority, tmp_path, "root"),))
    revoke(authority)
    assert "its key was compromised" in verdict(tmp_path, ocsps=(answer(authority, tmp_path, "root"),)).reason


def test_answers_of_openssl_by_a_responder(authority, tmp_path):
    """Whose own status an OCSP answer can't tell without end; the list does."""
    good = revocation_list(authority, tmp_path)
    assert verdict(tmp_path, crls=(good,), ocsps=(answer(authority, tmp_path, "responder"),))
    revoke(authority)
    assert "revoked on" in verdict(tmp_path, crls=(good,), ocsps=(answer(authority, tmp_path, "responder"),)).reason
    assert not verdict(tmp_path, ocsps=(answer(authority, tmp_path, "responder"),))
