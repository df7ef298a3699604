"""Keys and certificates: made, issued by the portal's own authority, and packed for export."""

from collections.abc import Iterable
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

from secmail import Certificate, SecmailError, TrustStore
from secmail.cli.containers import read_contents
from secmail.der import encodings
from secmail.paths import PathCache, PathOptions, Purpose, validate

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


class NotUsable(Exception):
    """Nothing can be encrypted for an address with what was given; the message says why, for people."""


@dataclass(frozen=True)
class Usable:
    """A certificate to encrypt with for its address, and those that lie between it and a trust anchor, all DER."""

    certificate: bytes
    issuers: bytes


_paths = PathOptions(cache=PathCache())  # the same certificates are asked about with every key that is pressed


def read_certificates(data: bytes) -> list[Certificate]:
    """All certificates of a file: PEM, DER, PKCS#7. Raises `NotUsable`."""
    try:
        found = list(read_contents(data, None, keys=False).certificates)
    except SecmailError:
        found = []
    if not found:
        raise NotUsable("There is no certificate in this file. PEM, DER and PKCS#7 (.p7b, .p7c, .p7s) are read.")
    return found


def usable_certificate(data: bytes, address: str, anchors: Iterable[bytes], now: datetime) -> Usable:
    """The newest certificate of a file with which mail for the address can be encrypted now. Raises `NotUsable` with the reason."""
    found = read_certificates(data)
    ends = [each for each in found if not each.is_authority] or found
    theirs = [each for each in ends if each.speaks_for(address)]
    if not theirs:
        whose = ", ".join(dict.fromkeys(email for each in ends for email in each.emails)) or "no address at all"
        raise NotUsable(f"The certificate is for {whose}, not for {address}.")
    reasons = []
    for each in sorted(theirs, key=lambda one: one.not_before, reverse=True):
        issuers = b"".join(other.der for other in found if other != each)
        if not (reason := objection(each.der, issuers, anchors, now)):
            return Usable(each.der, issuers)
        reasons.append(reason)
    raise NotUsable(reasons[0])


def objection(der: bytes, issuers: bytes, anchors: Iterable[bytes], now: datetime) -> str:
    """Why nothing may be encrypted with this certificate now, as a sentence; empty if it may be."""
    try:
        certificate, between = Certificate.from_der(der), [Certificate.from_der(each) for each in _split(issuers)]
        if not certificate.can_encrypt:
            return "The certificate is not for encryption."
        if now > certificate.not_after:
            return f"The certificate expired on {_day(certificate.not_after)}."
        if now < certificate.not_before:
            return f"The certificate is not valid before {_day(certificate.not_before)}."
        trust = TrustStore(Certificate.from_der(each) for each in anchors)
        verdict = validate(
            certificate, trust=trust, at=now, intermediates=between, purpose=Purpose.ENCRYPTION, options=_paths
        )
    except SecmailError:
        return "The certificate can't be read."
    return "" if verdict else f"The certificate is not trusted here: {verdict.reason}."


def authority_certificate(data: bytes, now: datetime) -> Certificate:
    """The one certificate of an authority in a file, which may issue certificates now. Raises `NotUsable` with the reason."""
    found = read_certificates(data)
    if len(found) > 1:
        raise NotUsable(f"There are {len(found)} certificates in this file. Take them one by one, so that each is looked at.")
    certificate = found[0]
    try:
        authority = certificate.is_authority and certificate.may("key_cert_sign")
    except SecmailError:
        raise NotUsable("The certificate can't be read.") from None
    if not authority:
        raise NotUsable("This is not the certificate of an authority, so it vouches for nobody.")
    if now > certificate.not_after:
        raise NotUsable(f"The certificate expired on {_day(certificate.not_after)}.")
    return certificate


def _split(certificates: bytes) -> list[bytes]:
    return encodings(certificates, 0, len(certificates))


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


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
