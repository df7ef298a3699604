"""Both ways with the stock ``openssl cms`` command line: what it makes opens here, what is made here opens there."""

import pytest

from secmail import (
    OWN_CAPABILITIES,
    EssAttributes,
    ReceiptRequest,
    Recipient,
    SecurityLabel,
    enveloping,
    signing,
    triple_wrapping,
    wrapping,
)
from tests.interop.cases import (
    OPENSSL_CIPHERS,
    OPENSSL_KEY_AGREEMENTS,
    OPENSSL_KEY_TRANSPORTS,
    OPENSSL_KEY_WRAPS,
    OPENSSL_SIGNATURES,
    each,
)
from tests.interop.messages import ENTITY, MOMENT, made, opened, read, read_by, signed_here, structure
from tests.secmail.pki import EVERYBODY, NOW, SIGNERS, certificate, decryption_key, signing_key

LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3, privacy_mark="ACME INTERNAL")
REQUEST = ReceiptRequest(b"content-id", "all_receipts", ("ada@example.org",))
VERIFY = ("-verify", "-CAfile", "root.pem", *MOMENT)
LF = ENTITY.replace(b"\r\n", b"\n")


def who(name: str) -> tuple[str, ...]:
    return "-signer", f"{name}.pem", "-certfile", "ca.pem", "-from", f"{name}@example.org"


def to(*names: str) -> list[str]:
    return [option for name in names for option in ("-recip", f"{name}.pem")]


def wrapped(name: str, content_encryption: str, capabilities=OWN_CAPABILITIES, how=wrapping) -> bytes:
    recipients = [Recipient(certificate(each), capabilities) for each in EVERYBODY]
    options = {"certificates": [certificate("ca")], "attributes": EssAttributes(LABEL, REQUEST, b"content-id"), "now": NOW}
    options |= {"signer": signing_key(name), "recipients": recipients, "content_encryption": content_encryption}
    return made(lambda sink: how(sink, **options), sender=f"{name}@example.org")


# Made here


@pytest.mark.parametrize("recipient", EVERYBODY)
@pytest.mark.parametrize("name", read_by("openssl", SIGNERS))
@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_openssl_decrypts_and_verifies_what_is_made_here(openssl, name, recipient, content_encryption):
    signed = openssl("-decrypt", *to(recipient), data=wrapped(name, content_encryption))
    assert openssl(*VERIFY, data=signed) == ENTITY


def test_openssl_decrypts_rsa_pkcs1_v15_too(openssl):
    assert b"signed-data" in openssl("-decrypt", *to("rita"), data=wrapped("ada", "gcm", frozenset()))


def test_openssl_takes_off_every_layer_of_a_triple_wrap(openssl):
    enveloped = openssl(*VERIFY, data=wrapped("ada", "gcm", how=triple_wrapping))
    assert openssl(*VERIFY, data=openssl("-decrypt", *to("bob"), data=enveloped)) == ENTITY


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("name", read_by("openssl", SIGNERS))
def test_openssl_verifies_what_is_only_signed_here(openssl, name, detached):
    """As CAdES too, which wants the signing-certificate attribute; and with the older command for PKCS #7."""
    message = signed_here(name, detached=detached)
    assert openssl(*VERIFY, "-cades", data=message) == ENTITY
    assert openssl(*VERIFY, data=message, command="smime") == ENTITY


def test_openssl_verifies_the_bare_structure_and_refuses_another_content(openssl, folder):
    encoded = structure(signed_here("ada"))
    assert openssl(*VERIFY, "-inform", "DER", data=encoded) == ENTITY
    openssl(*VERIFY, "-inform", "DER", data=encoded.replace(b"Hello", b"Hallo"), fails=True)


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_openssl_refuses_what_was_changed_here(openssl, content_encryption):
    """
    CBC authenticates nothing: what is refused is a padding that can't be one. So the bit that is changed is in
    the last byte but one block, behind which stand ten of end-of-contents; any other lets one message in 256 pass.
    """
    recipients = [Recipient(certificate("rita"), OWN_CAPABILITIES)]
    encoded = bytearray(structure(made(lambda sink: enveloping(sink, recipients=recipients, content_encryption=content_encryption))))
    encoded[-10 - 16 - 1] ^= 0x80
    openssl("-decrypt", "-inform", "DER", *to("rita"), data=bytes(encoded), fails=True)


