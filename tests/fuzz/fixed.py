"""The test PKI with keys that follow from their names, so that a corpus kept from an earlier run is still signed and encrypted rightly.

Import this before anything else that uses ``pki``: it replaces its random keys.
"""

import sys
from functools import cache
from hashlib import shake_256
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/secmail")]

import pki
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, mlkem, rsa, x448, x25519

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "secp256k1": ec.SECP256K1()}
FROM_OCTETS = {
    "Ed25519": (ed25519.Ed25519PrivateKey.from_private_bytes, 32),
    "Ed448": (ed448.Ed448PrivateKey.from_private_bytes, 57),
    "X25519": (x25519.X25519PrivateKey.from_private_bytes, 32),
    "X448": (x448.X448PrivateKey.from_private_bytes, 56),
    "ML-DSA-44": (mldsa.MLDSA44PrivateKey.from_seed_bytes, 32),
    "ML-DSA-65": (mldsa.MLDSA65PrivateKey.from_seed_bytes, 32),
    "ML-DSA-87": (mldsa.MLDSA87PrivateKey.from_seed_bytes, 32),
    "ML-KEM-768": (mlkem.MLKEM768PrivateKey.from_seed_bytes, 64),
    "ML-KEM-1024": (mlkem.MLKEM1024PrivateKey.from_seed_bytes, 64),
}


def octets(name: str, size: int) -> bytes:
    return shake_256(name.encode()).digest(size)


@cache
def private_key(name: str):
    kind = pki.PKI[name].key
    if kind in CURVES:
        return ec.derive_private_key(int.from_bytes(octets(name, 31), "big"), CURVES[kind])
    if kind in FROM_OCTETS:
        make, size = FROM_OCTETS[kind]
        return make(octets(name, size))
    return _rsa(name, int(kind.removeprefix("RSA-")))


def _rsa(name: str, bits: int):
    chance = Random(name)
    p, q = _prime(chance, bits // 2), _prime(chance, bits // 2)
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public)
    return numbers.private_key()


def _prime(chance: Random, bits: int) -> int:
    while True:
        candidate = chance.getrandbits(bits) | 3 << bits - 2 | 1
        if candidate % 65537 != 1 and all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5)):
            return candidate


pki.private_key = private_key
