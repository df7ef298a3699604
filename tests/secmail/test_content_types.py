"""EncryptedData and DigestedData, read; certificates-only, made and read: RFC 5652 sections 7 and 8, RFC 8551 section 3.8."""

import base64
import io
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from forge import CONTENT, content_info
from hypothesis import given
from hypothesis import strategies as st
from pki import NOW, SHARED, certificate, trust

from secmail import (
    BytesSource,
    DataLayer,
    DecryptionError,
    DigestedLayer,
    EnvelopedLayer,
    Malformed,
    NotARecipient,
    Password,
    SecretKey,
    SignedLayer,
    TrustStore,
    Unsupported,
    der,
    send_certificates,
    unwrap,
)
from secmail.algorithms import AES256_CBC, CONTENT_ENCRYPTIONS, DIGESTS, SHA1, SHA256, AlgorithmIdentifier
from secmail.cms import DATA, DIGESTED_DATA, ENCRYPTED_DATA, SIGNED_DATA
from secmail.cms.digested import open_digested
from secmail.cms.enveloped import open_encrypted, open_enveloped
from secmail.cms.signed import certificates_only, verify

KEY = SecretKey(secrets.token_bytes(32), b"id")
needs_vectors = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")


def entity(structure: bytes) -> bytes:
    fields = b"From: ada@example.org\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return fields + base64.encodebytes(structure)


def opened(structure: bytes, *keys):
    return unwrap(BytesSource(entity(structure)), keys=keys, trust=trust(), now=NOW)


# EncryptedData


