"""EnvelopedData and AuthEnvelopedData: RFC 5652 section 6, RFC 5083, RFC 5084, RFC 5753, RFC 3218."""

import io
import secrets
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from forge import content_info
from hypothesis import given
from hypothesis import strategies as st
from pki import EVERYBODY, certificate, decryption_key

from secmail import BytesSource, DecryptionError, Malformed, NotARecipient, Recipient, Unsupported, der
from secmail.algorithms import (
    AES256_CBC,
    AES256_GCM,
    CHACHA20_POLY1305,
    CONTENT_ENCRYPTIONS,
    OAEP_SHA256,
    OWN_CAPABILITIES,
    PKCS1_V15,
    AlgorithmIdentifier,
)
from secmail.cms import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA
from secmail.cms.attributes import CONTENT_TYPE, attribute
from secmail.cms.enveloped import EnvelopedDataWriter, open_enveloped
from secmail.cms.recipients import KeyAgreeRecipientInfo, KeyTransRecipientInfo, make_all
from secmail.streams import CHUNK

CONTENT = b"Attack at dawn.\r\n" * 9
ALL = (AES256_GCM, AES256_CBC, CHACHA20_POLY1305)


def made(*names, content=CONTENT, content_encryption=AES256_GCM, capabilities=OWN_CAPABILITIES) -> bytes:
    out = io.BytesIO()
    recipients = [Recipient(certificate(name), capabilities) for name in names]
    writer = EnvelopedDataWriter(out, recipients=recipients, content_encryption=content_encryption)
    writer.write(content)
    writer.close()
    return out.getvalue()


def opened(data: bytes, *names) -> bytes:
    enveloped = open_enveloped(BytesSource(data), keys=[decryption_key(name) for name in names])
    return enveloped.content.open().read()


def forged(recipient_infos: bytes, algorithm: AlgorithmIdentifier, encrypted: bytes, *after: bytes) -> bytes:
    """An envelope from its members; with members after the encrypted content an AuthEnvelopedData."""
    content = der.tlv(der.context(0, constructed=False), encrypted)
    encrypted_content_info = der.sequence(der.oid(DATA), algorithm.der, content)
    structure = der.sequence(der.integer(0), recipient_infos, encrypted_content_info, *after)
    return content_info(AUTH_ENVELOPED_DATA if after else ENVELOPED_DATA, structure)


def gcm_parts(nonce_length=12, icv_length: int | None = 16, cek_length=32):
    """(recipient infos for ada, content-encryption key, nonce, parameters)"""
    cek, nonce = secrets.token_bytes(cek_length), secrets.token_bytes(nonce_length)
    infos = der.set_of(make_all([Recipient(certificate("ada"))], cek)[0])
    parameters = der.sequence(der.octets(nonce), b"" if icv_length is None else der.integer(icv_length))
    return infos, cek, nonce, AlgorithmIdentifier(AES256_GCM.oid, parameters)


# Made and read


@pytest.mark.parametrize("content_encryption", ALL)
@pytest.mark.parametrize("capabilities", [OWN_CAPABILITIES, frozenset()])
def test_every_recipient_opens_the_one_message(content_encryption, capabilities):
    data = made(*EVERYBODY, content_encryption=content_encryption, capabilities=capabilities)
    for name in EVERYBODY:
        assert opened(data, name) == CONTENT


@given(st.lists(st.binary(max_size=70_000), max_size=4), st.sampled_from(ALL))
def test_content_of_any_size_in_any_pieces_comes_back(pieces, content_encryption):
    out = io.BytesIO()
    writer = EnvelopedDataWriter(out, recipients=[Recipient(certificate("ada"))], content_encryption=content_encryption)
    for each in pieces:
        writer.write(each)
    writer.close()
    assert opened(out.getvalue(), "ada") == b"".join(pieces)


