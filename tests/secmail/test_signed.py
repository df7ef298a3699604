"""SignedData: RFC 5652 section 5, RFC 2634 sections 1.3.4 and 3.1.1, RFC 5035, RFC 6211, RFC 8933."""

import io
from contextlib import suppress
from datetime import timedelta

import pytest
from asn1_modules import ContentHints as ContentHintsType
from asn1_modules import ReceiptRequest as ReceiptRequestType
from asn1_modules import SMIMECapabilities, SMIMEEncryptionKeyPreference
from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from forge import CONTENT, Forged, signed_data
from hypothesis import given
from hypothesis import strategies as st
from pki import EVERYBODY, NOW, certificate, private_key, signing_key, trust
from spoofs_signatures import structure

from secmail import (
    BadCertificate,
    BadSignature,
    BytesSource,
    Certificate,
    ContentHints,
    EssAttributes,
    Malformed,
    ReceiptRequest,
    RejectedSigner,
    SecmailError,
    SecurityLabel,
    Unsupported,
    VerifiedSigner,
    der,
)
from secmail.algorithms import (
    ECDSA_OIDS,
    MGF1,
    OWN_CAPABILITIES,
    RSA_ENCRYPTION,
    RSASSA_PSS,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
    AlgorithmIdentifier,
)
from secmail.cms import attributes
from secmail.cms.attributes import attribute
from secmail.cms.signed import MAX_ATTRIBUTES, SignedData, SignedDataWriter, verify
from secmail.streams import CHUNK

LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=1, privacy_mark="ACME INTERNAL")
OTHER_LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=5)
REQUEST = ReceiptRequest(b"id of content", "all_receipts", ("ada@example.org",))


def made(name="ada", content=CONTENT, **options) -> bytes:
    out = io.BytesIO()
    options.setdefault("certificates", [certificate("ca")])
    writer = SignedDataWriter(out, signer=signing_key(name), signing_time=NOW, **options)
    writer.write(content)
    writer.close()
    return out.getvalue()


def verified(data: bytes, **options) -> SignedData:
    return verify(BytesSource(data), trust=trust(), now=options.pop("now", NOW), **options)


def only_signer(data: bytes, **options) -> VerifiedSigner | RejectedSigner:
    (signer,) = verified(data, **options).signers
    return signer


def accepted(data: bytes, **options) -> VerifiedSigner:
    signer = only_signer(data, **options)
    assert isinstance(signer, VerifiedSigner), signer
    return signer


def refused(data: bytes, **options) -> RejectedSigner:
    signer = only_signer(data, **options)
    assert isinstance(signer, RejectedSigner)
    return signer


def label_attribute(label=LABEL) -> bytes:
    return attribute(attributes.SECURITY_LABEL, label.to_der())


# Made and read


@pytest.mark.parametrize("name", EVERYBODY)
def test_what_is_signed_verifies_and_gives_the_content_back(name):
    signed = verified(made(name, CONTENT * 5000))
    assert [type(each) for each in signed.signers] == [VerifiedSigner]
    assert signed.content.open().read() == signed.content.open().read() == CONTENT * 5000


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MAX_ATTRIBUTES, MAX_ATTRIBUTES + 1])
@pytest.mark.parametrize("first", [b"1", b"\0"])  # the first octet of a SET, and one that is none
def test_content_of_any_size_comes_back_in_each_pass(size, first):
    content = (first * size)[:1] + bytes(max(size - 1, 0))
    signed = verified(made(content=content))
    assert [type(each) for each in signed.signers] == [VerifiedSigner]
    assert signed.content.open().read() == signed.content.open().read() == content


@pytest.mark.parametrize(
    ("name", "digest"), [("ada", "SHA-256"), ("bob", "SHA-384"), ("carl", "SHA-512"), ("rita", "SHA-256")]
)
def test_the_digest_goes_with_the_key(name, digest):
    assert accepted(made(name)).digest_algorithm == digest


