"""The examples of docs/engine.md run as they stand there, one after the other."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pki import NOW, certificate, pem, private_key

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "engine.md"
SECTIONS = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def crl(issuer: str, *revoked: str) -> bytes:
    subject = x509.load_der_x509_certificate(certificate(issuer).der).subject
    builder = x509.CertificateRevocationListBuilder(subject, NOW - timedelta(1), NOW + timedelta(1))
    for name in revoked:
        entry = x509.RevokedCertificateBuilder(certificate(name).serial_number, NOW - timedelta(1)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(private_key(issuer), hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the examples begin with."""
    for name, of in {"root": "root", "ca": "ca", "ada": "ada", "bob": "bob", "list": "list", "revoked": "rita"}.items():
        (tmp_path / f"{name}.pem").write_bytes(x509.load_der_x509_certificate(certificate(of).der).public_bytes(Encoding.PEM))
        (tmp_path / f"{name}.key").write_bytes(pem(of))
    (tmp_path / "root.crl").write_bytes(crl("root"))
    (tmp_path / "ca.crl").write_bytes(crl("ca", "rita"))
    monkeypatch.chdir(tmp_path)


def test_there_are_ten_examples():
    assert [section.partition(".")[0] for section in SECTIONS[1:]] == [str(number) for number in range(1, 11)]
    assert [len(EXAMPLE.findall(section)) for section in SECTIONS] == [1] * 11


@pytest.mark.usefixtures("folder")
def test_the_examples_run():
    """Each is compiled with its heading as the file name, which a failure then shows."""
    names: dict[str, object] = {}
    for section in SECTIONS:
        heading = section.partition("\n")[0]
        for example in EXAMPLE.findall(section):
            exec(compile(example, heading, "exec"), names)  # noqa: S102 (the document's own text)


RULES = re.findall(r"^\| (?!rule |---)(.+) \| (.+) \|$", (DOCUMENT.parent / "rules.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_rule_of_the_document_has_a_test_of_that_name():
    tests = {name for path in Path(__file__).parent.glob("test_*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)}
    missing = {name for _, cell in RULES for name in re.findall(r"\w+", cell)} - tests
    assert missing == set()
    assert RULES
