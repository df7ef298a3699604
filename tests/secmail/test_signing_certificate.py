"""The signing-certificate attributes (RFC 5035): which certificate verifies, and which may be in its path."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from forge import Forged, signed_data
from pki import NOW, certificate, private_key, trust

from secmail import BytesSource, Certificate, PathCache, PathOptions, RejectedSigner, Unsupported, VerifiedSigner, der
from secmail.algorithms import DIGESTS, SHA1, SHA256
from secmail.cms import attributes
from secmail.cms.attributes import attribute
from secmail.cms.signed import verify

# Readable hashes: those that the first version can't name, and one that is no default
NAMED_DIGESTS = [each for each in DIGESTS.values() if each.name in ("SHA-256", "SHA-384", "SHA-512", "SHA3-256")]


def cert_id(cert, digest=None, *, serial=None) -> bytes:
    """An ESSCertIDv2, with the hash algorithm stated (None: absent, so SHA-256)."""
    algorithm = digest.identifier.der if digest else b""
    if serial is None:
        return der.sequence(algorithm, der.octets((digest or SHA256).of(cert.der)))
    issuer, _ = der.read(cert.issuer_and_serial_number)
    issuer_serial = der.sequence(der.sequence(der.tlv(attributes.DIRECTORY_NAME, issuer.der)), der.integer(serial))
    return der.sequence(algorithm, der.octets((digest or SHA256).of(cert.der)), issuer_serial)


def attribute_v2(*ids: bytes, policies: bytes = b"") -> bytes:
    return attribute(attributes.SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(*ids), policies))


def signer_with(*extra: bytes, options=None, certificates=("ca",), further=()):
    data = signed_data(Forged(extra=extra), certificates=certificates)
    (signer,) = verify(BytesSource(data), trust=trust(), now=NOW, options=options, certificates=further).signers
    return signer


@pytest.mark.parametrize("digest", NAMED_DIGESTS, ids=lambda each: each.name)
def test_the_certificate_is_compared_under_the_hash_that_is_named(digest):
    assert isinstance(signer_with(attribute_v2(cert_id(certificate("ada"), digest))), VerifiedSigner)
    assert isinstance(signer_with(attribute_v2(cert_id(certificate("bob"), digest))), RejectedSigner)


def test_a_hash_that_is_not_read_here_is_unsupported():
    unknown = der.sequence(der.sequence(der.oid("1.2.3")), der.octets(bytes(32)))
    signer = signer_with(attribute_v2(unknown))
    assert (signer.status, type(signer.error)) == ("unverifiable", Unsupported)


def test_the_serial_number_must_be_that_of_the_certificate_too():
    serial = x509.load_der_x509_certificate(certificate("ada").der).serial_number
    assert isinstance(signer_with(attribute_v2(cert_id(certificate("ada"), serial=serial))), VerifiedSigner)
    assert isinstance(signer_with(attribute_v2(cert_id(certificate("ada"), serial=serial + 1))), RejectedSigner)


def test_a_list_of_no_certificate_is_malformed():
    assert signer_with(attribute_v2()).status == "invalid"


def test_both_versions_must_name_the_certificate():
    v1 = attribute(attributes.SIGNING_CERTIFICATE, der.sequence(der.sequence(der.sequence(der.octets(SHA1.of(certificate("bob").der))))))
    assert isinstance(signer_with(attribute_v2(cert_id(certificate("ada"))), v1), RejectedSigner)


def other_ca() -> Certificate:
    """Another certificate for the same authority and key, as cross-certificates are."""
    authority = x509.load_der_x509_certificate(certificate("ca").der)
    builder = x509.CertificateBuilder(
        subject_name=authority.subject,
        issuer_name=authority.issuer,
        public_key=authority.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(1),
        not_valid_after=NOW + timedelta(1),
        extensions=list(authority.extensions),
    )
    return Certificate.from_der(builder.sign(private_key("root"), hashes.SHA256()).public_bytes(Encoding.DER))


def test_further_certificates_limit_the_path():
    """ "subsequent certificates limit the set of certificates that are used during validation" """
    listed = attribute_v2(cert_id(certificate("ada")), cert_id(certificate("ca")))
    assert isinstance(signer_with(listed), VerifiedSigner)
    assert signer_with(listed, certificates=(), further=[other_ca()]).status == "untrusted"


def test_the_trust_anchor_need_not_be_listed_and_a_list_of_one_limits_nothing():
    """ "If only the signing certificate is present in the sequence, there are no restrictions" """
    alone = attribute_v2(cert_id(certificate("ada")))
    assert isinstance(signer_with(alone, certificates=(), further=[other_ca()]), VerifiedSigner)


def test_a_verdict_without_the_limits_is_not_used_again_under_them():
    options = PathOptions(cache=PathCache())
    assert isinstance(signer_with(attribute_v2(cert_id(certificate("ada"))), options=options), VerifiedSigner)
    listed = attribute_v2(cert_id(certificate("ada")), cert_id(certificate("bob")))
    assert signer_with(listed, options=options).status == "untrusted"


def test_policies_are_a_suggestion_and_those_required_hold_in_any_case():
    """ "This value suggests a policy value to be used in the relying party's certification path validation." """
    suggested = attribute_v2(cert_id(certificate("ada")), policies=der.sequence(der.sequence(der.oid("1.2.3"))))
    assert isinstance(signer_with(suggested), VerifiedSigner)
    assert signer_with(suggested, options=PathOptions(policies=frozenset({"1.2.3"}))).status == "untrusted"
