"""The profile as rules: what is written into every message, what is read and called weak, what is kept and told, what is refused."""

import io
import secrets

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7
from forge import CONTENT, Forged, content_info, signed_data
from layered import E, S, message, mime, opened
from pki import NOW, certificate, decryption_key, private_key, trust

from secmail import (
    BytesSource,
    NotARecipient,
    Recipient,
    RejectedSigner,
    Unsupported,
    VerifiedSigner,
    der,
    load_private_key,
    unwrap,
)
from secmail.algorithms import (
    AES256_CBC,
    AES256_GCM,
    CONTENT_ENCRYPTIONS,
    NULL,
    OUR_CAPABILITIES,
    RSAES_OAEP,
    SHA1,
    AlgorithmIdentifier,
    ContentEncryption,
)
from secmail.cms import DATA, ENVELOPED_DATA, SIGNED_DATA, attributes
from secmail.cms.attributes import EssAttributes, attribute
from secmail.cms.claims import READERS
from secmail.cms.enveloped import EnvelopedDataWriter, open_enveloped
from secmail.cms.ess import ContentReference, MLData
from secmail.cms.recipients import make_all
from secmail.cms.signed import verify


def signer_of(data: bytes, anchors=None):
    (signer,) = verify(BytesSource(data), trust=anchors or trust(), now=NOW).signers
    return signer


# What is written


def parameters_written(algorithm) -> bytes:
    out = io.BytesIO()
    writer = EnvelopedDataWriter(out, recipients=[Recipient(certificate("ada"))], content_encryption=algorithm)
    writer.write(CONTENT)
    writer.close()
    name = der.oid(algorithm.oid)
    return der.Reader(out.getvalue()[out.getvalue().index(name) + len(name) :]).element().der


def test_gcm_has_a_nonce_of_12_octets_and_says_that_the_tag_has_16():
    """RFC 5084 section 3.2: "A nonce value of 12 octets can be processed more efficiently"; an absent aes-ICVlen would mean 12."""
    members = der.read(parameters_written(AES256_GCM))
    assert (len(members.octets()), members.integer()) == (12, 16)
    members.end()


def test_cbc_has_a_random_initialization_vector_of_one_block():
    first, second = parameters_written(AES256_CBC), parameters_written(AES256_CBC)
    assert (first[:2], len(first)) == (b"\x04\x10", 18)
    assert first != second


def test_digest_algorithms_are_written_without_parameters():
    """RFC 5754 section 2: "implementations MUST generate [...] AlgorithmIdentifiers with absent parameters"."""
    structure = der.read(signed_data(Forged("rita")))
    structure.oid()
    members = structure.inside(der.context(0)).inside()
    members.integer()
    (digest,) = members.inside(der.SET)
    assert list(digest.inside())[1:] == []


def test_capabilities_name_what_is_read_by_preference_and_nothing_weak():
    oids = [each.oid for each in OUR_CAPABILITIES]
    assert oids[0] == AES256_GCM.oid
    assert len(set(oids)) == len(oids)
    assert not [each for each in oids if each in CONTENT_ENCRYPTIONS and CONTENT_ENCRYPTIONS[each].weak]


# What is read, and called weak


