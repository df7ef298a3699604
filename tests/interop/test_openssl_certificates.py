"""Keys and certificates of OpenSSL's own S/MIME tests, with the command line both ways."""

from datetime import UTC, datetime

import pytest

from secmail import (
    BytesSource,
    Certificate,
    SoftwareDecryptionKey,
    SoftwareSigningKey,
    TrustStore,
    Unsupported,
    enveloping,
    load_private_key,
    unwrap,
)
from secmail import signing as signing_message
from tests.interop.messages import ENTITY, made, read
from tests.secmail.pki import SHARED

FOLDER = SHARED / "openssl-smime-certs"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared vectors are not here")
PEOPLE = ("smrsa1", "smrsa2", "smrsa3", "smec1")  # whom smroot issued
AT = datetime(2024, 1, 1, tzinfo=UTC)


def pem(name: str) -> str:
    return str(FOLDER / f"{name}.pem")


def certificate(name: str) -> Certificate:
    return Certificate.from_pem((FOLDER / f"{name}.pem").read_bytes())


def private_key(name: str):
    return load_private_key((FOLDER / f"{name}.pem").read_bytes())


def opened(message: bytes, *names: str):
    keys = [SoftwareDecryptionKey(private_key(name), certificate(name)) for name in names]
    return unwrap(BytesSource(message), keys=keys, trust=TrustStore([certificate("smroot")]), now=AT)


def signed(openssl, name: str, *options: str) -> bytes:
    return openssl("-sign", "-signer", pem(name), "-nodetach", *options, data=ENTITY)


@pytest.mark.parametrize("name", PEOPLE)
def test_what_they_sign_verifies_here(openssl, name):
    (signer,) = opened(signed(openssl, name)).layers[0].verified_signers
    assert signer.certificate == certificate(name)


@pytest.mark.parametrize("name", PEOPLE)
def test_what_is_signed_here_with_their_keys_verifies_there(openssl, name):
    key = SoftwareSigningKey(private_key(name), certificate(name))
    message = made(lambda sink: signing_message(sink, signer=key, now=AT))
    moment = ("-attime", str(int(AT.timestamp())))
    assert openssl("-verify", "-CAfile", pem("smroot"), *moment, data=message) == ENTITY


@pytest.mark.parametrize("name", [*PEOPLE, "smec3"])
def test_what_is_encrypted_to_them_opens_here(openssl, name):
    assert read(opened(openssl("-encrypt", "-aes-256-cbc", "-recip", pem(name), data=ENTITY), name)) == ENTITY


@pytest.mark.parametrize("name", ["smrsa1", "smrsa2", "smrsa3"])
def test_what_is_encrypted_to_them_here_opens_there(openssl, name):
    message = made(lambda sink: enveloping(sink, recipients=[certificate(name)]))
    assert openssl("-decrypt", "-recip", pem(name), data=message) == ENTITY


@pytest.mark.parametrize("name", ["smec1", "smec3"])
def test_nothing_is_encrypted_to_a_curve_without_key_agreement(name):
    """RFC 5280 section 4.2.1.3: "The keyAgreement bit is asserted when the subject public key is used for key agreement"; OpenSSL does not look."""
    with pytest.raises(Unsupported, match="not for encryption"):
        made(lambda sink: enveloping(sink, recipients=[certificate(name)]))


def test_dsa_is_read_and_called_weak(openssl):
    (signer,) = opened(signed(openssl, "smdsa1", "-md", "sha1")).layers[0].signers
    assert (signer.status, signer.signature_algorithm) == ("valid", "DSA with SHA-1")
    assert "SHA-1 is weak" in signer.warnings


def test_a_certificate_for_code_signs_no_mail(openssl):
    """RFC 8550 section 4.4.4: an extended key usage without emailProtection or anyExtendedKeyUsage is not for S/MIME."""
    (signer,) = opened(signed(openssl, "csrsa1")).layers[0].signers
    assert (signer.status, signer.reason) == ("untrusted", "the certificate is not for e-mail")


def test_a_small_key_is_read_and_called_weak(openssl):
    (signer,) = opened(signed(openssl, "smrsa1024")).layers[0].verified_signers
    assert "an RSA key of 1024 bits is weak" in signer.warnings


def test_a_curve_that_is_not_read_is_unverifiable(openssl):
    """sect283k1, a binary curve."""
    (signer,) = opened(signed(openssl, "smec2")).layers[0].signers
    assert signer.status == "unverifiable", signer.reason
