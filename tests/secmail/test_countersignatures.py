"""Countersignatures: RFC 5652 section 11.4 and RFC 2634 section 1.3.4."""

import io

import pytest
from forge import CONTENT, Forged, signed_data
from hypothesis import given, settings
from hypothesis import strategies as st
from pki import NOW, SIGNERS, certificate, signing_key, trust

from secmail import (
    BadCertificate,
    BadSignature,
    BytesSource,
    Malformed,
    RejectedSigner,
    SecurityLabel,
    Unsupported,
    VerificationError,
    VerifiedSigner,
    countersign,
    der,
)
from secmail.algorithms import signing
from secmail.cms import attributes
from secmail.cms.attributes import attribute, countersignature_attributes
from secmail.cms.signed import SignedData, SignedDataWriter, verify
from secmail.cms.signer_info import signer_info


def made(*names, content=CONTENT, detached=False) -> bytes:
    out = io.BytesIO()
    first, *others = map(signing_key, names)
    certificates = [certificate("ca")]
    writer = SignedDataWriter(
        out, signer=first, co_signers=others, signing_time=NOW, certificates=certificates, detached=detached
    )
    writer.write(content)
    writer.close()
    return out.getvalue()


def verified(data: bytes, **options) -> SignedData:
    return verify(BytesSource(data), trust=trust(), now=NOW, **options)


def only_signer(data: bytes) -> VerifiedSigner:
    (signer,) = verified(data).signers
    assert isinstance(signer, VerifiedSigner), signer
    return signer


def countersigned(data: bytes, name: str, signature: bytes | None = None) -> bytes:
    out = io.BytesIO()
    signature = signature or only_signer(data).signature
    countersign(BytesSource(data), out, signer=signing_key(name), signature=signature, signing_time=NOW)
    return out.getvalue()


@settings(max_examples=10)
@given(st.sampled_from(SIGNERS), st.lists(st.sampled_from(SIGNERS), min_size=1, max_size=4))
def test_countersignatures_of_any_kind_on_any_signature_verify(name, others):
    data = made(name)
    for other in others:
        data = countersigned(data, other)
    signer = only_signer(data)
    assert [each.status for each in signer.countersigners] == ["valid"] * len(others)
    assert {each.certificate for each in signer.countersigners} == set(map(certificate, others))
    assert verified(data).content.open().read() == CONTENT


def test_what_was_signed_stays_byte_for_byte():
    before, after = only_signer(made("ada")), only_signer(countersigned(made("ada"), "eddy"))
    assert before.signed_attributes == after.signed_attributes
    data = made("bob")
    assert only_signer(countersigned(data, "eddy")).signature == only_signer(data).signature


def test_one_of_several_signers_is_countersigned():
    data = made("ada", "bob", "carl")
    bob = next(each for each in verified(data).signers if each.certificate == certificate("bob"))
    signers = verified(countersigned(data, "eddy", bob.signature)).signers
    assert {each.certificate.common_name: len(each.countersigners) for each in signers} == {"ada": 0, "bob": 1, "carl": 0}


def test_a_detached_signature_can_be_countersigned():
    data = made("ada", detached=True)
    (signer,) = verified(data, detached=BytesSource(CONTENT)).signers
    (signer,) = verified(countersigned(data, "eddy", signer.signature), detached=BytesSource(CONTENT)).signers
    assert signer.countersigners[0].status == "valid"


def test_large_content_passes_through():
    data = made("ada", content=CONTENT * 20_000)
    assert verified(countersigned(data, "eddy")).content.open().read() == CONTENT * 20_000


def test_a_signature_that_nobody_made_cant_be_countersigned():
    with pytest.raises(VerificationError):
        countersigned(made("ada"), "eddy", b"other")


@pytest.mark.parametrize("data", [b"", b"\x30\0", der.sequence(der.oid("1.2.3"), der.tlv(der.context(0), der.sequence()))])
def test_only_signed_data_is_countersigned(data):
    with pytest.raises(Malformed):
        countersigned(data, "eddy", b"x")


def test_a_countersignature_carries_only_what_rfc2634_allows():
    """RFC 2634 section 1.3.4: "counterSignature, messageDigest, signingTime, and signingCertificate"."""
    (made_here,) = only_signer(countersigned(made("ada"), "eddy")).countersigners
    found = attributes.Attributes(der.read(made_here.signed_attributes, der.SET), "signed").types
    assert set(found) == {attributes.MESSAGE_DIGEST, attributes.SIGNING_TIME, attributes.SIGNING_CERTIFICATE_V2}


# Forged


def forge(*signed: bytes, name="eddy", over: bytes | None = None, unsigned: tuple[bytes, ...] = ()) -> bytes:
    """A SignedData of ada with a countersignature of ``signed`` attributes beside those that belong there."""
    signature = ada().signature
    algorithm = signing(certificate(name).public_key)
    proper = countersignature_attributes(
        message_digest=algorithm.digest.of(signature if over is None else over),
        signing_time=NOW,
        certificate=certificate(name),
    )
    encoded = der.set_of([*(each.der for each in der.read(proper, der.SET)), *signed])
    info = signer_info(signing_key(name), algorithm, encoded)
    if unsigned:
        info = der.sequence(der.read(info).rest(), der.set_of(unsigned, der.context(1)))
    return with_countersignatures(info)