def test_these_attributes_are_always_there_and_asn1crypto_reads_them():
    encoded = accepted(made(encryption_certificate=certificate("gwen"))).signed_attributes
    found = {each["type"].dotted: each["values"][0] for each in cms.CMSAttributes.load(encoded, strict=True)}
    assert found[attributes.CONTENT_TYPE].native == "data"
    assert found[attributes.MESSAGE_DIGEST].native == SHA256.of(CONTENT)
    assert found[attributes.SIGNING_TIME].native == NOW
    protection = found[attributes.ALGORITHM_PROTECTION]
    assert protection["signature_algorithm"]["algorithm"].native == "sha256_ecdsa"
    cert_id = tsp.SigningCertificateV2.load(found[attributes.SIGNING_CERTIFICATE_V2].dump())["certs"][0]
    assert cert_id["cert_hash"].native == SHA256.of(certificate("ada").der)
    assert cert_id["issuer_serial"]["serial_number"].native == certificate("ada").serial_number
    capabilities = SMIMECapabilities.load(found[attributes.SMIME_CAPABILITIES].dump())
    assert {each["algorithm"].dotted for each in capabilities} == OWN_CAPABILITIES
    preference = SMIMEEncryptionKeyPreference.load(found[attributes.ENCRYPTION_KEY_PREFERENCE].dump())
    assert preference.chosen["serial_number"].native == certificate("gwen").serial_number


def test_the_hash_algorithm_of_signing_certificate_v2_is_left_out_for_sha256():
    """RFC 5035 section 3: "hashAlgorithm AlgorithmIdentifier DEFAULT {algorithm id-sha256}", and DER leaves defaults out."""
    value = attributes.Attributes(der.read(accepted(made()).signed_attributes, der.SET), "signed")
    cert_id = value.one(attributes.SIGNING_CERTIFICATE_V2).inside().inside().inside()
    assert cert_id.peek() == der.OCTET_STRING


def test_signed_attributes_are_a_sorted_set():
    """RFC 5652 section 5.4: "the DER encoding of the SignedAttrs value"."""
    members = [each.der for each in der.read(accepted(made()).signed_attributes, der.SET)]
    assert members == sorted(members)


def test_the_signer_tells_what_to_encrypt_answers_to():
    signer = accepted(made(encryption_certificate=certificate("gwen")))
    assert signer.encryption_certificate == certificate("gwen")
    assert set(signer.capabilities) == OWN_CAPABILITIES


@pytest.mark.parametrize(("name", "preferred"), [("ada", "ada"), ("signer-only", None)])
def test_without_an_encryption_certificate_the_signers_own_is_preferred_if_it_can(name, preferred):
    assert accepted(made(name)).encryption_certificate == (certificate(preferred) if preferred else None)


def test_the_ess_attributes_come_back():
    hints = ContentHints("1.2.840.113549.1.7.1", "the plan")
    signed = verified(made(attributes=EssAttributes(LABEL, REQUEST, b"id of content", hints)))
    (signer,) = signed.verified_signers
    assert (signer.receipt_request, signer.content_identifier, signer.content_hints) == (REQUEST, b"id of content", hints)
    assert signed.agreement.security_label == ("present", LABEL.to_der())
    assert signed.agreement.receipt_request[1] == REQUEST


@pytest.mark.parametrize("receipts_from", ["all_receipts", "first_tier_recipients", ("bob@example.org", "carl@example.org")])
def test_receipt_requests_are_what_asn1crypto_reads(receipts_from):
    request = ReceiptRequest(b"id", receipts_from, ("ada@example.org", "desk@example.org"))
    native = ReceiptRequestType.load(request.to_der(), strict=True).native
    wanted = [[each] for each in receipts_from] if isinstance(receipts_from, tuple) else receipts_from
    assert native == {
        "signed_content_identifier": b"id",
        "receipts_from": wanted,
        "receipts_to": [["ada@example.org"], ["desk@example.org"]],
    }
    assert ReceiptRequest.from_element(der.Reader(request.to_der()).element()) == request


def test_content_hints_are_what_asn1crypto_reads():
    hints = ContentHints("1.2.840.113549.1.9.16.1.1", "empfangsbestätigt")
    assert ContentHintsType.load(hints.to_der(), strict=True)["content_description"].native == "empfangsbestätigt"


