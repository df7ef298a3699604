"""EnvelopedData and AuthEnvelopedData both ways with Bouncy Castle, for every kind of recipient."""

import pytest

from secmail import OWN_CAPABILITIES, DecryptionError, Password, Recipient, SecretKey, Unsupported, enveloping
from secmail.algorithms import (
    AES256_CBC,
    AES256_GCM,
    AES256_WRAP,
    CHACHA20_POLY1305,
    CONTENT_ENCRYPTIONS,
    KEY_AGREEMENTS,
    KEY_WRAPS,
)
from tests.interop.bouncy_castle import Failed
from tests.interop.cases import (
    BOUNCY_CASTLE_CIPHERS,
    BOUNCY_CASTLE_KEY_AGREEMENTS,
    BOUNCY_CASTLE_KEY_TRANSPORTS,
    BOUNCY_CASTLE_KEY_WRAPS,
    BOUNCY_CASTLE_PASSWORDS,
    each,
)
from tests.interop.messages import ENTITY, made, mail, opened, read, read_by, structure
from tests.secmail.pki import RECIPIENTS, certificate, decryption_key

PASSWORD = Password(b"correct")
KEYS = {size: SecretKey(bytes(range(size)), bytes([size])) for size in (16, 24, 32)}
CIPHERS = {row.name: row.oid for row in CONTENT_ENCRYPTIONS.values()}
SCHEMES = {row.name: row.oid for row in KEY_AGREEMENTS.values()}
WRAPS = {row.name: row.oid for row in KEY_WRAPS.values()}
UKM = "00112233445566778899aabbccddeeff"


def kek(key: SecretKey) -> str:
    return f"kek {key.identifier.hex()} {key.value.hex()}"


def enveloped_there(bouncy_castle, *recipients: str, cipher=AES256_CBC.oid) -> bytes:
    return mail(bouncy_castle("envelope", recipient=list(recipients), cipher=cipher, content=ENTITY)["message"][0])


def enveloped_here(*recipients, content_encryption="gcm") -> bytes:
    known = [Recipient(certificate(each), OWN_CAPABILITIES) if isinstance(each, str) else each for each in recipients]
    return structure(made(lambda sink: enveloping(sink, recipients=known, content_encryption=content_encryption)))


# Made there


@pytest.mark.parametrize(("name", "_"), each(BOUNCY_CASTLE_CIPHERS))
@pytest.mark.parametrize("recipient", ["rsa rita", f"agree {SCHEMES['ECDH with SHA-256 KDF']} {AES256_WRAP.oid} - ada"], ids=["RSA", "ECDH"])
def test_every_content_encryption_of_bouncy_castle_opens_here(bouncy_castle, recipient, name, _):
    if recipient.startswith("agree") and name.startswith("triple"):
        recipient = recipient.replace(AES256_WRAP.oid, WRAPS["triple DES key wrap"])
    result = opened(enveloped_there(bouncy_castle, recipient, cipher=CIPHERS[name]), decryption_key(recipient.split()[-1]))
    assert (read(result), result.layers[0].content_encryption) == (ENTITY, name)


@pytest.mark.parametrize(("name", "recipient"), each(BOUNCY_CASTLE_KEY_TRANSPORTS))
def test_every_key_transport_of_bouncy_castle_opens_here(bouncy_castle, name, recipient):
    result = opened(enveloped_there(bouncy_castle, recipient), decryption_key("rita"))
    assert (read(result), result.layers[0].recipients[0].algorithm) == (ENTITY, name)


