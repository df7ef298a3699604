"""What stands on a page beside the verdict, and is not under it."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from portal.mail.engine.showing import _shown, show
from portal.mail.engine.trust import Trust
from secmail import (
    BytesSource,
    Certificate,
    SecretKey,
    SoftwareSigningKey,
    TrustStore,
    enveloping,
    mime,
    signing,
    unwrap,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIELDS = [("From", "ada@example.org"), ("Subject", "Plans"), ("Date", "Sun, 1 Mar 2026 00:00:00 +0000")]


@pytest.fixture(scope="module")
def ada() -> SoftwareSigningKey:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ada")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name("ada@example.org")]), critical=False)
    return SoftwareSigningKey(key, Certificate.from_der(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)))


def sentence(ada: SoftwareSigningKey, outside=FIELDS, inside=()) -> str:
    out = io.BytesIO()
    out.write(mime.format_headers(outside) + b"MIME-Version: 1.0\r\n")
    with signing(out, signer=ada, now=NOW) as sink:
        mime.write_message(sink, headers=inside, text="Hello", hp="clear" if inside else None)
    shown = show(io.BytesIO(out.getvalue()), keys=[], trust=Trust([ada.certificate.der]), now=NOW)
    assert shown.verdict == "verified"
    return shown.sentence.partition(" 2026.")[2].strip()


def test_all_that_is_protected_is_under_the_verdict(ada):
    assert sentence(ada, inside=FIELDS) == ""


def test_a_subject_that_anybody_could_change_is_said_not_to_be_signed(ada):
    assert sentence(ada) == "The signature does not cover the subject and the date."


def test_who_signs_for_another_is_said(ada):
    outside = [("From", "ceo@example.org"), ("Sender", "ada@example.org")]
    assert sentence(ada, outside) == "Note: signed by ada@example.org, who sent it for the one it is from."


def test_another_sender_outside_is_said(ada):
    note = "Note: outside, the message names another sender."
    assert sentence(ada, [("From", "ceo@example.org"), *FIELDS[1:]], FIELDS) == note


def test_another_sender_outside_is_said_where_nobody_signed():
    """RFC 9788 section 4.4.2."""
    kek = SecretKey(bytes(32), b"kek")
    out = io.BytesIO()
    out.write(mime.format_headers([("From", "ceo@example.org"), *FIELDS[1:]]))
    with enveloping(out, recipients=[kek]) as sink:
        mime.write_message(sink, headers=mime.protect(FIELDS).inner, text="Hello", hp="cipher")
    opened = unwrap(BytesSource(out.getvalue()), keys=[kek], trust=TrustStore([]), now=NOW)
    assert _shown(opened).sentence == "Nobody signed this; anyone may have written it. Note: outside, it names another sender."
