"""What an answer takes over from the message it answers (RFC 9788 section 6)."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from portal.mail.engine.answering import answer
from portal.mail.engine.showing import show
from portal.mail.engine.trust import Trust
from secmail import Certificate, enveloping, mime

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIELDS = [
    ("From", "ada@example.org"),
    ("To", "bob@example.org"),
    ("Cc", "carl@example.org"),
    ("Message-ID", "<2@example.org>"),
    ("References", "<1@example.org>"),
]


@pytest.fixture(scope="module")
def bob():
    """(private key, certificate), both as DER."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bob")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), certificate


def answered(bob, policy=mime.hcp_no_confidentiality, added: bytes = b""):
    """The answer to everybody to a message that was encrypted under this policy, and to which ``added`` was added on the way."""
    protected = mime.protect(FIELDS, policy=policy)
    out = io.BytesIO()
    out.write(mime.format_headers(protected.outer) + added + b"MIME-Version: 1.0\r\n")
    with enveloping(out, recipients=[Certificate.from_der(bob[1])]) as sink:
        mime.write_message(sink, headers=protected.inner, text="Hello", hp=protected.hp)
    shown = show(io.BytesIO(out.getvalue()), keys=[bob], trust=Trust([]), now=NOW)
    return answer(shown, "all", own_address="bob@example.org")


def test_an_answer_names_what_it_answers(bob):
    content = answered(bob)
    assert (content.in_reply_to, content.references) == ("<2@example.org>", ["<1@example.org>", "<2@example.org>"])
    assert (content.to, content.cc) == ("ada@example.org", "carl@example.org")


def test_an_identifier_that_was_hidden_is_in_no_answer(bob):
    """Section 6.1: answers have these fields outside of their encryption."""
    hiding = answered(bob, lambda name, value: None if name in ("Message-ID", "References") else value)
    assert "example.org>" not in hiding.in_reply_to + " ".join(hiding.references)


def test_nobody_gets_an_answer_who_was_added_outside(bob, monkeypatch):
    """Section 6.2: a captured message is sent again with one more recipient."""
    monkeypatch.setattr(f"{__name__}.FIELDS", FIELDS[:2])
    assert answered(bob, added=b"Cc: eve@x.example\r\n").cc == ""
