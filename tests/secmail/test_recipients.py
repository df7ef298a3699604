"""RecipientInfos of every kind: RFC 5652 section 6.2, RFC 8418, RFC 9629, RFC 9936, RFC 3211."""

import io
import secrets
from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives.asymmetric import x448, x25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import RECIPIENTS, certificate, decryption_key, private_key

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    DecryptionError,
    Malformed,
    NotARecipient,
    Password,
    Recipient,
    SecretKey,
    SoftwareDecryptionKey,
    Unsupported,
    der,
)
from secmail.algorithms import (
    AES256_CBC,
    AES256_GCM,
    CONTENT_ENCRYPTIONS,
    ECDH_HKDF_SHA256,
    KEY_AGREEMENTS,
    MGF1,
    SHA3_256,
    AlgorithmIdentifier,
    oaep_parameters,
)
from secmail.algorithms.hkdf import hkdf
from secmail.certificates import Certificate
from secmail.cms import keyagree, shared
from secmail.cms.enveloped import EnvelopedDataWriter, open_enveloped
from secmail.cms.kemri import KEMRecipientInfo
from secmail.cms.keyagree import DOMAINS, KeyAgreeRecipientInfo
from secmail.cms.recipients import make_all, open_first
from secmail.cms.shared import PasswordRecipientInfo, unwrap_cek, wrap_cek
from secmail.cms.summary import summaries

CONTENT = b"Attack at dawn.\r\n" * 9
SHARED_KEYS = [SecretKey(secrets.token_bytes(size), bytes([size])) for size in (16, 24, 32)]
PASSWORD = Password("correct horse ü".encode())
CEK = secrets.token_bytes(32)


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    """A password costs a tenth of a second on purpose; here it need not."""
    monkeypatch.setattr(shared, "ITERATIONS", 10)


def made(*recipients, content_encryption=AES256_GCM) -> bytes:
    out = io.BytesIO()
    known = [Recipient(certificate(each), OWN_CAPABILITIES) if isinstance(each, str) else each for each in recipients]
    writer = EnvelopedDataWriter(out, recipients=known, content_encryption=content_encryption)
    writer.write(CONTENT)
    writer.close()
    return out.getvalue()


def key_of(recipient):
    return decryption_key(recipient) if isinstance(recipient, str) else recipient


def opened(data: bytes, *recipients) -> bytes:
    return open_enveloped(BytesSource(data), keys=list(map(key_of, recipients))).content.open().read()


def infos(*recipients) -> list[der.Element]:
    known = [Recipient(certificate(each)) if isinstance(each, str) else each for each in recipients]
    return list(der.read(der.set_of(make_all(known, CEK)[0]), der.SET))


def cek_from(encoded: Iterable[bytes], *keys) -> bytes:
    (element,) = der.Reader(der.set_of(encoded))
    return open_first(element, keys, len(CEK))[0]


EVERY_KIND = (*RECIPIENTS, *SHARED_KEYS, PASSWORD)


@pytest.mark.parametrize("member", [0, 1], ids=["hash", "mask generation"])
def test_oaep_with_a_hash_that_rfc4055_does_not_name_is_unsupported(member):
    hash_ = SHA3_256.identifier.der
    value = der.sequence(der.oid(MGF1), hash_) if member else hash_
    with pytest.raises(Unsupported, match="OAEP"):
        oaep_parameters(der.sequence(der.tlv(der.context(member), value)))


@pytest.mark.parametrize("content_encryption", [AES256_GCM, AES256_CBC])
def test_all_kinds_of_recipients_open_one_message(content_encryption):
    data = made(*EVERY_KIND, content_encryption=content_encryption)
    for each in EVERY_KIND:
        assert opened(data, each) == CONTENT


@settings(max_examples=40)
@given(st.lists(st.sampled_from(range(len(EVERY_KIND))), min_size=1, max_size=8), st.data())
def test_any_mixture_of_recipients_opens_for_each_and_for_nobody_else(numbers, data):
    message = made(*(EVERY_KIND[number] for number in numbers))
    assert opened(message, EVERY_KIND[data.draw(st.sampled_from(numbers))]) == CONTENT
    if others := set(range(len(EVERY_KIND))) - set(numbers):
        with pytest.raises(NotARecipient):
            opened(message, EVERY_KIND[data.draw(st.sampled_from(sorted(others)))])