@pytest.mark.parametrize("count", [0, 17])
def test_receipts_to_has_one_to_sixteen_entries(count):
    with pytest.raises(ValueError):
        ReceiptRequest(b"id", "all_receipts", ("ada@example.org",) * count)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_content_of_any_pieces_in_nested_octet_strings_is_one_content(pieces):
    signed = signed_data(Forged(content=b"".join(pieces)))
    whole = der.octets(b"".join(pieces))
    nested = b"\x24\x80" + b"".join(b"\x24\x80" + der.octets(each) + b"\0\0" for each in pieces) + b"\0\0"
    enclosing = der.tlv(der.context(0), whole)
    data = in_indefinite_lengths(signed).replace(in_indefinite_lengths(enclosing), b"\xa0\x80" + nested + b"\0\0")
    signed = verified(data)
    assert [type(each) for each in signed.signers] == [VerifiedSigner]
    assert signed.content.open().read() == b"".join(pieces)


def in_indefinite_lengths(encoded: bytes) -> bytes:
    """Every construction in BER, those inside certificates and signed attributes too."""
    element = der.Reader(encoded).element()
    if not element.tag & der.CONSTRUCTED:
        return encoded
    return bytes((element.tag, 0x80)) + b"".join(in_indefinite_lengths(each.der) for each in element.inside()) + b"\0\0"


def test_a_structure_wholly_in_indefinite_lengths_verifies():
    assert isinstance(only_signer(in_indefinite_lengths(signed_data(Forged()))), VerifiedSigner)


def test_detached_content_is_verified_and_not_given():
    data = signed_data(Forged(), detached=True)
    assert verified(data, detached=BytesSource(CONTENT)).content is None
    accepted(data, detached=BytesSource(CONTENT))
    assert isinstance(refused(data, detached=BytesSource(CONTENT + b"x")).error, BadSignature)


def test_signed_content_that_is_nowhere_is_malformed():
    with pytest.raises(Malformed):
        verified(signed_data(Forged(), detached=True))


def test_the_signer_may_be_named_by_its_key_identifier():
    sid = der.tlv(der.context(0, constructed=False), certificate("ada").subject_key_identifier)
    accepted(signed_data(Forged(sid=sid)))


def certified_before(name: str) -> Certificate:
    """An expired certificate of the same key, name and key identifier."""
    now = x509.load_der_x509_certificate(certificate(name).der)
    builder = x509.CertificateBuilder(now.issuer, now.subject, now.public_key(), 1, NOW - timedelta(400), NOW - timedelta(30))
    for each in now.extensions:
        builder = builder.add_extension(each.value, each.critical)
    return Certificate.from_der(builder.sign(private_key("ca"), hashes.SHA256()).public_bytes(Encoding.DER))


@pytest.mark.parametrize("reverse", [False, True])
def test_a_key_that_was_certified_again_is_found_whichever_certificate_comes_first(reverse):
    """RFC 5652 section 5.3 identifies "the signer's certificate (and thereby the signer's public key)"; several may have one key identifier."""
    identifier = der.tlv(der.context(0, constructed=False), certificate("ada").subject_key_identifier)
    known = sorted((certified_before("ada"), certificate("ada")), key=lambda each: each.not_before, reverse=reverse)
    message = structure([Forged(sid=identifier).signer_info()], names=("ca",))
    assert accepted(message, certificates=known).certificate == certificate("ada")


def test_an_issuer_written_in_another_type_of_string_is_the_same():
    """RFC 5280 section 7.1 compares names by their text."""
    issuer = certificate("ada").issuer_der
    printable = issuer.replace(b"\x0c\x02ca", b"\x13\x02ca")
    assert printable != issuer
    accepted(signed_data(Forged(sid=der.sequence(printable, der.integer(certificate("ada").serial_number)))))


def test_a_certificate_that_the_reader_knows_need_not_travel():
    assert isinstance(refused(made(certificates=[])).error, BadCertificate)
    accepted(made(certificates=[]), certificates=[certificate("ca")])


