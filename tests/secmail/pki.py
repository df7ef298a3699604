"""A public-key infrastructure for tests, described as data: one row per certificate, keys made when first asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secmail import Certificate, SoftwareDecryptionKey, SoftwareSigningKey, TrustStore, der
from secmail.algorithms import AES256_CBC, AES256_GCM

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
CA, SIGN, ENCRYPT, AGREE = "ca", "sign", "encrypt", "agree"


@dataclass(frozen=True)
class Row:
    """What one certificate says; ``uses`` become its key usage (none at all: no such extension)."""

    key: str
    issuer: str
    uses: tuple[str, ...]
    email: str | None = None
    days: tuple[int, int] = (-30, 300)
    capabilities: tuple[str, ...] = ()


PKI = {
    "root": Row("P-256", "root", (CA,)),
    "ca": Row("P-256", "root", (CA,)),
    "stranger": Row("P-256", "stranger", (CA,)),
    "ada": Row("P-256", "ca", (SIGN, AGREE), "ada@example.org"),
    "bob": Row("P-384", "ca", (SIGN, AGREE), "bob@example.org"),
    "carl": Row("P-521", "ca", (SIGN, AGREE), "carl@example.org"),
    "rita": Row("RSA-2048", "ca", (SIGN, ENCRYPT), "rita@example.org"),
    "gwen": Row("P-256", "ca", (AGREE,), "gwen@example.org", capabilities=(AES256_GCM.oid, AES256_CBC.oid)),
    "hugh": Row("P-256", "ca", (AGREE,), "hugh@example.org"),
    "signer-only": Row("P-256", "ca", (SIGN,), "only@example.org"),
    "nameless": Row("P-256", "ca", (SIGN, AGREE)),
    "expired": Row("P-256", "ca", (SIGN, AGREE), "ada@example.org", days=(-30, -1)),
    "mallory": Row("P-256", "stranger", (SIGN, AGREE), "ada@example.org"),
}
EVERYBODY = ("ada", "bob", "carl", "rita")


@cache
def private_key(name: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    kind, _, size = PKI[name].key.partition("-")
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return ec.generate_private_key({"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}[size])


@cache
def certificate(name: str) -> Certificate:
    row = PKI[name]
    issuer_key = private_key(row.issuer)
    builder = x509.CertificateBuilder(
        subject_name=_name(name),
        issuer_name=_name(row.issuer),
        public_key=private_key(name).public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW + timedelta(row.days[0]),
        not_valid_after=NOW + timedelta(row.days[1]),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=CA in row.uses, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(row.uses), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(private_key(name).public_key()), critical=False
    )
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    if CA not in row.uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    if row.email:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(row.email)]), critical=False)
    if row.capabilities:
        builder = builder.add_extension(_capabilities(row.capabilities), critical=False)
    return Certificate.from_der(builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.DER))


def signing_key(name: str) -> SoftwareSigningKey:
    return SoftwareSigningKey(private_key(name), certificate(name))


def decryption_key(name: str) -> SoftwareDecryptionKey:
    return SoftwareDecryptionKey(private_key(name), certificate(name))


def trust() -> TrustStore:
    return TrustStore([certificate("root")])


def pem(name: str) -> bytes:
    """The private key and the certificate, as OpenSSL reads them."""
    key = private_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + x509.load_der_x509_certificate(certificate(name).der).public_bytes(Encoding.PEM)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(uses: tuple[str, ...]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=SIGN in uses,
        content_commitment=False,
        key_encipherment=ENCRYPT in uses,
        data_encipherment=False,
        key_agreement=AGREE in uses,
        key_cert_sign=CA in uses,
        crl_sign=CA in uses,
        encipher_only=False,
        decipher_only=False,
    )


def _capabilities(oids: tuple[str, ...]) -> x509.UnrecognizedExtension:
    encoded = der.sequence(*(der.sequence(der.oid(oid)) for oid in oids))
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.840.113549.1.9.15"), encoded)
