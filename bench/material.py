"""What is measured with: people, certificates, content and messages, made once into a folder and the same for every contender."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secmail import Certificate, SoftwareDecryptionKey, SoftwareSigningKey, TrustStore, der
from secmail.algorithms import AES256_CBC, AES256_GCM
from secmail.cms.enveloped import EnvelopedDataWriter
from secmail.cms.recipients import Recipient
from secmail.cms.signed import SignedDataWriter
from secmail.streams import CHUNK

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS: dict[str, Callable[[], Any]] = {
    "RSA-2048": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "RSA-3072": lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "X25519": x25519.X25519PrivateKey.generate,
}
RSA_KEYS = 16  # of so many each recipient has one, because making 10,000 takes an hour; nothing is shared but the numbers
CIPHERS = {"CBC": AES256_CBC, "GCM": AES256_GCM}


@dataclass(frozen=True)
class Identity:
    """A key with its certificate, and the file that has both in PEM, the issuer's certificate last."""

    path: Path
    private_key: Any
    certificate: Certificate

    @cached_property
    def signing_key(self) -> SoftwareSigningKey:
        return SoftwareSigningKey(self.private_key, self.certificate)

    @cached_property
    def decryption_key(self) -> SoftwareDecryptionKey:
        return SoftwareDecryptionKey(self.private_key, self.certificate)


class Material:
    """Everything in one folder; what is there from an earlier run is used again, but for identities and what depends on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self._ca = Certificate.from_der(self._issued("Bench CA", self._ca_key.public_key(), ca=True))
        self.trust = TrustStore([self._ca])
        self.identity = cache(self._identity)

    def certificates(self, kind: str, count: int) -> Path:
        """A file of ``count`` certificates in DER, one after the other."""
        path = self.folder / f"{kind}-{count}.certificates"
        if not path.exists():
            keys = [KINDS[kind]().public_key() for _ in range(RSA_KEYS if kind.startswith("RSA") else count)]
            path.write_bytes(
                b"".join(self._issued(f"Recipient {number:05}", keys[number % len(keys)]) for number in range(count))
            )
        return path

    def content(self, size: int) -> Path:
        """A MIME entity of about ``size`` octets."""
        path = self.folder / f"{size}.content"
        if not path.exists():
            with path.open("wb") as out:
                out.write(b"Content-Type: text/plain\r\n\r\n")
                for start in range(0, size, CHUNK):
                    out.write((b"All work and no play makes Jack a dull boy.\r\n" * 1_500)[: min(CHUNK, size - start)])
        return path

    def message(self, owner: Identity, cipher: str, size: int) -> Path:
        """A SignedData inside an EnvelopedData (CBC) or AuthEnvelopedData (GCM), from the identity to itself."""
        path = self.folder / f"{cipher}-{size}.message"
        with path.open("wb") as out, self.content(size).open("rb") as content:
            seal(out, content, owner, [Recipient(owner.certificate)], cipher)
        return path

    def _identity(self, kind: str) -> Identity:
        key = KINDS[kind]()
        encoded = self._issued(f"Ada {kind}", key.public_key())
        path = self.folder / f"{kind}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(pem + _pem(encoded) + _pem(self._ca.der))
        return Identity(path, key, Certificate.from_der(encoded))

    def _issued(self, name: str, public_key: Any, *, ca: bool = False) -> bytes:
        """A certificate as authorities issue them for mail: six extensions, names of four parts."""
        address = f"{name.replace(' ', '.').lower()}@example.org"
        builder = x509.CertificateBuilder(
            _name("Bench CA"),
            _name(name),
            public_key,
            x509.random_serial_number(),
            NOW - timedelta(days=30),
            NOW + timedelta(days=365),
        )
        agrees = not isinstance(public_key, rsa.RSAPublicKey)
        signs = not isinstance(public_key, x25519.X25519PublicKey)
        usage = x509.KeyUsage(signs, False, not agrees, False, agrees, ca, ca, False, False)
        extensions = [
            (x509.BasicConstraints(ca, None), True),
            (usage, True),
            (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key()), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
            (x509.SubjectAlternativeName([x509.RFC822Name(address)]), False),
        ]
        for extension, critical in extensions:
            if not (ca and isinstance(extension, x509.ExtendedKeyUsage | x509.SubjectAlternativeName)):
                builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._ca_key, hashes.SHA256()).public_bytes(Encoding.DER)


def encoded_certificates(path: Path) -> list[bytes]:
    return [each.der for each in der.Reader(path.read_bytes())]


def encrypt(out: Any, content: BinaryIO, recipients: list[Recipient], cipher: str) -> None:
    """Encrypt as bare CMS, which is what the peers make."""
    enveloped = EnvelopedDataWriter(out, recipients=recipients, content_encryption=CIPHERS[cipher])
    for chunk in chunks(content):
        enveloped.write(chunk)
    enveloped.close()


def seal(out: Any, content: BinaryIO, signer: Identity, recipients: list[Recipient], cipher: str) -> None:
    """The same, signed inside."""
    enveloped = EnvelopedDataWriter(out, recipients=recipients, content_encryption=CIPHERS[cipher])
    signed = SignedDataWriter(enveloped, signer=signer.signing_key, signing_time=NOW)
    for chunk in chunks(content):
        signed.write(chunk)
    signed.close()
    enveloped.close()


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: stream.read(CHUNK), b"")


def _pem(certificate: bytes) -> bytes:
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)


def _name(common_name: str) -> x509.Name:
    attributes = (
        (NameOID.COUNTRY_NAME, "UK"),
        (NameOID.ORGANIZATION_NAME, "Example"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Measurements"),
        (NameOID.COMMON_NAME, common_name),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