@pytest.mark.parametrize(("stated", "outcome"), [(SHA256, VerifiedSigner), (SHA384, RejectedSigner)])
def test_pss_signatures_are_read_if_the_hash_is_the_digest_algorithm(stated, outcome):
    """RFC 4056 section 3: the two "MUST be the same"."""
    mgf = der.sequence(der.oid(MGF1), SHA256.identifier.der)
    members = (stated.identifier.der, mgf, der.integer(32))
    parameters = der.sequence(*(der.tlv(der.context(number), each) for number, each in enumerate(members)))
    forged = Forged("rita", algorithm=AlgorithmIdentifier(RSASSA_PSS, parameters))
    members = list(der.read(forged.signer_info()))
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = private_key("rita").sign(der.tlv(der.SET, members[3].content), scheme, hashes.SHA256())
    data = signed_data(forged).replace(members[5].der, der.octets(signature))
    assert isinstance(only_signer(data), outcome)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        pytest.param("ada", ECDSA_OIDS[SHA512], id="another digest"),
        pytest.param("rita", ECDSA_OIDS[SHA256], id="another kind of key"),
        pytest.param("ada", RSA_ENCRYPTION, id="another kind of key"),
    ],
)
def test_the_signature_algorithm_fits_the_digest_and_the_key(name, algorithm):
    """RFC 8933 section 3, and nothing that a library would stumble over."""
    assert isinstance(refused(signed_data(Forged(name, algorithm=AlgorithmIdentifier(algorithm)))).error, BadSignature)


def test_a_signature_algorithm_without_a_row_is_unsupported():
    md5_with_rsa = AlgorithmIdentifier("1.2.840.113549.1.1.4")
    assert isinstance(refused(signed_data(Forged("rita", algorithm=md5_with_rsa))).error, Unsupported)


# Refused


@given(st.integers(0, 100_000), st.integers(1, 255))
def test_a_flipped_byte_never_verifies_as_something_else(position, mask):
    original = SIGNED_ONCE
    data = bytearray(original)
    data[position % len(data)] ^= mask
    try:
        signed = verified(bytes(data))
        content = signed.content.open().read() if signed.content else None
    except (Malformed, Unsupported):
        return
    for signer in signed.verified_signers:
        assert content == CONTENT
        assert signer.signed_attributes == accepted(original).signed_attributes


SIGNED_ONCE = made(attributes=EssAttributes(LABEL, REQUEST))


def test_changed_content_is_refused():
    assert refused(made().replace(b"Hello", b"Hullo")).reason == "the content was changed after it was signed"


@pytest.mark.parametrize(
    "attribute_",
    [
        pytest.param(attribute(attributes.ALGORITHM_PROTECTION, der.sequence(SHA256.identifier.der, b"\xa1\2\6\0")), id="broken"),
        pytest.param(
            attribute(
                attributes.ALGORITHM_PROTECTION,
                der.sequence(SHA1.identifier.der, der.tlv(0xA1, der.oid("1.2.840.10045.4.3.2"))),
            ),
            id="another digest",
        ),
        pytest.param(
            attribute(
                attributes.ALGORITHM_PROTECTION,
                der.sequence(SHA256.identifier.der, der.tlv(0xA1, der.oid("1.2.840.10045.4.3.4"))),
            ),
            id="another signature algorithm",
        ),
    ],
)
def test_rfc6211_algorithm_protection_must_name_the_algorithms_used(attribute_):
    refused(signed_data(Forged(extra=(attribute_,))))


def test_rfc5035_the_signing_certificate_must_be_the_one_that_verifies():
    """RFC 5035 section 5.4: the first certificate identified "MUST be the certificate used to verify the signature"."""
    cert_id = der.sequence(der.octets(SHA256.of(certificate("bob").der)))
    extra = attribute(attributes.SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(cert_id)))
    assert refused(signed_data(Forged(extra=(extra,)))).reason == "the certificate is not the one that was signed along"


def test_the_first_version_of_signing_certificate_holds_too():
    for name, outcome in (("ada", VerifiedSigner), ("bob", RejectedSigner)):
        cert_id = der.sequence(der.octets(SHA1.of(certificate(name).der)))
        extra = attribute(attributes.SIGNING_CERTIFICATE, der.sequence(der.sequence(cert_id)))
        assert isinstance(only_signer(signed_data(Forged(extra=(extra,)))), outcome)


def test_attributes_that_travel_unsorted_verify_because_der_was_signed():
    accepted(signed_data(Forged(in_order=False)))


def test_without_attributes_only_data_may_be_signed():
    """RFC 5652 section 5.3: signedAttrs "MUST be present if the content type [...] is not id-data"."""
    accepted(signed_data(Forged(attributes=None)))
    refused(signed_data(Forged(attributes=None, content_type="1.2.840.113549.1.9.16.1.1")))


