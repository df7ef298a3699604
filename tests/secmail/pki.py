"""A public-key infrastructure for tests, described as data: one row per certificate, keys made when first asked for."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from secmail import Certificate, SoftwareDecryptionKey, SoftwareSigningKey, TrustStore, der
from secmail.algorithms import AES256_CBC, AES256_GCM
from secmail.keys import PrivateKey

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
CA, SIGN, ENCRYPT, AGREE = "ca", "sign", "encrypt", "agree"


@dataclass(frozen=True)
class Row:
    """What one certificate says; ``uses`` become its key usage (none at all: no such extension).

    For lookalikes: ``common_name`` where it is not the row's, ``twin_of`` whose serial number and key identifier it takes, ``names`` for
    its subjectAltName (GeneralNames as encoded), ``address`` for its subject, and further critical ``extensions``.
    """

    key: str
    issuer: str
    uses: tuple[str, ...]
    email: str | None = None
    days: tuple[int, int] = (-30, 300)
    capabilities: tuple[str, ...] = ()
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION
    common_name: str | None = None
    twin_of: str | None = None
    names: tuple[bytes, ...] = ()
    address: str | None = None
    extensions: tuple[x509.ExtensionType, ...] = ()


PKI = {
    "root": Row("P-256", "root", (CA,)),
    "ca": Row("P-256", "root", (CA,)),
    "stranger": Row("P-256", "stranger", (CA,)),
    "ada": Row("P-256", "ca", (SIGN, AGREE), "ada@example.org"),
    "bob": Row("P-384", "ca", (SIGN, AGREE), "bob@example.org"),
    "carl": Row("P-521", "ca", (SIGN, AGREE), "carl@example.org"),
    "rita": Row("RSA-2048", "ca", (SIGN, ENCRYPT), "rita@example.org"),
    "rhea": Row("RSA-2048", "ca", (SIGN, ENCRYPT), "rhea@example.org"),
    "gwen": Row("P-256", "ca", (AGREE,), "gwen@example.org", capabilities=(AES256_GCM.oid, AES256_CBC.oid)),
    "hugh": Row("P-256", "ca", (AGREE,), "hugh@example.org"),
    "signer-only": Row("P-256", "ca", (SIGN,), "only@example.org"),
    "nameless": Row("P-256", "ca", (SIGN, AGREE)),
    "expired": Row("P-256", "ca", (SIGN, AGREE), "ada@example.org", days=(-30, -1)),
    "list": Row("P-256", "ca", (SIGN, AGREE), "list@example.org"),
    "list-before": Row("P-256", "ca", (SIGN, AGREE), "list@example.org"),
    "other-list": Row("P-256", "ca", (SIGN, AGREE), "other-list@example.org"),
    "eddy": Row("Ed25519", "ca", (SIGN,), "eddy@example.org"),
    "edna": Row("Ed448", "ca", (SIGN,), "edna@example.org"),
    "dil44": Row("ML-DSA-44", "ca", (SIGN,), "dil44@example.org"),
    "dil65": Row("ML-DSA-65", "ca", (SIGN,), "dil65@example.org"),
    "dil87": Row("ML-DSA-87", "ca", (SIGN,), "dil87@example.org"),
    "xena": Row("X25519", "ca", (AGREE,), "xena@example.org"),
    "xavier": Row("X25519", "ca", (AGREE,), "xavier@example.org"),
    "goldie": Row("X448", "ca", (AGREE,), "goldie@example.org"),
    "kem768": Row("ML-KEM-768", "ca", (ENCRYPT,), "kem768@example.org"),
    "kem1024": Row("ML-KEM-1024", "ca", (ENCRYPT,), "kem1024@example.org"),
    "kobe": Row("secp256k1", "ca", (SIGN,), "kobe@example.org"),
    "smalls": Row("RSA-1024", "ca", (SIGN, ENCRYPT), "smalls@example.org"),
    "evergreen": Row("P-256", "evergreen", (CA,), days=(-3650, 36500)),  # for programs that only know the time of day
    "nora": Row("P-256", "evergreen", (SIGN, AGREE), "nora@example.org", days=(-3650, 36500)),
    "nell": Row("P-256", "evergreen", (SIGN, AGREE), "nell@example.org", days=(-3650, 36500)),
    "mallory": Row("P-256", "stranger", (SIGN, AGREE), "ada@example.org"),
}
EVERYBODY = ("ada", "bob", "carl", "rita")
SIGNERS = (*EVERYBODY, "eddy", "edna", "dil44", "dil65", "dil87")
RECIPIENTS = (*EVERYBODY, "xena", "goldie", "kem768", "kem1024")
KINDS = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "RSA-1024": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505 (read only)
    "RSA-2048": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
    "X448": x448.X448PrivateKey.generate,
    "ML-KEM-768": mlkem.MLKEM768PrivateKey.generate,
    "ML-KEM-1024": mlkem.MLKEM1024PrivateKey.generate,
}


@cache
def private_key(name: str) -> PrivateKey:
    return KINDS[PKI[name].key]()


@cache
def certificate(name: str) -> Certificate:
    row = PKI[name]
    issuer_key = private_key(row.issuer)
    builder = x509.CertificateBuilder(
        subject_name=_name(name),
        issuer_name=_name(row.issuer),
        public_key=private_key(name).public_key(),
        serial_number=_serial_number(row.twin_of or name),
        not_valid_before=NOW + timedelta(row.days[0]),
        not_valid_after=NOW + timedelta(row.days[1]),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=CA in row.uses, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(row.uses), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(private_key(row.twin_of or name).public_key()), critical=False
    )
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    if CA not in row.uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage([row.purpose]), critical=False)
    if row.email:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(row.email)]), critical=False)
    if row.names:
        names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, der.sequence(*row.names))
        builder = builder.add_extension(names, critical=False)
    for extension in row.extensions:
        builder = builder.add_extension(extension, critical=True)
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


def _serial_number(name: str) -> int:
    """The same for a name in every run, so that messages kept from an earlier one still name their certificates."""
    return 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")


def _name(name: str) -> x509.Name:
    row = PKI[name]
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, row.common_name or name)]
    if row.address:
        attributes.append(x509.NameAttribute(NameOID.EMAIL_ADDRESS, row.address))
    return x509.Name(attributes)


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
