"""Private keys as the engine sees them: two small protocols, and keys held in memory that fulfil them.

A protocol has only what a token (PKCS#11) can do too: sign, decrypt a key, agree on a secret. Key derivation, unwrapping and
content stay in ``cms``.
"""

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmail.algorithms import Digest
from secmail.certificates import Certificate
from secmail.errors import Unsupported


class SigningKey(Protocol):
    """Signs for the subject of ``certificate``."""

    @property
    def certificate(self) -> Certificate: ...

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """The signature value over ``data``, hashed with ``digest``: RSA PKCS#1 v1.5, or ECDSA as DER."""
        ...


class DecryptionKey(Protocol):
    """Opens recipient infos made for ``certificate``: RSA keys decrypt, elliptic-curve keys agree."""

    @property
    def certificate(self) -> Certificate: ...

    def decrypt(self, encrypted_key: bytes, scheme: AsymmetricPadding) -> bytes:
        """RSA decryption; ValueError if it fails. With PKCS#1 v1.5 bad padding must look like a wrong key (implicit rejection)."""
        ...

    def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
        """The ECDH shared secret; ValueError if the peer's key does not fit."""
        ...


class SoftwareSigningKey:
    """A signing key in memory. ValueError if the certificate is another key's, Unsupported for kinds that don't sign here."""

    def __init__(self, private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: Certificate) -> None:
        _check_pair(private_key, certificate)
        self._private_key = private_key
        self.certificate = certificate

    def sign(self, data: bytes, digest: Digest) -> bytes:
        if isinstance(self._private_key, rsa.RSAPrivateKey):
            return self._private_key.sign(data, padding.PKCS1v15(), digest.hash)
        return self._private_key.sign(data, ec.ECDSA(digest.hash))


class SoftwareDecryptionKey:
    """A decryption key in memory. ValueError if the certificate is another key's, Unsupported for kinds that don't decrypt here."""

    def __init__(self, private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: Certificate) -> None:
        _check_pair(private_key, certificate)
        self._private_key = private_key
        self.certificate = certificate

    def decrypt(self, encrypted_key: bytes, scheme: AsymmetricPadding) -> bytes:
        if not isinstance(self._private_key, rsa.RSAPrivateKey):
            raise ValueError("key transport needs an RSA key")
        return self._private_key.decrypt(encrypted_key, scheme)

    def agree(self, peer: ec.EllipticCurvePublicKey) -> bytes:
        if not isinstance(self._private_key, ec.EllipticCurvePrivateKey):
            raise ValueError("key agreement needs an elliptic-curve key")
        return self._private_key.exchange(ec.ECDH(), peer)


def _check_pair(private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, certificate: Certificate) -> None:
    if not isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Unsupported("private keys of this kind are not supported")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private_key.public_key().public_bytes(*form) != certificate.public_key.public_bytes(*form):
        raise ValueError("the certificate belongs to another key")
