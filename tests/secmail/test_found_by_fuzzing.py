"""What ``make fuzz`` has found, each as the rule that was broken. Inputs are made by code, as small as they get."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from layered import POLICY
from pki import NOW, certificate, private_key, trust

from secmail import Certificate, der
from secmail.labels import Category, Clearance, TagType
from secmail.paths import validate

# Certificates and paths


def reissued(name: str, *extensions: tuple[str, bytes]) -> Certificate:
    """A certificate with further extensions."""
    old = x509.load_der_x509_certificate(certificate(name).der)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), 1, old.not_valid_before_utc, old.not_valid_after_utc)
    for each in old.extensions:
        builder = builder.add_extension(each.value, each.critical)
    for oid, value in extensions:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False)
    return Certificate.from_der(builder.sign(private_key("ca"), hashes.SHA256()).public_bytes(Encoding.DER))


def test_a_certificate_with_a_clearance_of_categories_is_no_worse_than_others():
    """RFC 5755 section 4.4.6; asn1crypto refuses the SET of categories, as any SET whose type it does not know."""
    clearance = Clearance(POLICY, frozenset({1}), (Category(f"{POLICY}.1", TagType.RESTRICTIVE, 1),))
    cleared = reissued("ada", ("2.5.29.9", der.sequence(clearance.to_attribute())))
    assert validate(cleared, trust=trust(), at=NOW, intermediates=[certificate("ca")]).valid
