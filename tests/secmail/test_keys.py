"""Private keys: RFC 9935 and RFC 9881 for the post-quantum forms, and what each kind of key does."""

import base64
from hashlib import sha3_256

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import RECIPIENTS, SHARED, SIGNERS, certificate, decryption_key, private_key, signing_key

from secmail import Malformed, SoftwareDecryptionKey, SoftwareSigningKey, Unsupported, der, load_private_key
from secmail.algorithms import RSA_PKCS1, signing
from secmail.keys import postquantum

FORMS = [Encoding.PEM, Encoding.DER]
POST_QUANTUM = ("kem768", "kem1024", "dil44", "dil65", "dil87")


@pytest.mark.parametrize("name", sorted({*SIGNERS, *RECIPIENTS}))
@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_key_is_read_from_pkcs8(name, form):
    encoded = private_key(name).private_bytes(form, PrivateFormat.PKCS8, NoEncryption())
    loaded = load_private_key(encoded)
    assert loaded.public_key() == private_key(name).public_key()


@pytest.mark.parametrize("name", ["ada", "rita", "eddy", "xena"])
@pytest.mark.parametrize("form", FORMS)
def test_a_key_under_a_passphrase_opens_with_it_only(name, form):
    encoded = private_key(name).private_bytes(form, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    assert load_private_key(encoded, b"secret").public_key() == private_key(name).public_key()
    for passphrase in (None, b"other"):
        with pytest.raises(Malformed):
            load_private_key(encoded, passphrase)


@given(st.binary(max_size=300))
def test_other_octets_are_no_key(data):
    with pytest.raises((Malformed, Unsupported)):
        load_private_key(data)


def test_a_key_of_a_kind_that_is_not_used_is_unsupported():
    key = dsa.generate_private_key(2048).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Unsupported):
        load_private_key(key)


# Seed, expanded key, both


def oid_of(key) -> str:
    encoded = der.read(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    encoded.integer()
    return encoded.inside().oid()


def pkcs8(key, choice: bytes) -> bytes:
    return der.sequence(der.integer(0), der.sequence(der.oid(oid_of(key))), der.octets(choice))


def expanded(key) -> bytes:
    """The expanded key, for ML-DSA with some t0: nothing but signing could tell."""
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    if isinstance(key, postquantum.MLKEM):
        rank = 3 if isinstance(key, mlkem.MLKEM768PrivateKey) else 4
        return postquantum._decapsulation_key(seed, rank, public)
    dimensions = postquantum._dimensions(key)
    return postquantum._signing_key_but_t0(seed, dimensions, public) + bytes(416 * dimensions.k)


def both(key, seed: bytes, other: bytes) -> bytes:
    return pkcs8(key, der.sequence(der.octets(seed), der.octets(other)))


@pytest.mark.parametrize("name", POST_QUANTUM)
def test_the_both_form_gives_the_key_of_its_seed(name):
    key = private_key(name)
    assert load_private_key(both(key, key.private_bytes_raw(), expanded(key))).public_key() == key.public_key()


@settings(max_examples=30)
@given(st.sampled_from(POST_QUANTUM), st.data())
def test_a_both_form_that_contradicts_itself_is_refused(name, data):
    key = private_key(name)
    seed, other = key.private_bytes_raw(), bytearray(expanded(key))
    last = len(other) if isinstance(key, postquantum.MLKEM) else len(other) - 416 * postquantum._dimensions(key).k
    other[data.draw(st.integers(0, last - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Malformed):
        load_private_key(both(key, seed, bytes(other)))
    with pytest.raises(Malformed):
        load_private_key(both(key, bytes(reversed(seed)), expanded(key)))
    with pytest.raises(Malformed):
        load_private_key(both(key, seed, expanded(key)[:-1]))


@pytest.mark.parametrize("name", POST_QUANTUM)
def test_an_expanded_key_alone_is_unsupported(name):
    key = private_key(name)
    with pytest.raises(Unsupported):
        load_private_key(pkcs8(key, der.octets(expanded(key))))


@pytest.mark.parametrize("name", POST_QUANTUM)
@pytest.mark.parametrize("choice", [b"", der.tlv(0x80, bytes(31)), der.tlv(0x81, bytes(64)), der.sequence(), b"\x30\x82"])
def test_a_post_quantum_key_of_another_form_is_malformed(name, choice):
    with pytest.raises(Malformed):
        load_private_key(pkcs8(private_key(name), choice))


@pytest.mark.parametrize("oid", ["2.16.840.1.101.3.4.4.1", "1.3.6.1.5.5.7.6.58", "1.3.6.1.5.5.7.6.45"])
def test_ml_kem_512_and_composites_are_unsupported_by_name(oid):
    encoded = der.sequence(der.integer(0), der.sequence(der.oid(oid)), der.octets(der.tlv(0x80, bytes(64))))
    with pytest.raises(Unsupported, match=r"ML-KEM|ML-DSA"):
        load_private_key(encoded)


def test_the_hash_in_an_ml_kem_key_is_that_of_its_public_key():
    key = mlkem.MLKEM768PrivateKey.generate()
    assert expanded(key)[-64:-32] == sha3_256(key.public_key().public_bytes_raw()).digest()


# The published keys


def vectors(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(SHARED)) for path in SHARED.glob(pattern))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")
@pytest.mark.parametrize("name", vectors("lamps/ml-*/*-*.priv"))
def test_the_published_keys_load_by_their_form(name):
    data = (SHARED / name).read_bytes()
    if "512" in name or "expanded" in name:
        with pytest.raises(Unsupported):
            load_private_key(data)
        return
    published = (SHARED / name.rsplit("-", 1)[0]).with_suffix(".pub").read_text()
    public = base64.b64decode("".join(line for line in published.splitlines() if "-" not in line))
    assert public.endswith(load_private_key(data).public_key().public_bytes_raw())


# What keys do


def test_a_certificate_of_another_key_is_the_callers_mistake():
    for kind, name, other in ((SoftwareSigningKey, "eddy", "edna"), (SoftwareDecryptionKey, "xena", "xavier")):
        with pytest.raises(ValueError):
            kind(private_key(name), certificate(other))


def test_keys_that_only_sign_do_not_decrypt_and_the_reverse():
    with pytest.raises(Unsupported):
        decryption_key("eddy")
    with pytest.raises(Unsupported):
        signing_key("xena")


def test_what_a_kind_of_key_cant_do_is_a_value_error():
    peer = private_key("xena").public_key()
    for name in ("rita", "kem768", "ada", "goldie"):
        with pytest.raises(ValueError):
            decryption_key(name).agree(peer)
    for name in ("rita", "ada", "xena"):
        with pytest.raises(ValueError):
            decryption_key(name).decapsulate(bytes(1088))
    for name in ("ada", "xena", "kem768"):
        with pytest.raises(ValueError):
            decryption_key(name).decrypt(bytes(256), padding.PKCS1v15())


def test_an_rsa_key_needs_a_padding():
    with pytest.raises(ValueError):
        signing_key("rita").sign(b"data", signing(private_key("ada").public_key()))
    assert signing_key("rita").sign(b"data", RSA_PKCS1)


def test_curves_that_are_not_of_the_profile_do_not_sign():
    with pytest.raises(Unsupported):
        signing(ec.generate_private_key(ec.SECP256K1()).public_key())


def test_every_key_of_the_infrastructure_is_of_its_kind():
    assert isinstance(private_key("rita"), rsa.RSAPrivateKey)
    assert isinstance(private_key("dil65"), mldsa.MLDSA65PrivateKey)