def test_openssl_prints_the_attributes_of_a_signature_made_here(openssl):
    signed = openssl("-decrypt", *to("bob"), data=wrapped("ada", "gcm"))
    printed = openssl("-cmsout", "-print", data=signed).decode()
    for name in ("securityLabel", "receiptRequest", "contentIdentifier", "signingCertificateV2", "S/MIME Capabilities", "signingTime"):
        assert name in printed
    assert "1.3.6.1.4.1.22112.1.1" in printed
    assert "ACME INTERNAL" in printed


def test_a_signer_that_openssl_adds_stands_beside_the_one_from_here(openssl):
    options = ("-resign", "-inform", "DER", "-outform", "DER", "-signer", "rita.pem", "-certfile", "ca.pem")
    (layer,) = opened(openssl(*options, data=structure(signed_here("ada")))).layers
    assert {each.certificate for each in layer.verified_signers} == {certificate("ada"), certificate("rita")}


# Made there


FORMS = {
    "clear": (),
    "opaque": ("-nodetach",),
    "streamed": ("-nodetach", "-stream"),
    "not streamed": ("-nodetach", "-noindef"),
    "no attributes": ("-noattr",),
    "opaque without attributes": ("-noattr", "-nodetach"),
    "key identifier": ("-keyid",),
    "CAdES": ("-cades",),
    "no capabilities": ("-nosmimecap",),
    "CRLF": ("-crlfeol",),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("algorithm", "options"), each(OPENSSL_SIGNATURES))
def test_what_openssl_signs_verifies_here(openssl, algorithm, options, form):
    name, *options = options
    # OpenSSL 3.0 does not stream RSASSA-PSS
    result = opened(openssl("-sign", *who(name), *options, *FORMS[form], data=ENTITY, known_gap="illegal zero content"))
    signer = result.require_verified().signer
    assert (signer.certificate, signer.signature_algorithm, read(result)) == (certificate(name), algorithm, ENTITY)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("name", EVERYBODY)