def rsa_signed(digest: AlgorithmIdentifier = SHA1.identifier) -> bytes:
    """RSA PKCS#1 v1.5 with SHA-1, as old programs sign; ``digest`` is what is said of the digest algorithm."""
    rita = certificate("rita")
    members = [
        attribute(attributes.CONTENT_TYPE, der.oid(DATA)),
        attribute(attributes.MESSAGE_DIGEST, der.octets(SHA1.of(CONTENT))),
    ]
    signature = private_key("rita").sign(der.set_of(members), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 (read only)
    algorithm = AlgorithmIdentifier("1.2.840.113549.1.1.5", NULL)
    info = der.sequence(
        der.integer(1),
        rita.issuer_and_serial_number,
        digest.der,
        der.set_of(members, der.context(0)),
        algorithm.der,
        der.octets(signature),
    )
    content = der.sequence(der.oid(DATA), der.tlv(der.context(0), der.octets(CONTENT)))
    bag = der.set_of({rita.der, certificate("ca").der}, der.context(0))
    return content_info(
        SIGNED_DATA, der.sequence(der.integer(1), der.set_of([digest.der]), content, bag, der.set_of([info]))
    )


def test_sha1_is_read_and_called_weak():
    signer = signer_of(rsa_signed())
    assert isinstance(signer, VerifiedSigner)
    assert (signer.weak, signer.warnings) == (True, ("SHA-1 is weak",))
    assert opened(mime(rsa_signed(), "rita@example.org")).reason == "SHA-1 is weak"


def test_a_small_rsa_key_is_read_and_called_weak():
    signer = signer_of(signed_data(Forged("smalls")))
    assert isinstance(signer, VerifiedSigner)
    assert (signer.weak, signer.warnings) == (True, ("an RSA key of 1024 bits is weak",))


def test_ordinary_keys_and_digests_are_not_weak():
    assert not signer_of(signed_data(Forged("rita"))).weak


def for_ada(cek: bytes) -> bytes:
    return der.set_of(make_all([Recipient(certificate("ada"))], cek)[0])


def enveloped(recipient_infos: bytes, algorithm: AlgorithmIdentifier, encrypted: bytes) -> bytes:
    content = der.sequence(der.oid(DATA), algorithm.der, der.tlv(der.context(0, constructed=False), encrypted))
    return content_info(ENVELOPED_DATA, der.sequence(der.integer(2), recipient_infos, content))


def cbc(row: ContentEncryption, cek: bytes) -> tuple[AlgorithmIdentifier, bytes]:
    """The parameters and the encrypted content."""
    vector, padder = secrets.token_bytes(row.block_length), PKCS7(row.block_length * 8).padder()
    encryptor = Cipher(row.cipher(cek), modes.CBC(vector)).encryptor()
    return AlgorithmIdentifier(row.oid, der.octets(vector)), encryptor.update(
        padder.update(CONTENT) + padder.finalize()
    )


def test_triple_des_is_read_and_called_weak():
    row = next(each for each in CONTENT_ENCRYPTIONS.values() if each.weak)
    cek = secrets.token_bytes(24)
    result = opened(mime(enveloped(for_ada(cek), *cbc(row, cek))), "ada")
    assert (result.content.open().read(), result.layers[0].weak) == (CONTENT, True)


@pytest.mark.parametrize("parameters", [b"", der.sequence()], ids=["absent", "empty"])
def test_absent_oaep_parameters_mean_sha1(parameters):
    """RFC 4055 section 4.1: the defaults of hash and mask generation are SHA-1."""
    rita, cek = certificate("rita"), secrets.token_bytes(32)
    scheme = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 (read only)
    algorithm = AlgorithmIdentifier(RSAES_OAEP, parameters)
    key = der.octets(rita.public_key.encrypt(cek, scheme))
    info = der.sequence(der.integer(0), rita.issuer_and_serial_number, algorithm.der, key)
    result = opened(mime(enveloped(der.set_of([info]), *cbc(AES256_CBC, cek))), "rita")
    assert result.content.open().read() == CONTENT


# What is refused


@pytest.mark.parametrize("oid", ["1.2.840.113549.2.5", "1.2.840.113549.2.2"], ids=["MD5", "MD2"])
def test_md5_and_older_digests_are_not_read(oid):
    signer = signer_of(rsa_signed(AlgorithmIdentifier(oid)))
    assert isinstance(signer, RejectedSigner)
    assert (signer.status, type(signer.error)) == ("unverifiable", Unsupported)


@pytest.mark.parametrize("oid", ["1.2.840.113549.3.2", "1.3.14.3.2.7"], ids=["RC2", "DES"])
def test_rc2_and_des_are_not_read(oid):
    data = enveloped(for_ada(bytes(32)), AlgorithmIdentifier(oid, der.octets(bytes(8))), bytes(16))
    with pytest.raises(Unsupported, match=oid):
        open_enveloped(BytesSource(data), keys=[decryption_key("ada")])


@pytest.mark.parametrize(
    ("oid", "name"),
    [
        ("2.16.840.1.101.3.4.4.1", "ML-KEM-512"),
        ("1.3.6.1.5.5.7.6.58", "composite ML-KEM"),
        ("1.3.6.1.5.5.7.6.40", "composite ML-DSA"),
    ],
)
def test_ml_kem_512_and_composites_are_unsupported_by_name(oid, name):
    with pytest.raises(Unsupported, match=name):
        load_private_key(der.sequence(der.integer(0), der.sequence(der.oid(oid)), der.octets(bytes(64))))


# What is kept, and told


VALUES = {
    attributes.SECURITY_LABEL: der.tlv(der.SET, der.oid("1.2.3")),
    attributes.CONTENT_IDENTIFIER: der.octets(b"id"),
    attributes.CONTENT_HINTS: der.sequence(der.oid("1.2.3")),
    attributes.CONTENT_REFERENCE: ContentReference("1.2.3", b"id", b"value").to_der(),
    attributes.EQUIVALENT_LABELS: der.sequence(der.tlv(der.SET, der.oid("1.2.3"))),
    attributes.ML_EXPANSION_HISTORY: der.sequence(MLData(certificate("list").issuer_and_serial_number, NOW).to_der()),
    attributes.MSG_SIG_DIGEST: der.octets(bytes(32)),
    attributes.RECEIPT_REQUEST: der.sequence(
        der.octets(b"id"),
        der.tlv(der.context(0, constructed=False), b"\0"),
        der.sequence(der.sequence(der.tlv(der.context(1, constructed=False), b"a@b.c"))),
    ),
}


@pytest.mark.parametrize("oid", VALUES)
def test_1_3_4_absent_one_and_malformed_are_three_outcomes(oid):
    """RFC 2634 section 1.3.4: "A signerInfo MUST NOT include multiple instances", and "MUST only include a single instance of AttributeValue"."""
    name = READERS[oid][0]
    one = attribute(oid, VALUES[oid])
    assert (getattr(signer_of(signed_data(Forged())), name), signer_of(signed_data(Forged())).malformed) == (
        None,
        frozenset(),
    )
    assert getattr(signer_of(signed_data(Forged(extra=(one,)))), name) is not None
    twice, two_values = (one, one), (der.sequence(der.oid(oid), der.tlv(der.SET, VALUES[oid], VALUES[oid])),)
    none, other = (der.sequence(der.oid(oid), der.set_of(())),), (attribute(oid, der.tlv(1, b"\xff")),)
    for wrong in (twice, two_values, none, other):
        signer = signer_of(signed_data(Forged(extra=wrong)))
        assert isinstance(signer, VerifiedSigner)
        assert (getattr(signer, name), signer.malformed) == (None, {oid})


@pytest.mark.parametrize("oid", [attributes.CONTENT_HINTS, attributes.CONTENT_IDENTIFIER])
def test_1_3_4_what_may_be_unsigned_is_ignored_there(oid):
    signer = signer_of(signed_data(Forged(unsigned=(attribute(oid, VALUES[oid]),))))
    assert getattr(signer, READERS[oid][0]) is None
    assert oid in signer.attributes


def test_attributes_that_are_not_known_are_kept_and_told():
    extra, unsigned = attribute("1.2.3.4", der.integer(1)), attribute("1.2.3.5", der.integer(1))
    signer = signer_of(signed_data(Forged(extra=(extra,), unsigned=(unsigned,))))
    assert signer.attributes[-1] == "1.2.3.5"
    assert "1.2.3.4" in signer.attributes
    assert extra in signer.signed_attributes


def test_content_of_another_type_is_given_with_its_type_and_not_taken_for_a_message():
    result = opened(mime(signed_data(Forged(content_type="1.2.3"))))
    assert (result.layers[0].content_type, result.entity) == ("1.2.3", None)
    assert result.content.open().read() == CONTENT


def test_recipients_of_a_kind_that_is_not_known_are_told_as_other():
    cek = bytes(32)
    other = der.tlv(der.context(4), der.oid("1.2.3"), der.sequence())
    infos = der.set_of([*(each.der for each in der.read(for_ada(cek), der.SET)), other])
    data = enveloped(infos, *cbc(AES256_CBC, cek))
    result = unwrap(BytesSource(data), keys=[decryption_key("ada")], trust=trust(), now=NOW)
    assert sorted(each.kind for each in result.layers[0].recipients) == ["kari", "other"]


def test_each_envelope_has_a_key_of_its_own():
    """What goes to Bcc is an envelope apart: nothing in one tells of, or opens, the other."""
    first, second = (message(E(names), S(attributes=EssAttributes())) for names in (("bob",), ("carl",)))
    assert opened(first, "bob").content.open().read() == opened(second, "carl").content.open().read()
    for data, mine, other in ((first, "bob", "carl"), (second, "carl", "bob")):
        assert len(opened(data, mine).layers[0].recipients) == 1
        with pytest.raises(NotARecipient):
            opened(data, other)
