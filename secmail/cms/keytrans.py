"""KeyTransRecipientInfo (RFC 5652 section 6.2.1): the content-encryption key under somebody's RSA key."""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from secmail import der
from secmail.algorithms import RSA_ENCRYPTION, RSAES_OAEP, AlgorithmIdentifier, oaep_parameters
from secmail.certificates import Certificate
from secmail.cms.identifiers import names
from secmail.errors import Unsupported
from secmail.keys import DecryptionKey, KeyOperations


@dataclass(frozen=True)
class KeyTransRecipientInfo:
    rid: der.Element
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: bytes

    @staticmethod
    def make(certificate: Certificate, algorithm: AlgorithmIdentifier, cek: bytes) -> bytes:
        key = certificate.public_key
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unsupported("key transport needs an RSA key")
        return _prefix(certificate, algorithm, key.key_size) + key.encrypt(cek, _rsa_padding(algorithm))

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


def _prefix(certificate: Certificate, algorithm: AlgorithmIdentifier, bits: int) -> bytes:
    found = certificate.prepared.get((KeyTransRecipientInfo, algorithm.oid))
    if found is None:
        size = (bits + 7) // 8
        members = (der.integer(0), certificate.issuer_and_serial_number, algorithm.der)
        found = der.prefix(der.SEQUENCE, *members, der.prefix(der.OCTET_STRING, room=size), room=size)
        certificate.prepared[KeyTransRecipientInfo, algorithm.oid] = found
    return found


@lru_cache(maxsize=64)
def _rsa_padding(algorithm: AlgorithmIdentifier) -> padding.AsymmetricPadding:
    if algorithm.oid == RSAES_OAEP:
        return oaep_parameters(algorithm.parameters)
    if algorithm.oid == RSA_ENCRYPTION:
        return padding.PKCS1v15()
    raise Unsupported(f"key transport algorithm {algorithm.oid} is not supported")