def test_every_kind_of_key_goes_with_every_digest(openssl, name, digest):
    assert opened(openssl("-sign", *who(name), "-md", digest, data=ENTITY)).require_verified().address == f"{name}@example.org"


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("salt", ["digest", "max"])
def test_pss_signatures_of_openssl_verify_here(openssl, salt, digest):
    options = ("-md", digest, "-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
    assert opened(openssl("-sign", *who("rita"), *options, data=ENTITY)).verdict == "verified"


@pytest.mark.parametrize("form", [(), ("-nodetach",)], ids=["clear", "opaque"])
def test_the_older_pkcs7_signatures_of_openssl_verify_here(openssl, form):
    message = openssl("-sign", *who("rita"), *form, data=ENTITY, command="smime")
    assert b"application/x-pkcs7-" in message
    assert opened(message).require_verified().address == "rita@example.org"


def test_signers_with_different_algorithms_verify_each(openssl):
    signers = ("-signer", "ada.pem", "-signer", "carl.pem", "-signer", "rita.pem", "-keyopt", "rsa_padding_mode:pss", "-signer", "bob.pem")
    result = opened(openssl("-sign", *signers, "-certfile", "ca.pem", "-from", "ada@example.org", data=ENTITY))
    signers = result.layers[0].verified_signers
    assert {each.signature_algorithm for each in signers} == {"ECDSA with SHA-256", "RSASSA-PSS"}
    assert {each.certificate for each in signers} == set(map(certificate, EVERYBODY))


@pytest.mark.parametrize("form", [("-nodetach",), ("-nodetach", "-binary")], ids=["text", "binary"])
def test_opaque_content_is_as_it_was_signed(openssl, form):
    """RFC 8551 section 3.1.1 wants CRLF; content that was signed with other line ends verifies as it is."""
    result = opened(openssl("-sign", *who("ada"), *form, data=LF))
    assert (result.verdict, read(result)) == ("verified", LF if "-binary" in form else ENTITY)


def test_clear_signed_content_is_canonical(openssl):
    """RFC 8551 section 3.1.1: what is signed has CRLF line ends, so a signature of bare LF is not one of this entity."""
    assert opened(openssl("-sign", *who("ada"), data=LF)).verdict == "verified"
    assert opened(openssl("-sign", *who("ada"), "-binary", data=LF)).verdict == "not-verified"


def test_text_headers_of_openssl_are_part_of_the_entity(openssl):
    result = opened(openssl("-sign", *who("ada"), "-text", data=b"Hello\n"))
    assert (result.verdict, read(result)) == ("verified", b"Content-Type: text/plain\r\n\r\nHello\r\n")


@pytest.mark.parametrize("form", [(), ("-stream",), ("-keyid",), ("-outform", "DER")], ids=["plain", "streamed", "key identifier", "bare"])
@pytest.mark.parametrize(("cipher", "option"), each(OPENSSL_CIPHERS))
@pytest.mark.parametrize("name", EVERYBODY)
def test_what_openssl_encrypts_opens_here(openssl, name, cipher, option, form):
    result = opened(openssl("-encrypt", option, *form, *to(name), data=ENTITY), decryption_key(name))
    (layer,) = result.layers
    assert (read(result), layer.content_encryption, layer.authenticated) == (ENTITY, cipher, cipher.endswith("GCM"))


@pytest.mark.parametrize("cipher", ["-aes256", "-des3"])
def test_what_the_older_command_encrypts_opens_here(openssl, cipher):
    assert read(opened(openssl("-encrypt", cipher, "rita.pem", data=ENTITY, command="smime"), decryption_key("rita"))) == ENTITY


@pytest.mark.parametrize(("algorithm", "options"), each(OPENSSL_KEY_TRANSPORTS))
def test_every_key_transport_of_openssl_opens_here(openssl, algorithm, options):
    result = opened(openssl("-encrypt", "-aes256", *to("rita"), *options, data=ENTITY), decryption_key("rita"))
    assert (read(result), result.layers[0].recipients[0].algorithm) == (ENTITY, algorithm)


@pytest.mark.parametrize("mgf", ["sha1", "sha256"])
@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_oaep_of_openssl_opens_here(openssl, digest, mgf):
    options = [f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{mgf}", "rsa_oaep_label:6c6162656c"]
    keyopts = [option for each in ("rsa_padding_mode:oaep", *options) for option in ("-keyopt", each)]
    assert read(opened(openssl("-encrypt", "-aes256", *to("rita"), *keyopts, data=ENTITY), decryption_key("rita"))) == ENTITY


@pytest.mark.parametrize("name", ["ada", "bob", "carl"])
@pytest.mark.parametrize(("scheme", "options"), each(OPENSSL_KEY_AGREEMENTS))
def test_every_key_agreement_of_openssl_opens_here(openssl, scheme, options, name):
    result = opened(openssl("-encrypt", "-aes128", *to(name), *options, data=ENTITY), decryption_key(name))
    assert (read(result), result.layers[0].recipients[0].algorithm) == (ENTITY, scheme)


@pytest.mark.parametrize(("_", "options"), each(OPENSSL_KEY_WRAPS))
def test_every_key_wrap_of_openssl_opens_here(openssl, _, options):
    assert read(opened(openssl("-encrypt", *options, *to("bob"), data=ENTITY), decryption_key("bob"))) == ENTITY


def test_a_message_that_openssl_signs_and_encrypts_opens_here(openssl):
    # OpenSSL puts the header fields inside, so the outer ones are written here
    encrypted = openssl("-encrypt", "-aes-256-gcm", *to(*EVERYBODY), data=openssl("-sign", *who("ada"), "-nodetach", data=ENTITY))
    for name in EVERYBODY:
        result = opened(b"From: ada@example.org\r\n" + encrypted, decryption_key(name))
        assert result.require_verified().address == "ada@example.org"


def test_a_message_that_openssl_wraps_three_times_opens_here(openssl):
    signed = openssl("-sign", *who("ada"), data=ENTITY)
    outer = openssl("-sign", *who("ada"), "-nodetach", data=openssl("-encrypt", "-aes-256-cbc", *to("bob"), data=signed))
    result = opened(outer, decryption_key("bob"))
    assert (result.verdict, len(result.layers), read(result)) == ("verified", 3, ENTITY)


def test_what_was_encrypted_here_and_signed_there_is_not_signed_content(openssl):
    """Only the encrypted form is signed: anybody can do that to another's message."""
    enveloped = made(lambda sink: enveloping(sink, recipients=[certificate("bob")]))
    result = opened(openssl("-sign", *who("ada"), "-nodetach", data=enveloped), decryption_key("bob"))
    assert (result.verdict, read(result)) == ("not-verified", ENTITY)


def test_a_signature_over_a_signature_verifies_both_ways(openssl):
    inner = made(lambda sink: signing(sink, signer=signing_key("ada"), now=NOW, certificates=[certificate("ca")], detached=True))
    outer = openssl("-sign", *who("ada"), "-nodetach", data=inner)
    assert [each.status for layer in opened(outer).layers for each in layer.signers] == ["valid", "valid"]
    assert openssl(*VERIFY, data=openssl(*VERIFY, data=outer)) == ENTITY
