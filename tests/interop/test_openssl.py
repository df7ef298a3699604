"""Both ways with the stock ``openssl cms`` command line: what it makes opens here, what is made here opens there."""

import io

import pytest

from secmail import (
    OWN_CAPABILITIES,
    EssAttributes,
    ReceiptRequest,
    Recipient,
    SecurityLabel,
    wrapping,
)
from tests.interop.messages import ENTITY, MOMENT, opened
from tests.secmail.pki import EVERYBODY, NOW, certificate, decryption_key, signing_key

LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3, privacy_mark="ACME INTERNAL")
REQUEST = ReceiptRequest(b"content-id", "all_receipts", ("ada@example.org",))


def wrapped(name: str, content_encryption: str, capabilities=OWN_CAPABILITIES) -> bytes:
    out = io.BytesIO()
    out.write(f"From: {name}@example.org\r\nTo: everybody@example.org\r\nMIME-Version: 1.0\r\n".encode())
    recipients = [Recipient(certificate(each), capabilities) for each in EVERYBODY]
    attributes = EssAttributes(LABEL, REQUEST, b"content-id")
    options = {"certificates": [certificate("ca")], "attributes": attributes, "now": NOW}
    with wrapping(
        out, signer=signing_key(name), recipients=recipients, content_encryption=content_encryption, **options
    ) as sink:
        sink.write(ENTITY)
    return out.getvalue()


# Made here


@pytest.mark.parametrize("recipient", EVERYBODY)
@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_openssl_decrypts_and_verifies_what_is_made_here(openssl, name, recipient, content_encryption):
    signed = openssl("-decrypt", "-recip", f"{recipient}.pem", data=wrapped(name, content_encryption))
    assert openssl("-verify", "-CAfile", "root.pem", *MOMENT, data=signed) == ENTITY


def test_openssl_decrypts_rsa_pkcs1_v15_too(openssl):
    assert b"signed-data" in openssl("-decrypt", "-recip", "rita.pem", data=wrapped("ada", "gcm", frozenset()))


def test_openssl_prints_the_attributes_of_a_signature_made_here(openssl):
    signed = openssl("-decrypt", "-recip", "bob.pem", data=wrapped("ada", "gcm"))
    printed = openssl("-cmsout", "-print", data=signed).decode()
    for name in ("securityLabel", "receiptRequest", "contentIdentifier", "signingCertificateV2", "S/MIME Capabilities", "signingTime"):
        assert name in printed
    assert "1.3.6.1.4.1.22112.1.1" in printed
    assert "ACME INTERNAL" in printed


# Made there


@pytest.mark.parametrize("form", [["-nodetach"], ["-nodetach", "-stream"], []], ids=["opaque", "streamed", "clear"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("name", EVERYBODY)
def test_what_openssl_signs_verifies_here(openssl, name, digest, form):
    who = ["-signer", f"{name}.pem", "-certfile", "ca.pem", "-from", f"{name}@example.org", "-md", digest]
    result = opened(openssl("-sign", *who, *form, data=ENTITY))
    assert result.require_verified().signer.certificate == certificate(name)
    assert result.content.open().read() == ENTITY


@pytest.mark.parametrize("salt", ["digest", "max"])
def test_pss_signatures_of_openssl_verify_here(openssl, salt):
    who = ["-signer", "rita.pem", "-certfile", "ca.pem", "-from", "rita@example.org"]
    options = ["-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}"]
    assert opened(openssl("-sign", *who, *options, data=ENTITY)).verdict == "verified"


@pytest.mark.parametrize("form", [[], ["-stream"], ["-keyid"]], ids=["plain", "streamed", "key identifier"])
@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "aes-128-gcm", "aes-256-gcm", "des3"])
@pytest.mark.parametrize("name", EVERYBODY)
def test_what_openssl_encrypts_opens_here(openssl, name, cipher, form):
    result = opened(openssl("-encrypt", f"-{cipher}", *form, "-recip", f"{name}.pem", data=ENTITY), decryption_key(name))
    assert result.content.open().read() == ENTITY
    assert result.layers[0].authenticated == cipher.endswith("gcm")


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_oaep_of_openssl_opens_here(openssl, digest):
    options = ["-recip", "rita.pem", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{digest}"]
    assert opened(openssl("-encrypt", "-aes256", *options, data=ENTITY), decryption_key("rita")).content.open().read() == ENTITY


@pytest.mark.parametrize("kdf", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("cofactor", ["0", "1"])
def test_every_key_derivation_of_openssl_opens_here(openssl, kdf, cofactor):
    options = ["-recip", "ada.pem", "-keyopt", f"ecdh_kdf_md:{kdf}", "-keyopt", f"ecdh_cofactor_mode:{cofactor}"]
    assert opened(openssl("-encrypt", "-aes128", *options, data=ENTITY), decryption_key("ada")).content.open().read() == ENTITY


def test_a_message_that_openssl_signs_and_encrypts_opens_here(openssl):
    who = ["-signer", "ada.pem", "-certfile", "ca.pem", "-nodetach"]
    signed = openssl("-sign", *who, data=ENTITY)
    recipients = [option for name in EVERYBODY for option in ("-recip", f"{name}.pem")]
    # OpenSSL puts the header fields inside, so the outer ones are written here
    encrypted = openssl("-encrypt", "-aes-256-gcm", *recipients, data=signed)
    message = b"From: ada@example.org\r\n" + encrypted
    for name in EVERYBODY:
        assert opened(message, decryption_key(name)).require_verified().address == "ada@example.org"