@pytest.mark.parametrize("mgf", ["SHA-1", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("digest", ["SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"])
def test_oaep_of_bouncy_castle_opens_here(bouncy_castle, digest, mgf):
    assert read(opened(enveloped_there(bouncy_castle, f"oaep rita {digest} {mgf}"), decryption_key("rita"))) == ENTITY


def test_oaep_with_a_hash_that_rfc4055_does_not_name_is_unsupported(bouncy_castle):
    with pytest.raises(Unsupported, match="OAEP"):
        opened(enveloped_there(bouncy_castle, "oaep rita SHA3-256 SHA3-256"), decryption_key("rita"))


@pytest.mark.parametrize("ukm", ["-", UKM], ids=["without ukm", "with ukm"])
@pytest.mark.parametrize(("scheme", "names"), each(BOUNCY_CASTLE_KEY_AGREEMENTS))
def test_every_key_agreement_of_bouncy_castle_opens_here(bouncy_castle, scheme, names, ukm):
    for name in names:
        message = enveloped_there(bouncy_castle, f"agree {SCHEMES[scheme]} {AES256_WRAP.oid} {ukm} {name}")
        result = opened(message, decryption_key(name))
        assert (read(result), result.layers[0].recipients[0].algorithm) == (ENTITY, scheme)


@pytest.mark.parametrize(("name", "cipher"), each(BOUNCY_CASTLE_KEY_WRAPS))
def test_every_key_wrap_of_bouncy_castle_opens_here(bouncy_castle, name, cipher):
    recipient = f"agree {SCHEMES['ECDH with SHA-256 KDF']} {WRAPS[name]} {UKM} bob"
    assert read(opened(enveloped_there(bouncy_castle, recipient, cipher=CIPHERS[cipher]), decryption_key("bob"))) == ENTITY


@pytest.mark.parametrize("cipher", [AES256_CBC, AES256_GCM], ids=lambda row: row.name)
@pytest.mark.parametrize("size", KEYS)
def test_what_bouncy_castle_encrypts_with_a_shared_key_opens_here(bouncy_castle, size, cipher):
    assert read(opened(enveloped_there(bouncy_castle, kek(KEYS[size]), cipher=cipher.oid), KEYS[size])) == ENTITY


@pytest.mark.parametrize("cipher", [each for each in CONTENT_ENCRYPTIONS.values() if not each.authenticated], ids=lambda row: row.name)
@pytest.mark.parametrize(("_", "prf"), each(BOUNCY_CASTLE_PASSWORDS))
def test_what_bouncy_castle_encrypts_with_a_password_opens_here(bouncy_castle, _, prf, cipher):
    message = enveloped_there(bouncy_castle, f"password correct {cipher.oid} {prf}", cipher=AES256_GCM.oid)
    assert read(opened(message, PASSWORD)) == ENTITY


def test_all_kinds_that_bouncy_castle_mixes_open_here_each(bouncy_castle):
    scheme = SCHEMES["ECDH with SHA-384 KDF"]
    message = enveloped_there(
        bouncy_castle,
        "rsa rita",
        f"agree {scheme} {AES256_WRAP.oid} {UKM} ada gwen hugh",
        f"agree {scheme} {AES256_WRAP.oid} - carl",
        kek(KEYS[16]),
        f"password correct {AES256_CBC.oid} HMacSHA256",
        cipher=AES256_GCM.oid,
    )
    for key in (*map(decryption_key, ("rita", "ada", "gwen", "hugh", "carl")), KEYS[16], PASSWORD):
        assert read(opened(message, key)) == ENTITY


def test_an_authenticated_algorithm_without_authentication_is_unsupported(bouncy_castle):
    """RFC 8103 uses ChaCha20-Poly1305 in AuthEnvelopedData only."""
    with pytest.raises(Unsupported, match="does not fit the content type"):
        opened(enveloped_there(bouncy_castle, "rsa rita", cipher=CHACHA20_POLY1305.oid), decryption_key("rita"))


def test_a_changed_message_of_bouncy_castle_does_not_open(bouncy_castle):
    encoded = bytearray(bouncy_castle("envelope", recipient="rsa rita", cipher=AES256_GCM.oid, content=ENTITY)["message"][0])
    encoded[-10] ^= 1
    with pytest.raises(DecryptionError):
        opened(mail(bytes(encoded)), decryption_key("rita"))


# Made here


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc", "chacha20-poly1305"])
def test_bouncy_castle_opens_a_message_to_everybody_with_each_key(bouncy_castle, content_encryption):
    """One ephemeral key for all recipients of a curve, and every kind of recipient info beside it."""
    names = [*read_by("bouncy castle", RECIPIENTS), "gwen", "hugh", "xavier"]
    encoded = enveloped_here(*names, *RECIPIENTS[-2:], *KEYS.values(), PASSWORD, content_encryption=content_encryption)
    ways = [*(f"key {name}" for name in names), *map(kek, KEYS.values()), "password correct"]
    for way in ways:
        found = bouncy_castle("open", message=encoded, **{"with": way})
        assert found["content"] == [ENTITY], way


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc", "chacha20-poly1305"])
@pytest.mark.parametrize("name", read_by("bouncy castle", RECIPIENTS))
def test_bouncy_castle_opens_what_is_encrypted_here(bouncy_castle, name, content_encryption):
    encoded = enveloped_here(name, content_encryption=content_encryption)
    assert bouncy_castle("open", message=encoded, **{"with": f"key {name}"})["content"] == [ENTITY]


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc", "chacha20-poly1305"])
def test_bouncy_castle_opens_rsa_pkcs1_v15_too(bouncy_castle, content_encryption):
    encoded = enveloped_here(Recipient(certificate("rita")), content_encryption=content_encryption)
    found = bouncy_castle("open", message=encoded, **{"with": "key rita"})
    assert (found["content"], found["algorithm"]) == ([ENTITY], [b"1.2.840.113549.1.1.1"])


@pytest.mark.parametrize("name", ["rita", "ada", "xena"])
def test_bouncy_castle_refuses_a_changed_tag(bouncy_castle, name):
    encoded = bytearray(enveloped_here(name))
    encoded[-7] ^= 1  # three end-of-contents octet pairs follow the tag
    with pytest.raises(Failed):
        bouncy_castle("open", message=bytes(encoded), **{"with": f"key {name}"})
