"""Certificates that look like ada's: from a CA of the same name, for another purpose, with another's key identifier, outside of what their issuer may name."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from forge import Forged, signed_data
from layered import mime
from pki import AGREE, CA, PKI, SIGN, Row, certificate
from spoofs import NOT_VERIFIED, VERIFIED, Family

from secmail import der
from secmail.algorithms import SHA256
from secmail.cms.attributes import SIGNING_CERTIFICATE_V2, attribute

FAMILY = Family()
ADA = "ada@example.org"
RFC822_NAME = der.context(1, constructed=False)
EVIL_ONLY = x509.NameConstraints([x509.RFC822Name("evil.example")], None)
NOT_EXAMPLE = x509.NameConstraints(None, [x509.RFC822Name("example.org")])
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
UTF8_MAILBOX = der.tlv(der.context(0), der.oid("1.3.6.1.5.5.7.8.9"), der.tlv(der.context(0), der.tlv(der.UTF8_STRING, ADA.encode())))


def named(name: str) -> tuple[bytes, ...]:
    return (der.tlv(RFC822_NAME, name.encode()),)


LOOKALIKES = {
    "twin-root": Row("P-256", "twin-root", (CA,), common_name="root", twin_of="root"),
    "twin-ca": Row("P-256", "twin-root", (CA,), common_name="ca", twin_of="ca"),
    "twin-ada": Row("P-256", "twin-ca", (SIGN, AGREE), ADA, common_name="ada", twin_of="ada"),
    "self-signed-ada": Row("P-256", "self-signed-ada", (SIGN, AGREE), ADA, common_name="ada", twin_of="ada"),
    "ada-by-carl": Row("P-256", "carl", (SIGN, AGREE), ADA),
    "ada-by-herself": Row("P-256", "ada", (SIGN, AGREE), ADA),
    "ada-for-encryption": Row("P-256", "ca", (AGREE,), ADA),
    "ada-for-a-server": Row("P-256", "ca", (SIGN,), ADA, purpose=ExtendedKeyUsageOID.SERVER_AUTH),
    "ada-for-time-stamps": Row("P-256", "ca", (SIGN,), ADA, purpose=ExtendedKeyUsageOID.TIME_STAMPING),
    "ada-too-early": Row("P-256", "ca", (SIGN,), ADA, days=(10, 300)),
    "ada-critical": Row("P-256", "ca", (SIGN,), ADA, extensions=(UNKNOWN,)),
    "critical-ca": Row("P-256", "root", (CA,), extensions=(UNKNOWN,)),
    "ada-of-a-critical-ca": Row("P-256", "critical-ca", (SIGN,), ADA),
    "expired-ca": Row("P-256", "root", (CA,), days=(-300, -1)),
    "ada-of-an-expired-ca": Row("P-256", "expired-ca", (SIGN,), ADA),
    "signing-ca": Row("P-256", "root", (CA,), ADA),
    "evil-ca": Row("P-256", "root", (CA,), extensions=(EVIL_ONLY,)),
    "ada-of-evil": Row("P-256", "evil-ca", (SIGN,), ADA),
    "ada-of-evil-in-the-subject": Row("P-256", "evil-ca", (SIGN,), "eve@evil.example", address=ADA),
    "ada-of-evil-in-utf8": Row("P-256", "evil-ca", (SIGN,), names=(*named("eve@evil.example"), UTF8_MAILBOX)),
    "limited-ca": Row("P-256", "root", (CA,), extensions=(NOT_EXAMPLE,)),
    "ada-of-limited": Row("P-256", "limited-ca", (SIGN,), ADA),
    "nul": Row("P-256", "ca", (SIGN,), names=named("ada@example.org\0.evil.example")),
    "nul-in-the-subject": Row("P-256", "ca", (SIGN,), address="ada@example.org\0@evil.example"),
    "line-end": Row("P-256", "ca", (SIGN,), names=named("eve@evil.example\r\nada@example.org")),
    "wildcard": Row("P-256", "ca", (SIGN,), names=named("*@example.org")),
    "domain": Row("P-256", "ca", (SIGN,), names=named("example.org")),
    "dotted-domain": Row("P-256", "ca", (SIGN,), names=named("@example.org")),
    "display-name": Row("P-256", "ca", (SIGN,), names=named("<ada@example.org> eve@evil.example")),
    "two-in-one": Row("P-256", "ca", (SIGN,), names=named("eve@evil.example,ada@example.org")),
    "uri": Row("P-256", "ca", (SIGN,), names=(*named("eve@evil.example"), der.tlv(der.context(6, constructed=False), b"mailto:ada@example.org"))),
    "dns": Row("P-256", "ca", (SIGN,), names=(*named("eve@evil.example"), der.tlv(der.context(2, constructed=False), b"ada@example.org"))),
    "name-only": Row("P-256", "ca", (SIGN,), "eve@evil.example", common_name="ada@example.org"),
    "twin-carl": Row("P-256", "ca", (SIGN,), "eve@evil.example", twin_of="ada", common_name="eve"),
}
PKI.update(LOOKALIKES)
ISSUERS = {
    "twin-ada": ("twin-ca", "twin-root"),
    "ada-by-carl": ("carl", "ca"),
    "ada-by-herself": ("ada", "ca"),
    "ada-of-a-critical-ca": ("critical-ca",),
    "ada-of-an-expired-ca": ("expired-ca",),
    "ada-of-limited": ("limited-ca",),
    **dict.fromkeys(("ada-of-evil", "ada-of-evil-in-the-subject", "ada-of-evil-in-utf8"), ("evil-ca",)),
}


def signed_with(name: str, *others: str, **options):
    return lambda: mime(signed_data(Forged(name, **options), certificates=("ca", *ISSUERS.get(name, ()), *others)))


for name in LOOKALIKES:
    if not name.endswith(("-ca", "-root", "-carl")) or name == "signing-ca":
        FAMILY.add(name.replace("-", "_"), "RFC 8550: a path from an anchor, for mail, for exactly the address", NOT_VERIFIED, signed_with(name))
FAMILY.add("expired", "RFC 5280 section 6.1.3: the certificate is valid at the moment", NOT_VERIFIED, signed_with("expired"))
FAMILY.add("stranger", "RFC 5280 section 6.1: the path ends in an anchor", NOT_VERIFIED, signed_with("mallory", "stranger"))
FAMILY.add("twin_beside_the_real_one", "a certificate with the same issuer and serial number is another certificate", NOT_VERIFIED, signed_with("twin-ada", "ada"))


def by_key_identifier(name: str, *others: str, **options):
    identifier = certificate("ada").subject_key_identifier or b""
    return signed_with(name, *others, sid=der.tlv(der.context(0, constructed=False), identifier), **options)


FAMILY.add("key_identifier_of_ada", "a certificate with the same key identifier is another certificate", NOT_VERIFIED, by_key_identifier("twin-carl"))
FAMILY.add("key_identifier_of_ada_beside_ada", "the certificate whose key signed is the signer's", NOT_VERIFIED, by_key_identifier("twin-carl", "ada"))
FAMILY.add("twin_by_key_identifier", "a certificate with the same key identifier is another certificate", NOT_VERIFIED, by_key_identifier("twin-ada", "ada"))


def certificate_named(digest: bytes) -> bytes:
    return attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(der.sequence(der.octets(digest)))))


FAMILY.add(
    "certificate_substituted",
    "RFC 5035 section 5.4: the certificate is the one that was signed along",
    NOT_VERIFIED,
    signed_with("ada", extra=(certificate_named(SHA256.of(certificate("carl").der)),)),
)
FAMILY.add(
    "two_signing_certificates",
    "RFC 5035 section 5.4: the attribute has one instance",
    NOT_VERIFIED,
    signed_with("ada", extra=(certificate_named(SHA256.of(certificate("ada").der)), certificate_named(SHA256.of(certificate("carl").der)))),
)
FAMILY.add("signing_certificate_empty", "RFC 5035 section 5.4: the attribute names the certificate", NOT_VERIFIED, signed_with("ada", extra=(attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence())),)))
FAMILY.add(
    "no_address",
    "RFC 8550 section 3: without an address in the certificate none is proven, which is said",
    VERIFIED,
    signed_with("nameless"),
    from__matches_signer=None,
    reason="signed by CN=nameless; the address of the sender is not proven",
)
