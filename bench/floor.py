"""The floor: what the public-key operations of a job cost in ``cryptography``, with nothing around them."""

import secrets
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519

from bench.material import Identity
from bench.measuring import Contender, timed
from secmail import Certificate


def operations_with_new_keys(encoded: list[bytes]) -> float:
    """What OpenSSL prepares when a key is used for the first time is part of the operation."""
    keys = [Certificate.from_der(each).public_key for each in encoded]
    return timed(lambda: public_key_operations(keys))()


def public_key_operations(keys: Sequence[Any]) -> None:
    cek, scheme = secrets.token_bytes(32), padding.PKCS1v15()
    if isinstance(keys[0], rsa.RSAPublicKey):
        for key in keys:
            key.encrypt(cek, scheme)
    elif isinstance(keys[0], x25519.X25519PublicKey):
        x25519_key = x25519.X25519PrivateKey.generate()
        for key in keys:
            x25519_key.exchange(key)
    else:
        ephemeral, ecdh = ec.generate_private_key(ec.SECP256R1()), ec.ECDH()
        for key in keys:
            ephemeral.exchange(ecdh, key)


def sealing_operations(ada: Identity) -> None:
    key = ada.private_key
    if isinstance(key, rsa.RSAPrivateKey):
        key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
    else:
        key.sign(b"", ec.ECDSA(hashes.SHA256()))
    public_key_operations([ada.certificate.public_key])


def opening_operations(ada: Identity) -> Contender:
    key, scheme = ada.private_key, padding.PKCS1v15()
    if isinstance(key, rsa.RSAPrivateKey):
        signature, encrypted = key.sign(b"", scheme, hashes.SHA256()), key.public_key().encrypt(bytes(32), scheme)

        def rsa_operations() -> None:
            key.decrypt(encrypted, scheme)
            key.public_key().verify(signature, b"", scheme, hashes.SHA256())

        return timed(rsa_operations)
    signature, ephemeral = key.sign(b"", ec.ECDSA(hashes.SHA256())), ec.generate_private_key(ec.SECP256R1()).public_key()

    def ec_operations() -> None:
        key.exchange(ec.ECDH(), ephemeral)
        key.public_key().verify(signature, b"", ec.ECDSA(hashes.SHA256()))

    return timed(ec_operations)
