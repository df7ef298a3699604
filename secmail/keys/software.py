"""Private keys held in memory."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmail.algorithms import SigningAlgorithm
from secmail.certificates import Certificate
from secmail.errors import Unsupported

PureSigningKey = (
    ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
DecapsulationKey = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey
SigningPrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | PureSigningKey
DecryptionPrivateKey = (
    rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey | x448.X448PrivateKey | DecapsulationKey
)
PrivateKey = SigningPrivateKey | DecryptionPrivateKey


class SoftwareSigningKey:
    """A signing key in memory. ValueError if the certificate is another key's, Unsupported for kinds that don't sign here."""

    def __init__(self, private_key: SigningPrivateKey, certificate: Certificate) -> None:
        _check_pair(private_key, certificate, SigningPrivateKey)
        self._private_key = private_key
        self.certificate = certificate

    def sign(self, data: bytes, algorithm: SigningAlgorithm) -> bytes:
        key = self._private_key
        if isinstance(key, rsa.RSAPrivateKey):
            if algorithm.rsa_padding is None:
                raise ValueError("an RSA key signs with a padding")
            return key.sign(data, algorithm.rsa_padding, algorithm.digest.hash)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(algorithm.digest.hash))
        return key.sign(data)


class _Operations:
    """The private-key operations of a key in memory."""

    _private_key: DecryptionPrivateKey

    def decrypt(self, encrypted_key: bytes, scheme: AsymmetricPadding) -> bytes:
        if not isinstance(self._private_key, rsa.RSAPrivateKey):
            raise ValueError("key transport needs an RSA key")
        return self._private_key.decrypt(encrypted_key, scheme)

    def agree(self, peer: ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey) -> bytes:
        match self._private_key, peer:
            case ec.EllipticCurvePrivateKey() as mine, ec.EllipticCurvePublicKey():
                return mine.exchange(ec.ECDH(), peer)
            case x25519.X25519PrivateKey() as mine, x25519.X25519PublicKey():
                return mine.exchange(peer)
            case x448.X448PrivateKey() as mine, x448.X448PublicKey():
                return mine.exchange(peer)
        raise ValueError("key agreement needs two keys of one curve")

    def decapsulate(self, ciphertext: bytes) -> bytes:
        if not isinstance(self._private_key, DecapsulationKey):
            raise ValueError("decapsulation needs an ML-KEM key")
        return self._private_key.decapsulate(ciphertext)


class SoftwareDecryptionKey(_Operations):
    """A decryption key in memory. ValueError if the certificate is another key's, Unsupported for kinds that don't decrypt here."""

    def __init__(self, private_key: DecryptionPrivateKey, certificate: Certificate) -> None:
        _check_pair(private_key, certificate, DecryptionPrivateKey)
        self._private_key = private_key
        self.certificate = certificate


class BareKey(_Operations):
    """A decryption key in memory whose certificate is not at hand, so that it is tried on every recipient info of its kind.

    Unsupported for kinds that don't decrypt here.
    """

    def __init__(self, private_key: DecryptionPrivateKey) -> None:
        if not isinstance(private_key, DecryptionPrivateKey):
            raise Unsupported("private keys of this kind are not supported for this use")
        self._private_key = private_key

    @property
    def public_key(self) -> Any:
        """The ``cryptography`` key."""
        return self._private_key.public_key()


def _check_pair(private_key: Any, certificate: Certificate, kinds: Any) -> None:
    if not isinstance(private_key, kinds):
        raise Unsupported("private keys of this kind are not supported for this use")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private_key.public_key().public_bytes(*form) != certificate.public_key.public_bytes(*form):
        raise ValueError("the certificate belongs to another key")
