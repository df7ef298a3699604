"""The few primitives everything at rest is sealed with. Every blob starts with a version byte; every blob is bound to a context.

AES-256-GCM under random keys with random nonces, HKDF-SHA-256 for derived keys, HPKE (RFC 9180, X25519) to public keys.
"""

import json
import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

VERSION = b"\x01"
KEY_LENGTH = 32
_NONCE_LENGTH = 12
_HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealBroken(Exception):
    """A sealed blob was changed, belongs to another context, or to another key. Which of these is not said."""


def context(*parts: str) -> bytes:
    """What a blob is bound to (purpose, user, row …), in an encoding in which no two lists look alike."""
    return json.dumps(["portal", *parts], separators=(",", ":")).encode()


def new_key() -> bytes:
    return secrets.token_bytes(KEY_LENGTH)


def derive(key: bytes, purpose: str) -> bytes:
    """A key for one purpose, from a key that is random already."""
    return HKDF(SHA256(), KEY_LENGTH, salt=None, info=context("derive", purpose)).derive(key)


def aead_seal(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)


def aead_open(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    if sealed[:1] != VERSION:
        raise SealBroken("unknown version of a sealed value")
    nonce, ciphertext = sealed[1 : 1 + _NONCE_LENGTH], sealed[1 + _NONCE_LENGTH :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound_to)
    except (InvalidTag, ValueError):
        raise SealBroken("a sealed value does not open") from None


def new_key_pair() -> tuple[bytes, bytes]:
    """(private, public) of X25519, 32 bytes each."""
    private = X25519PrivateKey.generate()
    return (
        private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()),
        private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    )


def hpke_seal(public: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    return VERSION + _HPKE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info=bound_to)


def hpke_open(private: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    return hpke_opener(private)(sealed, bound_to)


def hpke_opener(private: bytes) -> Callable[[bytes, bytes], bytes]:
    """`hpke_open` for many values that are sealed to one key."""
    key = X25519PrivateKey.from_private_bytes(private)

    def opened(sealed: bytes, bound_to: bytes) -> bytes:
        if sealed[:1] != VERSION:
            raise SealBroken("unknown version of a sealed value")
        try:
            return _HPKE.decrypt(sealed[1:], key, info=bound_to)
        except (InvalidTag, ValueError):
            raise SealBroken("a sealed value does not open") from None

    return opened