def test_signed_attributes_of_another_message_are_no_content():
    """Their signature is valid for the attributes as content, if no attributes are there."""
    stolen = accepted(signed_data(Forged())).signed_attributes
    assert isinstance(refused(signed_data(Forged(attributes=None, content=stolen))).error, BadSignature)
    accepted(signed_data(Forged(attributes=None, content=stolen + b"\0")))


@pytest.mark.parametrize("missing", [attributes.CONTENT_TYPE, attributes.MESSAGE_DIGEST])
def test_content_type_and_message_digest_must_be_there(missing):
    there = {
        attributes.CONTENT_TYPE: der.oid("1.2.840.113549.1.7.1"),
        attributes.MESSAGE_DIGEST: der.octets(SHA256.of(CONTENT)),
    }
    del there[missing]
    refused(signed_data(Forged(attributes=[attribute(*each) for each in there.items()])))


def test_the_content_type_attribute_is_the_type_of_the_content():
    wrong = [
        attribute(attributes.CONTENT_TYPE, der.oid("1.2.840.113549.1.9.16.1.1")),
        attribute(attributes.MESSAGE_DIGEST, der.octets(SHA256.of(CONTENT))),
    ]
    refused(signed_data(Forged(attributes=wrong)))


@pytest.mark.parametrize("oid", [each for each, places in attributes.PLACES.items() if "unsigned" not in places])
def test_rfc2634_1_3_4_attributes_that_must_be_signed_must_not_be_unsigned(oid):
    refused(signed_data(Forged(unsigned=(attribute(oid, der.octets(b"")),))))


def test_a_countersignature_must_not_be_signed():
    refused(signed_data(Forged(extra=(attribute(attributes.COUNTERSIGNATURE, der.sequence()),))))


def test_unsigned_hints_are_ignored():
    hints = attribute(attributes.CONTENT_HINTS, ContentHints("1.2.3", "believe me").to_der())
    assert accepted(signed_data(Forged(unsigned=(hints,)))).content_hints is None


@pytest.mark.parametrize("oid", [attributes.CONTENT_TYPE, attributes.MESSAGE_DIGEST, attributes.SIGNING_TIME])
def test_a_second_instance_of_a_cms_attribute_is_refused(oid):
    values = {
        attributes.CONTENT_TYPE: der.oid("1.2.840.113549.1.7.1"),
        attributes.MESSAGE_DIGEST: der.octets(SHA256.of(CONTENT)),
        attributes.SIGNING_TIME: der.time(NOW + timedelta(hours=1)),
    }
    refused(signed_data(Forged(extra=(attribute(oid, values[oid]),))))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mallory", "issued"),
        ("expired", "expired"),
        ("gwen", "not for signing"),
    ],
)
def test_a_certificate_that_proves_nothing_rejects_the_signer(name, reason):
    rejected = refused(signed_data(Forged(name)))
    assert isinstance(rejected.error, BadCertificate)
    assert reason in rejected.reason
    assert rejected.certificate == certificate(name)


def test_a_signature_by_another_key_is_refused():
    """The certificate named is valid, the signature is somebody else's."""
    data = signed_data(Forged("mallory", sid=certificate("ada").issuer_and_serial_number), certificates=("ca", "ada"))
    assert isinstance(refused(data).error, BadSignature)


def test_a_signing_time_in_the_future_is_told():
    assert accepted(made(), now=NOW - timedelta(hours=1)).warnings == ("the signing time lies in the future",)
    assert accepted(made()).warnings == ()


def test_more_than_64_signers_and_more_than_200_certificates_are_refused():
    (info,) = {Forged().signer_info()}
    data = signed_data(Forged())
    with pytest.raises(Malformed):
        verified(data_with_last_member(data, der.tlv(der.SET, *[info] * 65)))
    with pytest.raises(Malformed):
        verified(made(certificates=[]).replace(bag_of("ada"), der.tlv(der.context(0), *[certificate("ada").der] * 201)))


def bag_of(name: str) -> bytes:
    return der.tlv(der.context(0), certificate(name).der)


