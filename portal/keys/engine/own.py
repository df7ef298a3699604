"""Keys and certificates: made, issued by the portal's own authority, and packed for export."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secmail import Certificate

LIFETIME = timedelta(days=730)
COMMON_NAME_LENGTH = 64  # RFC 5280 appendix A.1, ub-common-name
AUTHORITY_LIFETIME = timedelta(days=3650)
# RFC 4262 with the OIDs of RFC 8551 section 2.5.2: SMIMECapabilities as DER, a SEQUENCE of SEQUENCE { OID }, in order of preference.
_SMIME_CAPABILITIES = x509.ObjectIdentifier("1.2.840.113549.1.9.15")
_AES256_GCM = bytes.fromhex("060960864801650304012e")
_AES128_GCM = bytes.fromhex("0609608648016503040106")
_AES256_CBC = bytes.fromhex("060960864801650304012a")


@dataclass(frozen=True)
class NewKey:
    """A fresh private key, as PKCS#8 and SubjectPublicKeyInfo in DER."""

    private: bytes
    public: bytes


@dataclass(frozen=True)
class Issuer:
    """The authority in use: its certificate and private key, both DER."""

    certificate: bytes
    private_key: bytes


def new_p256() -> NewKey:
    key = ec.generate_private_key(ec.SECP256R1())
    return NewKey(
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


def new_authority(name: str, now: datetime) -> Issuer:
    """A self-signed trust anchor that may issue end-entity certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")]
    )
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Issuer(
        certificate.public_bytes(Encoding.DER), key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    )


def issue(
    issuer: Issuer, *, public: bytes, display_name: str, address: str, signing: bool, reads_gcm: bool, now: datetime
) -> bytes:
    """A certificate (DER) for signing or for encryption, for e-mail protection, with the address as rfc822Name."""
    authority = x509.load_der_x509_certificate(issuer.certificate)
    authority_key = load_der_private_key(issuer.private_key, None)
    key = load_der_public_key(public)
    usage = _usage(digital_signature=True, content_commitment=True) if signing else _usage(key_agreement=True)
    capabilities = (_AES256_GCM, _AES128_GCM, _AES256_CBC) if reads_gcm else (_AES256_CBC,)
    certificate = (
        _builder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, display_name[:COMMON_NAME_LENGTH])]),
            authority.subject,
            key,
            now,
            LIFETIME,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(x509.UnrecognizedExtension(_SMIME_CAPABILITIES, _capabilities(capabilities)), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.DER)


def certificate_view(der: bytes) -> Certificate:
    return Certificate.from_der(der)


def pkcs12_file(*, name: str, private_key: bytes, certificate: bytes, authority: bytes, passphrase: str) -> bytes:
    """PKCS#12 with AES-256 and SHA-256 throughout, as stock OpenSSL and today's mail programs read it."""
    return pkcs12.serialize_key_and_certificates(
        name.encode(),
        load_der_private_key(private_key, None),
        x509.load_der_x509_certificate(certificate),
        [x509.load_der_x509_certificate(authority)],
        BestAvailableEncryption(passphrase.encode()),
    )


def pem(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()


def _builder(subject, issuer, key, now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks of others may be a little behind
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(**granted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{name: granted.get(name, False) for name in names})


def _capabilities(oids: tuple[bytes, ...]) -> bytes:
    members = b"".join(b"\x30" + bytes([len(oid)]) + oid for oid in oids)
    return b"\x30" + bytes([len(members)]) + members