@pytest.mark.parametrize(
    ("names", "version"), [(["rita"], 0), (["xena"], 2), ([SHARED_KEYS[0]], 2), (["kem768"], 3), ([PASSWORD, "rita"], 3)]
)
def test_the_version_is_that_of_rfc5652_6_1(names, version):
    """3 "if any RecipientInfo structures include pwri or ori", 0 if all are version 0, else 2."""
    known = [Recipient(certificate(each)) if isinstance(each, str) else each for each in names]
    assert make_all(known, CEK)[1] == version


def test_the_summary_names_every_recipient_by_kind_algorithm_and_identifier():
    found = list(summaries(b"".join(each.der for each in infos(*EVERY_KIND))))
    kinds = {each.kind for each in found}
    assert kinds == {"ktri", "kari", "kekri", "kemri", "pwri"}
    assert len(found) == len(EVERY_KIND)
    serials = {each.identifier.rpartition(" ")[2] for each in found}
    assert {f"{certificate(name).serial_number:x}" for name in RECIPIENTS} <= serials
    assert {"10", "18", "20"} <= serials
    assert {"ML-KEM-768", "ECDH with HKDF-SHA-256", "AES-256 key wrap"} <= {each.algorithm for each in found}


def test_a_recipient_info_that_cant_be_read_is_told_as_other():
    found = list(summaries(der.tlv(der.context(4), der.oid("1.2.3"), der.sequence()) + der.sequence(der.integer(0))))
    assert [each.kind for each in found] == ["other", "other"]


# X25519 and X448, RFC 8418


def test_one_ephemeral_key_serves_all_x25519_recipients():
    (info,) = infos("xena", "xavier")
    assert len(list(der.Reader(KeyAgreeRecipientInfo.from_element(info).recipient_encrypted_keys))) == 2


def test_x25519_uses_hkdf_with_sha256():
    """RFC 8551 section 2.3: "MUST support ECDH ephemeral-static mode for X25519 using HKDF-256"."""
    (info,) = infos("xena")
    assert KeyAgreeRecipientInfo.from_element(info).key_encryption_algorithm.oid == ECDH_HKDF_SHA256.oid


def with_originator_key(info: der.Element, public_key: bytes) -> bytes:
    members = list(info.inside())
    algorithm = members[1].inside().element().inside().element().der
    originator = der.tlv(der.context(0), der.tlv(der.context(1), algorithm, der.tlv(der.BIT_STRING, b"\0", public_key)))
    return der.tlv(der.context(1), members[0].der, originator, *(each.der for each in members[2:]))


@pytest.mark.parametrize(("name", "size"), [("xena", 32), ("goldie", 56)])
def test_an_all_zero_shared_secret_aborts_when_reading(name, size):
    """RFC 8418 section 2: "MUST check whether the computed Diffie-Hellman shared secret is the all-zero value, and abort"."""
    (info,) = infos(name)
    for low_order in (bytes(size), b"\1" + bytes(size - 1)):
        assert cek_from([with_originator_key(info, low_order)], decryption_key(name)) != CEK


class ZeroKey:
    """A token that hands out the all-zero secret instead of an error."""

    certificate = certificate("xena")

    def agree(self, peer):
        return bytes(32)


def test_an_all_zero_secret_of_a_token_opens_nothing():
    ukm = secrets.token_bytes(32)
    info = keyagree._shared_info(keyagree.WRAP, ukm, 32)
    kek = ECDH_HKDF_SHA256.derivation(32, ukm=ukm, info=info)(bytes(32))
    (element,) = infos("xena")
    members = list(element.inside())
    wrapped = keyagree.aes_key_wrap(kek, CEK)
    keys = der.sequence(der.sequence(certificate("xena").issuer_and_serial_number, der.octets(wrapped)))
    forged = der.tlv(der.context(1), members[0].der, members[1].der, der.tlv(der.context(1), der.octets(ukm)), members[3].der, keys)
    assert cek_from([forged], ZeroKey()) != CEK


HKDF_DIGESTS = sorted({each.digest for each in KEY_AGREEMENTS.values() if each.hkdf}, key=lambda each: each.name)


