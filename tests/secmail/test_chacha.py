"""ChaCha20-Poly1305 as a stream (RFC 8439), and in AuthEnvelopedData (RFC 8103)."""

import io
import secrets

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from forge import CONTENT, content_info
from hypothesis import given
from hypothesis import strategies as st
from pki import NOW, certificate, decryption_key, signing_key, trust

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    DecryptionError,
    Malformed,
    Recipient,
    Unsupported,
    der,
    unwrap,
    wrapping,
)
from secmail.algorithms import CHACHA20_POLY1305, AlgorithmIdentifier
from secmail.cms import AUTH_ENVELOPED_DATA, DATA
from secmail.cms.enveloped import EnvelopedDataWriter, open_enveloped
from secmail.cms.recipients import make_all

KEY, NONCE = bytes(range(32)), bytes(range(12))
pieces = st.lists(st.binary(max_size=300), max_size=6)


@given(pieces, st.binary(max_size=40))
def test_a_stream_gives_what_the_library_gives_for_the_whole(pieces, additional):
    encryptor = CHACHA20_POLY1305.encryptor(KEY, NONCE)
    ciphertext = b"".join(map(encryptor.update, pieces)) + encryptor.finalize()
    assert ciphertext + encryptor.tag == ChaCha20Poly1305(KEY).encrypt(NONCE, b"".join(pieces), None)
    sealed = ChaCha20Poly1305(KEY).encrypt(NONCE, b"".join(pieces), additional)
    decryptor = CHACHA20_POLY1305.decryptor(KEY, NONCE)
    decryptor.authenticate_additional_data(additional)
    assert decryptor.update(sealed[:-16]) + decryptor.finalize_with_tag(sealed[-16:]) == b"".join(pieces)


@given(st.binary(min_size=1, max_size=80), st.data())
def test_whatever_is_changed_is_noticed(content, data):
    sealed = bytearray(ChaCha20Poly1305(KEY).encrypt(NONCE, content, None))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    decryptor = CHACHA20_POLY1305.decryptor(KEY, NONCE)
    decryptor.update(bytes(sealed[:-16]))
    with pytest.raises(InvalidTag):
        decryptor.finalize_with_tag(bytes(sealed[-16:]))


def sealed_by_the_library(nonce=NONCE, parameters=None, attributes=b"", mac_length=16) -> bytes:
    """An AuthEnvelopedData for ada, as another program would make it."""
    cek = secrets.token_bytes(32)
    infos = der.set_of(make_all([Recipient(certificate("ada"))], cek)[0])
    additional = der.tlv(der.SET, attributes) if attributes else None
    sealed = ChaCha20Poly1305(cek).encrypt(nonce, CONTENT, additional)
    algorithm = AlgorithmIdentifier(CHACHA20_POLY1305.oid, der.octets(nonce) if parameters is None else parameters)
    encrypted = der.sequence(der.oid(DATA), algorithm.der, der.tlv(der.context(0, constructed=False), sealed[:-16]))
    after = der.tlv(der.context(1), attributes) if attributes else b""
    return content_info(AUTH_ENVELOPED_DATA, der.sequence(der.integer(0), infos, encrypted, after, der.octets(sealed[-16:][:mac_length])))


def opened(data: bytes) -> bytes:
    return open_enveloped(BytesSource(data), keys=[decryption_key("ada")]).content.open().read()


def test_messages_of_others_open():
    """RFC 8103 section 3: the parameters are the nonce alone, "OCTET STRING (SIZE(12))"."""
    assert opened(sealed_by_the_library()) == CONTENT


def test_authenticated_attributes_are_the_additional_data():
    """RFC 5083 section 2.2."""
    hint = der.sequence(der.oid("1.2.3"), der.set_of([der.integer(1)]))
    assert opened(sealed_by_the_library(attributes=hint)) == CONTENT
    with pytest.raises(DecryptionError):
        opened(sealed_by_the_library(attributes=hint).replace(hint, hint[:-1] + b"\2"))


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_the_nonce_has_12_octets(length):
    with pytest.raises(Malformed):
        opened(sealed_by_the_library(parameters=der.octets(bytes(length))))


def test_parameters_of_gcm_are_no_nonce():
    with pytest.raises(Malformed):
        opened(sealed_by_the_library(parameters=der.sequence(der.octets(NONCE), der.integer(16))))


@pytest.mark.parametrize("mac_length", [0, 4, 12, 15])
def test_the_authentication_tag_has_16_octets(mac_length):
    with pytest.raises(DecryptionError):
        opened(sealed_by_the_library(mac_length=mac_length))


def test_it_has_no_place_in_an_enveloped_data():
    with pytest.raises(Unsupported):
        opened(sealed_by_the_library().replace(der.oid(AUTH_ENVELOPED_DATA), der.oid("1.2.840.113549.1.7.3"), 1))


def test_what_is_made_authenticates_and_is_what_the_standard_says():
    out = io.BytesIO()
    writer = EnvelopedDataWriter(out, recipients=[Recipient(certificate("ada"))], content_encryption=CHACHA20_POLY1305)
    writer.write(CONTENT)
    writer.close()
    made = out.getvalue()
    assert opened(made) == CONTENT
    position = made.index(der.oid(CHACHA20_POLY1305.oid)) + len(der.oid(CHACHA20_POLY1305.oid))
    assert made[position : position + 2] == b"\x04\x0c"


def test_a_sender_may_choose_it_and_everybody_here_reads_it():
    out = io.BytesIO(b"")
    out.write(b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
    to, options = [certificate("bob")], {"certificates": [certificate("ca")], "now": NOW}
    with wrapping(out, signer=signing_key("ada"), recipients=to, content_encryption="chacha20-poly1305", **options) as sink:
        sink.write(CONTENT)
    assert sink.envelope.content_encryption == "ChaCha20-Poly1305"
    result = unwrap(BytesSource(out.getvalue()), keys=[decryption_key("bob")], trust=trust(), now=NOW)
    assert (result.verdict, result.layers[0].kind, result.layers[0].authenticated) == ("verified", "auth-enveloped", True)
    assert CHACHA20_POLY1305.oid in OWN_CAPABILITIES