@pytest.mark.parametrize("size", [10, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("content_encryption", [AES256_GCM, AES256_CBC])
def test_each_pass_gives_the_content_from_the_start(size, content_encryption):
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    data = made("ada", content=content, content_encryption=content_encryption)
    enveloped = open_enveloped(BytesSource(data), keys=[decryption_key("ada")])
    with enveloped.content.open() as first, enveloped.content.open() as second:
        assert first.read(10) == second.read(10) == content[:10]
        assert first.read() == second.read() == content[10:]


@pytest.mark.parametrize(("size", "passes"), [(CHUNK, 1), (CHUNK + 1, 3)])
def test_only_what_is_more_than_a_chunk_is_decrypted_again(size, passes):
    """One pass to check, and one for each time that the content is asked for and not held."""
    source = Counted(made("ada", content=bytes(size)))
    enveloped = open_enveloped(source, keys=[decryption_key("ada")])
    for _ in range(2):
        assert enveloped.content.open().read() == bytes(size)
    assert source.passes == passes


class Counted(BytesSource):
    passes = 0

    def open(self):
        self.passes += 1
        return super().open()


def infos_in(data: bytes) -> list[der.Element]:
    structure = der.Reader(der.definite(data)[0]).inside()
    structure.oid()
    members = structure.inside(der.context(0)).inside()
    members.integer()
    return list(members.inside(der.SET))


@pytest.mark.parametrize("content_encryption", ALL)
def test_nothing_random_is_used_twice(content_encryption):
    """RFC 5753 section 3.1.1 for the ephemeral key, RFC 5084 section 1.3 for key and nonce."""
    one, two = made("ada", content_encryption=content_encryption), made("ada", content_encryption=content_encryption)
    first, second = (KeyAgreeRecipientInfo.from_element(infos_in(each)[0]) for each in (one, two))
    assert first.originator != second.originator
    assert first.ukm != second.ukm
    assert first.recipient_encrypted_keys != second.recipient_encrypted_keys
    assert one[-len(CONTENT) :] != two[-len(CONTENT) :]


def test_one_ephemeral_key_serves_all_recipients_of_a_curve():
    """RFC 5652 section 6.2.2: "one or more recipients that use the same key agreement algorithm and domain parameters"."""
    infos = infos_in(made("ada", "gwen", "hugh", "bob", "rita"))
    assert sorted(each.tag for each in infos) == [der.SEQUENCE, der.context(1), der.context(1)]
    keys = [len(list(der.Reader(KeyAgreeRecipientInfo.from_element(each).recipient_encrypted_keys))) for each in infos[1:]]
    assert sorted(keys) == [1, 3]


def test_the_user_keying_material_has_32_octets():
    assert len(KeyAgreeRecipientInfo.from_element(infos_in(made("ada"))[0]).ukm) == 32


def test_a_key_is_listed_once_however_often_it_is_given():
    assert len(infos_in(made("rita", "rita"))) == 1
    (agreement,) = infos_in(made("ada", "ada"))
    assert len(list(der.Reader(KeyAgreeRecipientInfo.from_element(agreement).recipient_encrypted_keys))) == 1


@pytest.mark.parametrize(("capabilities", "algorithm"), [(OWN_CAPABILITIES, OAEP_SHA256), (frozenset(), PKCS1_V15)])
def test_rsa_recipients_get_oaep_where_it_is_known_to_be_read(capabilities, algorithm):
    (info,) = infos_in(made("rita", capabilities=capabilities))
    assert KeyTransRecipientInfo.from_element(info).key_encryption_algorithm == algorithm


def test_the_version_is_that_of_rfc5652_6_1():
    """0 with version 0 recipient infos only, 2 otherwise; always 0 for AuthEnvelopedData (RFC 5083 section 2.1)."""
    for names, content_encryption, version in (("rita", AES256_CBC, 0), ("ada", AES256_CBC, 2), ("ada", AES256_GCM, 0)):
        structure = der.read(der.definite(made(names, content_encryption=content_encryption))[0])
        structure.oid()
        assert structure.inside(der.context(0)).inside().integer() == version


def test_a_recipient_may_be_named_by_its_key_identifier():
    identifier = certificate("rita").subject_key_identifier
    cek = secrets.token_bytes(32)
    info = KeyTransRecipientInfo.make_all([certificate("rita")], OAEP_SHA256, cek)[0]
    members = list(der.read(info))
    named = der.sequence(der.integer(2), der.tlv(0x80, identifier), members[2].der, members[3].der)
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(cek).encrypt(nonce, CONTENT, None)
    algorithm = AlgorithmIdentifier(AES256_GCM.oid, der.sequence(der.octets(nonce), der.integer(16)))
    assert opened(forged(der.set_of([named]), algorithm, sealed[:-16], der.octets(sealed[-16:])), "rita") == CONTENT


def test_authenticated_attributes_are_authenticated():
    """RFC 5083 section 2.2: the DER encoding of authAttrs, tagged as a SET OF, is the additional data."""
    infos, cek, nonce, algorithm = gcm_parts()
    attributes = [attribute(CONTENT_TYPE, der.oid(DATA))]
    sealed = AESGCM(cek).encrypt(nonce, CONTENT, der.set_of(attributes))
    auth_attrs, mac = der.set_of(attributes, der.context(1)), der.octets(sealed[-16:])
    assert opened(forged(infos, algorithm, sealed[:-16], auth_attrs, mac), "ada") == CONTENT
    other = der.set_of([attribute(CONTENT_TYPE, der.oid("1.2.3"))], der.context(1))
    for changed in ((other, mac), (mac,)):
        with pytest.raises(DecryptionError):
            opened(forged(infos, algorithm, sealed[:-16], *changed), "ada")


def gcm_sealed(icv_length: int | None, mac_length: int, nonce_length=12) -> bytes:
    infos, cek, nonce, algorithm = gcm_parts(nonce_length, icv_length)
    sealed = AESGCM(cek).encrypt(nonce, CONTENT, None)
    return forged(infos, algorithm, sealed[:-16], der.octets(sealed[-16:][:mac_length]))


def test_an_absent_icv_length_means_twelve():
    """RFC 5084 section 3.2: "AES-GCM-ICVlen DEFAULT 12"."""
    assert opened(gcm_sealed(None, 12), "ada") == CONTENT
    with pytest.raises(DecryptionError):
        opened(gcm_sealed(None, 16), "ada")


@pytest.mark.parametrize("nonce_length", [8, 12, 16])
def test_other_nonce_lengths_are_read(nonce_length):
    assert opened(gcm_sealed(16, 16, nonce_length), "ada") == CONTENT


@pytest.mark.parametrize(("icv_length", "mac_length"), [(16, 15), (16, 12), (16, 0), (12, 16)])
def test_an_authentication_tag_of_another_length_than_stated_is_refused(icv_length, mac_length):
    with pytest.raises(DecryptionError):
        opened(gcm_sealed(icv_length, mac_length), "ada")


@pytest.mark.parametrize("icv_length", [0, 4, 8, 11, 17, -1])
def test_short_authentication_tags_are_refused(icv_length):
    with pytest.raises(Malformed):
        opened(gcm_sealed(icv_length, 16), "ada")


@pytest.mark.parametrize("row", [each for each in CONTENT_ENCRYPTIONS.values() if not each.authenticated], ids=lambda row: row.name)
def test_cbc_with_every_key_length_is_read(row):
    cek = secrets.token_bytes(row.key_length)
    cipher = row.cipher(cek)
    block = cipher.block_size // 8
    vector, padding = secrets.token_bytes(block), block - len(CONTENT) % block
    encryptor = Cipher(cipher, modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(CONTENT + bytes([padding]) * padding) + encryptor.finalize()
    info = KeyTransRecipientInfo.make_all([certificate("rita")], PKCS1_V15, cek)[0]
    assert opened(forged(der.set_of([info]), AlgorithmIdentifier(row.oid, der.octets(vector)), encrypted), "rita") == CONTENT


# Refused


def test_a_key_that_is_no_recipients_is_told_so():
    with pytest.raises(NotARecipient):
        opened(made("ada", "rita"), "bob")
    with pytest.raises(NotARecipient):
        opened(made("ada"))
    assert opened(made("ada", "rita"), "bob", "rita") == CONTENT


def failures(data: bytes, *names) -> str:
    with pytest.raises(DecryptionError) as caught:
        opened(data, *names)
    return str(caught.value)


def test_all_failures_after_a_match_are_worded_alike():
    """No oracle: RFC 3218 section 2.3 for keys, and the same for content."""
    texts = set()
    for name in ("ada", "rita"):
        data = made(name)
        wrapped_key = infos_in(data)[0].der[-20:]
        texts.add(failures(data.replace(wrapped_key, bytes(20)), name))
        texts.add(failures(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:], name))
        # Without a whole last block there is no padding, whatever the key
        cbc = made(name, content=bytes(15), content_encryption=AES256_CBC)
        texts.add(failures(cbc.replace(b"\4\x10" + cbc[-26:-10], b"\4\x0f" + cbc[-26:-11]), name))
    assert len(texts) == 1


def test_a_wrong_rsa_key_behind_pkcs1_v15_fails_as_content():
    """Implicit rejection: bad padding gives a random key, not an error of its own."""
    data = made("rita", capabilities=frozenset())
    encrypted_key = KeyTransRecipientInfo.from_element(infos_in(data)[0]).encrypted_key
    for changed in (bytes(255) + b"\2", bytes([encrypted_key[0] ^ 1]) + encrypted_key[1:]):
        failures(data.replace(encrypted_key, changed), "rita")


@given(st.integers(0, 100_000), st.integers(1, 255))
def test_a_flipped_byte_never_opens_as_something_else(position, mask):
    data = bytearray(GCM_ONCE)
    data[position % len(data)] ^= mask
    with suppress(DecryptionError, NotARecipient, Malformed, Unsupported):
        assert opened(bytes(data), "ada") == CONTENT


GCM_ONCE = made("ada", "rita")


def test_every_flipped_bit_of_the_encrypted_content_is_noticed():
    start = GCM_ONCE.index(b"\xa0\x80\x04") + 5
    for position in range(start, start + len(CONTENT)):
        data = bytearray(GCM_ONCE)
        data[position] ^= 1
        failures(bytes(data), "ada")


@pytest.mark.parametrize("cut", [1, 10, 30, 100])
@pytest.mark.parametrize("content_encryption", ALL)
def test_a_message_that_is_cut_off_is_refused(cut, content_encryption):
    data = made("ada", content=CONTENT * 1000, content_encryption=content_encryption)
    with pytest.raises((Malformed, DecryptionError)):
        opened(data[: -cut - 8], "ada")


def test_gcm_may_not_stand_in_an_enveloped_data_nor_cbc_in_an_auth_enveloped_data():
    """Otherwise authenticated content could be passed off as content without authentication (RFC 5084 section 6)."""
    infos, cek, nonce, algorithm = gcm_parts()
    sealed = AESGCM(cek).encrypt(nonce, CONTENT, None)
    with pytest.raises(Unsupported):
        opened(forged(infos, algorithm, sealed[:-16]), "ada")
    cbc = AlgorithmIdentifier(AES256_CBC.oid, der.octets(bytes(16)))
    with pytest.raises(Unsupported):
        opened(forged(infos, cbc, sealed[:-16], der.octets(sealed[-16:])), "ada")


def test_only_data_is_in_an_envelope():
    """The content type is not authenticated: a changed one must not make other content of the same octets."""
    position = GCM_ONCE.index(der.oid(DATA)) + len(der.oid(DATA)) - 1
    with pytest.raises(Unsupported):
        opened(GCM_ONCE[:position] + b"\2" + GCM_ONCE[position + 1 :], "ada")


@pytest.mark.parametrize("vector", [0, 8, 15, 17])
def test_an_initialization_vector_has_the_length_of_a_block(vector):
    infos, *_ = gcm_parts()
    with pytest.raises(Malformed):
        opened(forged(infos, AlgorithmIdentifier(AES256_CBC.oid, der.octets(bytes(vector))), bytes(32)), "ada")


def test_an_algorithm_without_a_row_is_unsupported():
    infos, *_ = gcm_parts()
    with pytest.raises(Unsupported):
        opened(forged(infos, AlgorithmIdentifier("1.2.840.113549.3.2", der.octets(bytes(8))), bytes(32)), "ada")


def test_a_key_for_another_cipher_is_a_decryption_error():
    """A content-encryption key of 32 octets where AES-128 needs 16."""
    for name in ("ada", "rita"):
        infos = der.set_of(make_all([Recipient(certificate(name))], bytes(32))[0])
        algorithm = AlgorithmIdentifier("2.16.840.1.101.3.4.1.6", der.sequence(der.octets(bytes(12)), der.integer(16)))
        failures(forged(infos, algorithm, CONTENT, der.octets(bytes(16))), name)


def test_kinds_of_recipient_infos_that_are_not_read_are_passed_over():
    others = [der.tlv(der.context(number), der.integer(number)) for number in (2, 3, 4)]
    mine, cek, nonce, algorithm = gcm_parts()
    sealed = AESGCM(cek).encrypt(nonce, CONTENT, None)
    together = der.set_of([*others, *(each.der for each in der.read(mine, der.SET))])
    assert opened(forged(together, algorithm, sealed[:-16], der.octets(sealed[-16:])), "ada") == CONTENT


def test_ten_thousand_recipients_are_read_and_not_a_hundred_thousand():
    mine, cek, nonce, algorithm = gcm_parts()
    sealed = AESGCM(cek).encrypt(nonce, CONTENT, None)
    for count, outcome in ((10_000, None), (100_000, Malformed)):
        infos = der.tlv(der.SET, der.sequence(der.integer(0)) * count, der.read(mine, der.SET).rest())
        data = forged(infos, algorithm, sealed[:-16], der.octets(sealed[-16:]))
        if outcome is None:
            assert opened(data, "ada") == CONTENT
        else:
            with pytest.raises(outcome):
                opened(data, "ada")


def test_encrypting_to_nobody_is_a_callers_mistake():
    with pytest.raises(ValueError):
        made()