def encrypted_data(content: bytes, key: SecretKey, row=AES256_CBC, content_type=DATA) -> bytes:
    cipher = row.cipher(key.value)
    block = row.block_length
    vector, padding = secrets.token_bytes(block), block - len(content) % block
    encryptor = Cipher(cipher, modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()
    info = der.sequence(
        der.oid(content_type), AlgorithmIdentifier(row.oid, der.octets(vector)).der, der.tlv(der.context(0, constructed=False), encrypted)
    )
    return content_info(ENCRYPTED_DATA, der.sequence(der.integer(0), info))


@given(st.binary(max_size=5000), st.sampled_from([r for r in CONTENT_ENCRYPTIONS.values() if not r.authenticated]))
def test_encrypted_data_opens_with_its_key(content, row):
    key = SecretKey(secrets.token_bytes(row.key_length))
    content = b"\r\n" + content
    assert open_encrypted(BytesSource(encrypted_data(content, key, row)), keys=[key]).content.open().read() == content


def test_encrypted_data_is_a_layer_that_nothing_authenticates():
    result = opened(encrypted_data(CONTENT, KEY), KEY, Password(b"x"), SecretKey(bytes(16)))  # with other keys first, CBC now and then yields garbage
    assert result.layers == (EnvelopedLayer("AES-256-CBC", False, False, None, "encrypted", "the shared key 6964"),)
    assert (result.is_encrypted, result.is_authenticated, result.content.open().read()) == (True, False, CONTENT)


def test_encrypted_data_without_a_fitting_key_is_somebody_elses():
    for keys in ([], [SecretKey(bytes(16))], [Password(b"x")]):
        with pytest.raises(NotARecipient):
            opened(encrypted_data(CONTENT, KEY), *keys)


def test_encrypted_data_that_does_not_decrypt_is_a_decryption_error():
    with pytest.raises(DecryptionError):
        open_encrypted(BytesSource(shortened(encrypted_data(CONTENT, KEY))), keys=[KEY])


def shortened(structure: bytes) -> bytes:
    """The same with one octet less of encrypted content."""
    data = der.read(structure)
    content_type, encrypted = data.element().der, data.inside(der.context(0)).inside()
    version, info = encrypted.element().der, list(encrypted.inside())
    cut = der.tlv(info[2].tag, info[2].content[:-1])
    return der.sequence(content_type, der.tlv(der.context(0), der.sequence(version, der.sequence(info[0].der, info[1].der, cut))))


def test_envelopes_and_encrypted_data_are_not_taken_for_each_other():
    with pytest.raises(Malformed):
        open_enveloped(BytesSource(encrypted_data(CONTENT, KEY)), keys=[KEY])
    with pytest.raises(Unsupported):
        opened(encrypted_data(CONTENT, KEY, content_type="1.2.840.113549.1.7.2"), KEY)


@needs_vectors
def test_the_encrypted_message_of_rfc4134_opens():
    """RFC 4134 section 7.1."""
    key = SecretKey(bytes.fromhex("737c791f25ead0e04629254352f7dc6291e5cb26917ada32"))
    result = open_encrypted(BytesSource((SHARED / "rfc4134/7.1.bin").read_bytes()), keys=[key])
    assert result.content.open().read() == (SHARED / "rfc4134/ExContent.bin").read_bytes()
    assert result.content_encryption.weak


# DigestedData


def digested_data(content: bytes, digest=SHA256, value: bytes | None = None, content_type=DATA) -> bytes:
    inner = der.sequence(der.oid(content_type), der.tlv(der.context(0), der.octets(content)))
    value = digest.of(content) if value is None else value
    return content_info(DIGESTED_DATA, der.sequence(der.integer(0), digest.identifier.der, inner, der.octets(value)))


@given(st.binary(max_size=2000), st.sampled_from(list(DIGESTS.values())))
def test_digested_data_gives_its_content(content, digest):
    digested = open_digested(BytesSource(digested_data(content, digest)))
    assert (digested.content.open().read(), digested.digest_algorithm) == (content, digest)


def test_digested_data_proves_nothing_about_anybody():
    result = opened(digested_data(CONTENT))
    assert result.layers == (DigestedLayer("SHA-256"),)
    assert (result.verdict, result.is_encrypted, result.is_authenticated) == ("unsigned", False, False)


@pytest.mark.parametrize("value", [b"", bytes(32), SHA1.of(CONTENT), SHA256.of(CONTENT)[:-1]])
def test_a_digest_that_is_not_the_contents_is_refused(value):
    with pytest.raises(Malformed):
        opened(digested_data(CONTENT, value=value))


def test_digested_content_of_other_types_is_unsupported():
    with pytest.raises(Unsupported):
        opened(digested_data(CONTENT, content_type="1.2.840.113549.1.7.2"))


@needs_vectors
def test_the_digested_message_of_rfc4134_opens():
    """RFC 4134 section 6."""
    digested = open_digested(BytesSource((SHARED / "rfc4134/6.0.bin").read_bytes()))
    assert digested.content.open().read() == (SHARED / "rfc4134/ExContent.bin").read_bytes()
    assert digested.digest_algorithm is SHA1


# Data


def data(content: bytes) -> bytes:
    return content_info(DATA, der.octets(content))


def test_data_is_opened_and_proves_nothing():
    result = opened(data(CONTENT))
    assert (result.layers, result.verdict, result.content.open().read()) == ((DataLayer(),), "unsigned", CONTENT)


@pytest.mark.parametrize("encoded", [content_info(DATA, der.integer(1)), data(CONTENT)[:-1]], ids=["no octets", "cut short"])
def test_data_that_is_not_whole_is_malformed(encoded):
    with pytest.raises(Malformed):
        opened(encoded)


@needs_vectors
@pytest.mark.parametrize("name", ["3.1", "3.2"])
def test_the_trivial_messages_of_rfc4134_open(name):
    """RFC 4134 section 3, in BER and in DER, and no MIME around."""
    message = BytesSource((SHARED / f"rfc4134/{name}.bin").read_bytes())
    result = unwrap(message, keys=[], trust=trust(), now=NOW)
    assert result.content.open().read() == (SHARED / "rfc4134/ExContent.bin").read_bytes()


# Certificates only


def sent(*names, crls=()) -> bytes:
    out = io.BytesIO(b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
    out.seek(0, io.SEEK_END)
    send_certificates([certificate(name) for name in names], out, crls=crls)
    return out.getvalue()


def test_certificates_come_without_any_signature():
    message = sent("ada", "rita", "dil44", "kem768")
    assert b'smime-type=certs-only; name="smime.p7c"' in message
    result = unwrap(BytesSource(message), keys=[], trust=trust(), now=NOW)
    (layer,) = result.layers
    assert isinstance(layer, SignedLayer)
    assert set(layer.certificates) == set(map(certificate, ("ada", "rita", "dil44", "kem768")))
    assert (layer.signers, result.verdict, result.entity, result.content.open().read()) == ((), "unsigned", None, b"")


def test_crls_come_along():
    crl = der.sequence(der.sequence(), der.sequence(), der.octets(b""))
    data = certificates_only([certificate("ada")], [crl])
    assert verify(BytesSource(data), trust=TrustStore([]), now=NOW).crls == (crl,)


def test_a_certificate_that_cant_be_read_does_not_hide_the_others():
    bag = der.set_of([der.sequence(der.integer(1)), certificate("ada").der], der.context(0))
    structure = der.sequence(der.integer(1), der.set_of(()), der.sequence(der.oid(DATA)), bag, der.set_of(()))
    signed = verify(BytesSource(content_info(SIGNED_DATA, structure)), trust=trust(), now=NOW)
    assert signed.certificates == (certificate("ada"),)
