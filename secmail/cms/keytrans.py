"""KeyTransRecipientInfo (RFC 5652 section 6.2.1): the content-encryption key under somebody's RSA key."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from secmail import der
from secmail.algorithms import RSA_ENCRYPTION, RSAES_OAEP, AlgorithmIdentifier, oaep_parameters
from secmail.certificates import Certificate
from secmail.cms.identifiers import names
from secmail.errors import Unsupported
from secmail.keys import DecryptionKey, KeyOperations

VERSION = der.integer(0)


@dataclass(frozen=True)
class KeyTransRecipientInfo:
    rid: der.Element
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: bytes

    @staticmethod
    def make_all(certificates: Iterable[Certificate], algorithm: AlgorithmIdentifier, cek: bytes) -> list[bytes]:
        """One for each of the certificates, whose keys must be RSA keys."""
        scheme, oid = _rsa_padding(algorithm), algorithm.oid
        return [(each.prepared.get(oid) or _prefix(each, algorithm)) + _rsa_key(each).encrypt(cek, scheme) for each in certificates]

    @classmethod
    def from_element(cls, element: der.Element) -> "KeyTransRecipientInfo":
        members = element.inside()
        members.integer()
        info = cls(members.element(), AlgorithmIdentifier.read(members), members.octets())
        members.end()
        return info

    def open(self, key: DecryptionKey) -> bytes | None:
        return self.open_with(key) if names(self.rid, key.certificate) else None

    def open_with(self, key: KeyOperations) -> bytes:
        """The same, whomever the recipient identifier names."""
        return key.decrypt(self.encrypted_key, _rsa_padding(self.key_encryption_algorithm))


def _rsa_key(certificate: Certificate) -> rsa.RSAPublicKey:
    key: rsa.RSAPublicKey = certificate.public_key  # type: ignore[assignment] # an AttributeError for a caller who did not look
    return key


def _prefix(certificate: Certificate, algorithm: AlgorithmIdentifier) -> bytes:
    size = (_rsa_key(certificate).key_size + 7) // 8
    members = (VERSION, certificate.issuer_and_serial_number, _constant_tail(algorithm, size))
    found = certificate.prepared[algorithm.oid] = der.prefix(der.SEQUENCE, *members, room=size)
    return found


@lru_cache(maxsize=64)
def _constant_tail(algorithm: AlgorithmIdentifier, size: int) -> bytes:
    return algorithm.der + der.prefix(der.OCTET_STRING, room=size)


@lru_cache(maxsize=64)
def _rsa_padding(algorithm: AlgorithmIdentifier) -> padding.AsymmetricPadding:
    if algorithm.oid == RSAES_OAEP:
        return oaep_parameters(algorithm.parameters)
    if algorithm.oid == RSA_ENCRYPTION:
        return padding.PKCS1v15()
    raise Unsupported(f"key transport algorithm {algorithm.oid} is not supported")