def data_with_last_member(data: bytes, last: bytes) -> bytes:
    content_info = der.read(data)
    content_type = content_info.element().der
    *members, _ = content_info.inside(der.context(0)).inside()
    structure = der.sequence(*(each.der for each in members), last)
    return der.sequence(content_type, der.tlv(der.context(0), structure))


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(tuple(attribute(f"1.2.3.{number}", b"\5\0") for number in range(1000)), id="attributes"),
        pytest.param((der.sequence(der.oid("1.2.3"), der.tlv(der.SET, b"\5\0" * 1001)),), id="values"),
    ],
)
def test_more_than_a_thousand_attributes_or_values_are_refused(extra):
    assert isinstance(refused(signed_data(Forged(extra=extra))).error, Malformed)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (b"\4\1a" * 200_000, "too many elements"),
        (b"\4\0" * 200_000, "too many elements"),
        (b"\x24\x80" * 100 + b"\0\0" * 100, "nested"),
        (b"\4\1a" * 50_000, None),
    ],
)
def test_content_in_too_many_or_too_deep_pieces_is_refused(pieces, reason):
    content = b"a" * pieces.count(b"a")
    whole = der.tlv(der.context(0), der.octets(content))
    signed = in_indefinite_lengths(signed_data(Forged(content=content)))
    data = signed.replace(in_indefinite_lengths(whole), b"\xa0\x80\x24\x80" + pieces + b"\0\0\0\0")
    if reason is None:
        accepted(data)
    else:
        with pytest.raises(Malformed, match=reason):
            verified(data)


# Labels and receipt requests of several signers


@pytest.mark.parametrize(
    ("labels", "state"),
    [
        ((None, None), "absent"),
        ((LABEL, LABEL), "present"),
        ((LABEL, None), "conflict"),
        ((LABEL, OTHER_LABEL), "conflict"),
    ],
)
def test_rfc2634_3_1_1_all_signers_must_have_the_same_label(labels, state):
    signers = [
        Forged(name, extra=(label_attribute(label),) if label else ()) for name, label in zip(("ada", "rita"), labels, strict=True)
    ]
    found, label = verified(signed_data(*signers)).agreement.security_label
    assert found == state
    assert (label is not None) == (state == "present")


def test_the_label_of_a_rejected_signer_does_not_count():
    signed = verified(signed_data(Forged("ada", extra=(label_attribute(),)), Forged("mallory", extra=(label_attribute(OTHER_LABEL),))))
    assert signed.agreement.security_label == ("present", LABEL.to_der())
    assert verified(signed_data(Forged("mallory", extra=(label_attribute(),)))).agreement.security_label == ("absent", None)


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param((label_attribute(), label_attribute()), id="two attributes"),
        pytest.param((label_attribute(), label_attribute(OTHER_LABEL)), id="two different attributes"),
        pytest.param((der.sequence(der.oid(attributes.SECURITY_LABEL), der.set_of([])),), id="no value"),
        pytest.param(
            (der.sequence(der.oid(attributes.SECURITY_LABEL), der.set_of([LABEL.to_der(), OTHER_LABEL.to_der()])),),
            id="two values",
        ),
        pytest.param(
            (label_attribute(), der.sequence(der.oid(attributes.SECURITY_LABEL), der.set_of([]))), id="a second one without value"
        ),
        pytest.param((attribute(attributes.SECURITY_LABEL, der.sequence()),), id="no SET"),
    ],
)
def test_a_label_that_is_not_exactly_one_is_malformed(extra):
    signed = verified(signed_data(Forged(extra=extra)))
    assert isinstance(signed.signers[0], VerifiedSigner)
    assert signed.agreement.security_label == ("malformed", None)


def test_different_receipt_requests_of_several_signers_are_none():
    other = ReceiptRequest(b"another id", "all_receipts", ("ada@example.org",))
    for second, result in ((REQUEST, REQUEST), (other, None)):
        signers = [
            Forged(name, extra=(attribute(attributes.RECEIPT_REQUEST, request.to_der()),))
            for name, request in (("ada", REQUEST), ("rita", second))
        ]
        assert verified(signed_data(*signers)).agreement.receipt_request[1] == result


def test_a_malformed_receipt_request_is_none_and_said():
    signed = verified(signed_data(Forged(extra=(attribute(attributes.RECEIPT_REQUEST, der.sequence()),))))
    assert signed.agreement.receipt_request[1] is None
    assert signed.verified_signers[0].malformed == {attributes.RECEIPT_REQUEST}


@given(st.binary(max_size=500))
def test_no_bytes_raise_anything_but_our_errors(data):
    for start in (b"", SIGNED_ONCE[:60], SIGNED_ONCE[:-40]):
        with suppress(SecmailError):
            verified(start + data)