ADA = Forged()
MADE = signed_data(ADA, certificates=("ca", "eddy", "mallory", "bob"))


def ada() -> VerifiedSigner:
    return only_signer(MADE)


def with_countersignatures(*infos: bytes) -> bytes:
    data = der.read(MADE)
    content_type, structure = data.element().der, data.inside(der.context(0)).inside()
    *members, signer_infos = [each.der for each in structure]
    (info,) = der.read(signer_infos, der.SET)
    unsigned = der.set_of([attribute(attributes.COUNTERSIGNATURE, each) for each in infos], der.context(1))
    changed = der.sequence(info.content, unsigned)
    return der.sequence(content_type, der.tlv(der.context(0), der.sequence(*members, der.set_of([changed]))))


def only_countersigner(data: bytes):
    (found,) = only_signer(data).countersigners
    return found


def test_the_forged_one_is_valid_as_long_as_nothing_is_wrong_with_it():
    assert only_countersigner(forge()).status == "valid"


@pytest.mark.parametrize(
    "surplus",
    [
        attribute(attributes.CONTENT_TYPE, der.oid("1.2.840.113549.1.7.1")),
        attribute(attributes.SECURITY_LABEL, SecurityLabel("1.2.3", classification=1).to_der()),
        attribute(attributes.RECEIPT_REQUEST, der.sequence()),
        attribute(attributes.CONTENT_HINTS, der.sequence(der.oid("1.2.3"))),
        attribute(attributes.SMIME_CAPABILITIES, der.sequence()),
        attribute("1.2.3", der.sequence()),
    ],
)
def test_a_countersignature_with_another_attribute_is_invalid(surplus):
    """RFC 5652 section 11.4: "there is no content type for countersignatures"."""
    countersigner = only_countersigner(forge(surplus))
    assert isinstance(countersigner, RejectedSigner)
    assert (countersigner.status, type(countersigner.error)) == ("invalid", Malformed)


def test_a_countersignature_is_over_the_octets_of_the_signature():
    for over in (CONTENT, der.octets(ada().signature), b""):
        assert isinstance(only_countersigner(forge(over=over)).error, BadSignature)


def test_a_countersignature_of_another_signature_is_invalid():
    other = only_signer(countersigned(made("ada"), "eddy"))
    stolen = signer_info(
        signing_key("eddy"), signing(certificate("eddy").public_key), other.countersigners[0].signed_attributes
    )
    assert isinstance(only_countersigner(with_countersignatures(stolen)).error, BadSignature)


def test_an_ordinary_signature_is_no_countersignature():
    ordinary = Forged(name="eddy", content=ada().signature).signer_info()
    assert isinstance(only_countersigner(with_countersignatures(ordinary)).error, Malformed)


def test_a_countersignature_without_attributes_signs_the_signature_itself():
    ordinary = Forged(name="bob", content=ada().signature, attributes=None).signer_info()
    assert only_countersigner(with_countersignatures(ordinary)).status == "valid"


def test_the_countersigner_needs_a_valid_path_and_a_certificate_at_hand():
    assert isinstance(only_countersigner(forge(name="mallory")).error, BadCertificate)
    missing = forge(name="dil44")
    assert only_countersigner(missing).status == "unverifiable"


def test_what_is_wrong_with_a_countersignature_is_not_wrong_with_the_signature():
    assert only_signer(forge(over=b"")).status == "valid"
    assert only_signer(with_countersignatures(der.sequence(der.integer(1)))).status == "valid"


def test_countersignatures_are_countersigned_too():
    inner = only_countersigner(forge())
    algorithm = signing(certificate("bob").public_key)
    encoded = countersignature_attributes(
        message_digest=algorithm.digest.of(inner.signature), signing_time=NOW, certificate=certificate("bob")
    )
    nested = attribute(attributes.COUNTERSIGNATURE, signer_info(signing_key("bob"), algorithm, encoded))
    countersigner = only_countersigner(forge(unsigned=(nested,)))
    assert countersigner.countersigners[0].certificate == certificate("bob")
    assert countersigner.countersigners[0].status == "valid"


def test_a_flood_of_countersignatures_is_not_looked_at():
    """Each costs a path validation; 64 signers with 1,000 countersignatures each would take minutes."""
    info = only_info(forge())
    countersigners = only_signer(with_countersignatures(*[info] * 200)).countersigners
    assert len(countersigners) == 200
    assert sum(each.status == "valid" for each in countersigners) == 63
    assert all(isinstance(each.error, Unsupported) for each in countersigners if each.status != "valid")


def only_info(data: bytes) -> bytes:
    structure = der.read(data)
    structure.element()
    *_, signer_infos = structure.inside(der.context(0)).inside()
    (info,) = signer_infos.inside()
    *_, unsigned = info.inside()
    (countersignature,) = unsigned.inside()
    members = countersignature.inside()
    members.oid()
    return members.element(der.SET).content