@settings(max_examples=300)
@given(digest=st.sampled_from(HKDF_DIGESTS), length=st.sampled_from((16, 24, 32)), data=st.data())
def test_many_secrets_with_one_salt_give_the_keys_of_rfc_5869(digest, length, data):
    """RFC 2104 section 2 shortens a salt that is longer than a block; an absent one is zeros."""
    salt, info = data.draw(st.none() | st.binary(max_size=300)), data.draw(st.binary(max_size=100))
    found = data.draw(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=3))
    derive = hkdf(digest.hash.name, length, salt or b"", info)
    assert [derive(each) for each in found] == [HKDF(digest.hash, length, salt, info).derive(each) for each in found]


def test_a_key_longer_than_one_output_of_the_digest_is_not_made():
    with pytest.raises(ValueError, match="more than one output"):
        hkdf("sha256", 33, b"", b"")


@pytest.mark.parametrize(("private", "size"), [(x25519.X25519PublicKey, 32), (x448.X448PublicKey, 56)])
def test_an_all_zero_shared_secret_aborts_when_making(private, size, monkeypatch):
    name = "xena" if size == 32 else "goldie"
    weak = Certificate(certificate(name).der)
    weak.__dict__["public_key"] = private.from_public_bytes(bytes(size))
    with pytest.raises(Unsupported, match="no shared secret"):
        KeyAgreeRecipientInfo.make([weak], DOMAINS["X25519" if size == 32 else "X448"], CEK)


def test_an_originator_key_inside_an_octet_string_is_read_too():
    (info,) = infos("xena")
    start = info.content.index(b"\x03\x21\0") + 3
    nested = der.octets(info.content[start : start + 32])
    assert cek_from([with_originator_key(info, nested)], decryption_key("xena")) == CEK


@pytest.mark.parametrize("name", ["ada", "xena", "goldie"])
@pytest.mark.parametrize("oid", KEY_AGREEMENTS)
def test_every_key_derivation_is_read(name, oid, monkeypatch):
    within = keyagree.domain(certificate(name).public_key)
    other = keyagree.Domain(**{**within.__dict__, "agreement": KEY_AGREEMENTS[oid]})
    monkeypatch.setitem(DOMAINS, within.name, other)
    info = KeyAgreeRecipientInfo.make([certificate(name)], other, CEK)
    assert KeyAgreeRecipientInfo.from_element(next(iter(der.Reader(info)))).key_encryption_algorithm.oid == oid
    assert cek_from([info], decryption_key(name)) == CEK


def test_keys_of_different_curves_do_not_agree():
    peer = private_key("goldie").public_key()
    with pytest.raises(ValueError):
        decryption_key("xena").agree(peer)


# KEMRecipientInfo, RFC 9629


def kem_members(name="kem768") -> list[bytes]:
    (info,) = infos(name)
    return [each.der for each in list(info.inside())[1].inside()]


def kemri(*members: bytes) -> bytes:
    return der.tlv(der.context(4), der.oid("1.2.840.113549.1.9.16.13.3"), der.sequence(*members))


def test_kem_recipients_get_hkdf_sha256_without_parameters_and_aes256_wrap():
    (info,) = infos("kem1024")
    read = KEMRecipientInfo.from_element(info)
    assert read.kdf == AlgorithmIdentifier("1.2.840.113549.1.9.16.3.28")
    assert (read.kek_length, read.wrap.oid, read.ukm, len(read.kemct)) == (32, "2.16.840.1.101.3.4.1.45", None, 1568)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 65535])
def test_a_kek_length_that_is_not_the_wrap_algorithms_is_refused(length):
    """RFC 9629 section 3: "MUST confirm that the value provided is consistent with the key-encryption algorithm"."""
    members = kem_members()
    members[5] = der.integer(length)
    with pytest.raises(Malformed):
        cek_from([kemri(*members)], decryption_key("kem768"))


def test_the_version_of_a_kem_recipient_info_is_zero():
    members = kem_members()
    members[0] = der.integer(1)
    with pytest.raises(Malformed):
        cek_from([kemri(*members)], decryption_key("kem768"))


