"""Keys as the engine sees them: small protocols for private keys, the secrets that people share, and keys held in memory.

A protocol has only what a token (PKCS#11) can do too: sign, decrypt a key, agree on a secret, decapsulate one. Key derivation,
unwrapping and content stay in ``cms``.
"""

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

from secmail.algorithms import SigningAlgorithm
from secmail.certificates import Certificate
from secmail.keys.pkcs8 import load_private_key
from secmail.keys.software import BareKey, PrivateKey, SoftwareDecryptionKey, SoftwareSigningKey

__all__ = [
    "BareKey",
    "DecryptionKey",
    "KeyOperations",
    "OpeningKey",
    "Password",
    "PrivateKey",
    "PublicAgreementKey",
    "SecretKey",
    "SigningKey",
    "SoftwareDecryptionKey",
    "SoftwareSigningKey",
    "load_private_key",
]

PublicAgreementKey = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey


class SigningKey(Protocol):
    """Signs for the subject of ``certificate``."""

    @property
    def certificate(self) -> Certificate: ...

    def sign(self, data: bytes, algorithm: SigningAlgorithm) -> bytes:
        """The signature value over ``data`` as CMS carries it (ECDSA as DER); ValueError if the algorithm is not of this key's kind."""
        ...


class KeyOperations(Protocol):
    """What private keys do to open recipient infos: RSA keys decrypt, elliptic-curve keys agree, ML-KEM keys decapsulate.

    What the key's kind can't do is a ValueError.
    """

    def decrypt(self, encrypted_key: bytes, scheme: AsymmetricPadding) -> bytes:
        """RSA decryption; ValueError if it fails. With PKCS#1 v1.5 bad padding must look like a wrong key (implicit rejection)."""
        ...

    def agree(self, peer: PublicAgreementKey) -> bytes:
        """The Diffie-Hellman shared secret; ValueError if the peer's key does not fit."""
        ...

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The shared secret of a key encapsulation; a wrong ciphertext gives another secret (implicit rejection)."""
        ...


class DecryptionKey(KeyOperations, Protocol):
    """Opens the recipient infos that were made for ``certificate``."""

    @property
    def certificate(self) -> Certificate: ...


@dataclass(frozen=True)
class SecretKey:
    """A symmetric key that people have agreed on beforehand, and its identifier.

    The KEK of a KEKRecipientInfo (RFC 5652 section 6.2.3), or the content-encryption key of an EncryptedData (section 8). ``value`` has
    16, 24 or 32 octets.
    """

    value: bytes = field(repr=False)
    identifier: bytes = b""

    def __post_init__(self) -> None:
        if len(self.value) not in (16, 24, 32):
            raise ValueError("a secret key has 16, 24 or 32 octets")


@dataclass(frozen=True)
class Password:
    """What a PasswordRecipientInfo (RFC 3211) is opened with: the octets of the password, which are UTF-8 by custom; ValueError for none."""

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not self.value:
            raise ValueError("a password is not empty")


OpeningKey = DecryptionKey | BareKey | SecretKey | Password