@pytest.mark.parametrize(
    ("number", "oid"),
    [(2, "2.16.840.1.101.3.4.4.1"), (2, "1.3.6.1.5.5.7.6.58"), (2, "1.2.3"), (4, "1.2.840.113549.1.1.5"), (6, "1.2.3")],
)
def test_mechanisms_and_derivations_that_are_not_read_are_unsupported(number, oid):
    members = kem_members()
    members[number] = der.sequence(der.oid(oid))
    with pytest.raises(Unsupported):
        cek_from([kemri(*members)], decryption_key("kem768"))


def test_a_changed_ciphertext_of_a_kem_gives_another_key():
    members = kem_members()
    changed = bytearray(members[3])
    changed[100] ^= 1
    assert cek_from([kemri(*members[:3], bytes(changed), *members[4:])], decryption_key("kem768")) != CEK


def test_a_ciphertext_of_the_wrong_length_gives_another_key():
    members = kem_members()
    members[3] = der.octets(bytes(12))
    assert cek_from([kemri(*members)], decryption_key("kem768")) != CEK


# KEKRecipientInfo, RFC 5652 section 6.2.3


@pytest.mark.parametrize("identifier", [b"other", b"on", b"ne", b"", b"one "])
def test_a_shared_key_opens_only_what_names_it(identifier):
    data = made(SecretKey(SHARED_KEYS[2].value, b"one"))
    with pytest.raises(NotARecipient):
        opened(data, SecretKey(SHARED_KEYS[2].value, identifier))


def test_a_wrong_shared_key_fails_like_everything_else():
    with pytest.raises(DecryptionError):
        opened(made(SecretKey(SHARED_KEYS[2].value, b"one")), SecretKey(bytes(32), b"one"))


def test_a_wrong_shared_key_or_password_never_makes_content_of_noise():
    """Behind CBC a random key would, once in 256 times: the padding is all there is to see."""
    wrap = shared.KEKRecipientInfo.make(SecretKey(SHARED_KEYS[2].value, b"one"), CEK)
    for info, key in ((wrap, SecretKey(bytes(32), b"one")), (password_info(1), PASSWORD)):
        with pytest.raises(DecryptionError):
            cek_from([info], key)


def test_shared_keys_of_different_lengths_may_have_one_identifier():
    keys = [SecretKey(each.value, b"one") for each in SHARED_KEYS]
    for each in keys:
        assert opened(made(*keys), each) == CONTENT


def test_a_shared_key_has_the_length_of_an_aes_key():
    with pytest.raises(ValueError):
        SecretKey(bytes(15))


def test_secrets_are_in_no_representation():
    assert "correct" not in repr(PASSWORD)
    assert SHARED_KEYS[0].value.hex() not in repr(SHARED_KEYS)
    assert repr(SHARED_KEYS[0].value) not in repr(SHARED_KEYS)


def test_a_shared_key_is_found_where_ten_thousand_names_contain_its_own():
    own = SecretKey(bytes(32), b"k")
    others = [shared.KEKRecipientInfo.make(SecretKey(bytes(32), b"k%d" % number), CEK) for number in range(10_000)]
    few, many = (
        der.Reader(der.tlv(der.SET, *infos, shared.KEKRecipientInfo.make(own, CEK))).element() for infos in (others[1:], others)
    )
    assert open_first(few, [own], len(CEK)) == (CEK, own)
    with pytest.raises(Malformed):
        open_first(many, [own], len(CEK))


# PasswordRecipientInfo, RFC 3211


def test_a_wrong_password_fails_like_everything_else():
    with pytest.raises(DecryptionError):
        opened(made(PASSWORD), Password(b"battery staple"))


def test_the_right_one_of_several_passwords_opens():
    passwords = [Password(bytes([number])) for number in range(5)]
    assert opened(made(*passwords[:3]), passwords[4], passwords[2]) == CONTENT


def test_a_password_is_asked_after_all_keys():
    enveloped = open_enveloped(BytesSource(made(PASSWORD, "xena")), keys=[PASSWORD, decryption_key("xena")])
    assert isinstance(enveloped.key, SoftwareDecryptionKey)


def password_info(iterations: int, salt=b"salt1234", prf=b"", cipher=AES256_CBC, vector=bytes(16)) -> bytes:
    derivation = der.sequence(der.octets(salt), der.integer(iterations), prf)
    inner = AlgorithmIdentifier(cipher.oid, der.octets(vector)).der
    return der.tlv(
        der.context(3),
        der.integer(0),
        der.tlv(der.context(0), der.oid(shared.PBKDF2), derivation),
        AlgorithmIdentifier(shared.PWRI_KEK, inner).der,
        der.octets(bytes(48)),
    )


@pytest.mark.parametrize("iterations", [0, -1, shared.MAX_ITERATIONS + 1, 1 << 62])
def test_a_password_that_would_cost_more_than_a_second_is_refused(iterations):
    with pytest.raises(Malformed):
        cek_from([password_info(iterations)], PASSWORD)


def test_an_iteration_with_sha_512_counts_twice():
    prf = der.sequence(der.oid("1.2.840.113549.2.11"))
    with pytest.raises(Malformed):
        cek_from([password_info(shared.MAX_ITERATIONS // 2 + 1, prf=prf)], PASSWORD)


def test_the_cost_of_all_passwords_together_is_bounded():
    several = [password_info(shared.MAX_ITERATIONS // 4, salt=bytes([number]) * 8) for number in range(5)]
    with pytest.raises(Malformed):
        cek_from(several, PASSWORD)
    with pytest.raises(Malformed):
        cek_from([password_info(1, salt=bytes([number]) * 8) for number in range(17)], PASSWORD)


@pytest.mark.parametrize(
    "info",
    [
        password_info(5, cipher=CONTENT_ENCRYPTIONS["2.16.840.1.101.3.4.1.46"]),
        password_info(5, prf=der.sequence(der.oid("1.2.3"))),
        password_info(5).replace(der.oid(shared.PBKDF2), der.oid("1.2.840.113549.1.5.11")),
        password_info(5).replace(der.oid(shared.PWRI_KEK), der.oid("1.2.840.113549.1.9.16.3.7")),
    ],
)
def test_other_ways_from_passwords_to_keys_are_unsupported(info):
    with pytest.raises(Unsupported):
        cek_from([info], PASSWORD)


@pytest.mark.parametrize("prf", shared.HMACS)
def test_every_pseudo_random_function_is_read(prf, monkeypatch):
    digest = shared.HMACS[prf]
    monkeypatch.setattr(shared, "SHA256", digest)
    monkeypatch.setattr(shared, "HMAC_SHA256", AlgorithmIdentifier(prf))
    assert cek_from([PasswordRecipientInfo.make(PASSWORD, CEK)], PASSWORD) == CEK


@given(st.binary(min_size=3, max_size=255), st.sampled_from([r for r in CONTENT_ENCRYPTIONS.values() if not r.authenticated]))
def test_every_key_comes_back_from_the_password_wrap(cek, cipher):
    kek, vector = bytes(range(cipher.key_length)), bytes(cipher.block_length)
    assert unwrap_cek(wrap_cek(cek, kek, cipher, vector), kek, cipher, vector) == cek


def test_the_password_recipient_of_rfc3211_section_3_opens():
    """The second one there: PBKDF2 with SHA-1 and 500 iterations, triple DES, a key of 32 octets."""
    derivation = der.sequence(der.octets(bytes.fromhex("1234567878563412")), der.integer(500))
    inner = der.sequence(der.oid("1.2.840.113549.3.7"), der.octets(bytes.fromhex("baf1ca7931213c4e")))
    encoded = der.tlv(
        der.context(3),
        der.integer(0),
        der.tlv(der.context(0), der.oid(shared.PBKDF2), derivation),
        der.sequence(der.oid(shared.PWRI_KEK), inner),
        der.octets(bytes.fromhex("c03c514abdb9e2c5aac038572b5e24553876b377aafb82eca5a9d73f8ab143d9ec74e6cad7db260c")),
    )
    passphrase = Password(b"All n-entities must communicate with other n-entities via n-1 entiteeheehees")
    cek = bytes.fromhex("8c637d887223a2f965b566eb014b0fa5d52300a3f7ea40fffc577203c71baf3b")
    assert cek_from([encoded], passphrase) == cek


@given(st.binary(min_size=32, max_size=96))
def test_foreign_octets_are_no_wrapped_key(wrapped):
    try:
        assert unwrap_cek(wrapped, bytes(32), AES256_CBC, bytes(16)) is None
    except Malformed:
        assert len(wrapped) % 16
