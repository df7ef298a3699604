"""Whether the expanded form of an ML-KEM or ML-DSA private key is that of its seed.

RFC 9935 section 8 and RFC 9881 section 6 want seed and expanded key compared where a file has both. The seed is what is used, and its
public key what certificates are compared with; this is only the comparison, so it may be slow and need not run in constant time.
"""

from collections.abc import Iterator
from hashlib import sha3_256, sha3_512, shake_256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

KEM_Q, N = 3329, 256
ROOT_OF_UNITY = 17  # FIPS 203 section 4.3
MLKEM = mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey
MLDSA = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
PostQuantumKey = MLKEM | MLDSA


class Dimensions(NamedTuple):
    """Of an ML-DSA parameter set, FIPS 204 table 1: rows and columns of the matrix, and the bound of the secret's coefficients."""

    k: int
    l: int  # noqa: E741 (the standard's name)
    eta: int


def is_expanded(expanded: bytes, seed: bytes, key: PostQuantumKey) -> bool:
    """Whether ``expanded`` follows from ``seed``, whose key is ``key``."""
    if isinstance(key, MLKEM):
        rank = 3 if isinstance(key, mlkem.MLKEM768PrivateKey) else 4
        return expanded == _decapsulation_key(seed, rank, key.public_key().public_bytes_raw())
    known = _signing_key_but_t0(seed, _dimensions(key), key.public_key().public_bytes_raw())
    # t0 is what the public key leaves out of a sum of all that is compared here; nothing but signing could use it
    return expanded.startswith(known) and len(expanded) == len(known) + 13 * N // 8 * _dimensions(key).k


# ML-KEM, FIPS 203 algorithm 16: dk is the secret vector, the public key, its hash and the seed's second half


def _decapsulation_key(seed: bytes, rank: int, public_key: bytes) -> bytes:
    sigma = sha3_512(seed[:32] + bytes((rank,))).digest()[32:]
    vector = b"".join(_packed(_ntt(_centred(shake_256(sigma + bytes((row,))).digest(128))), 12) for row in range(rank))
    return vector + public_key + sha3_256(public_key).digest() + seed[32:]


def _centred(data: bytes) -> list[int]:
    """SamplePolyCBD for eta = 2 (algorithm 8): each coefficient is the difference of two pairs of bits."""
    halves = (nibble for octet in data for nibble in (octet & 15, octet >> 4))
    return [((each & 1) + (each >> 1 & 1) - (each >> 2 & 1) - (each >> 3 & 1)) % KEM_Q for each in halves]


def _ntt(polynomial: list[int]) -> list[int]:
    """Algorithm 9."""
    values, index, length = list(polynomial), 1, N // 2
    while length >= 2:
        for start in range(0, N, 2 * length):
            zeta = pow(ROOT_OF_UNITY, int(f"{index:07b}"[::-1], 2), KEM_Q)
            index += 1
            for j in range(start, start + length):
                product = zeta * values[j + length] % KEM_Q
                values[j + length], values[j] = (values[j] - product) % KEM_Q, (values[j] + product) % KEM_Q
        length //= 2
    return values


def _packed(coefficients: list[int], bits: int) -> bytes:
    """ByteEncode (algorithm 5), and FIPS 204's BitPack: coefficients of so many bits, the lowest first."""
    total = sum(value << bits * position for position, value in enumerate(coefficients))
    return total.to_bytes(bits * len(coefficients) // 8, "little")


# ML-DSA, FIPS 204 algorithm 6: sk is rho, K, the hash of the public key, the two secret vectors and t0


def _dimensions(key: MLDSA) -> Dimensions:
    if isinstance(key, mldsa.MLDSA44PrivateKey):
        return Dimensions(4, 4, 2)
    return Dimensions(6, 5, 4) if isinstance(key, mldsa.MLDSA65PrivateKey) else Dimensions(8, 7, 2)


def _signing_key_but_t0(seed: bytes, dimensions: Dimensions, public_key: bytes) -> bytes:
    k, l, eta = dimensions  # noqa: E741
    expanded = shake_256(seed + bytes((k, l))).digest(128)
    rho, rho_prime, secret = expanded[:32], expanded[32:96], expanded[96:]
    bits = 3 if eta == 2 else 4
    vectors = b"".join(
        _packed([eta - each for each in _bounded(rho_prime + row.to_bytes(2, "little"), eta)], bits) for row in range(k + l)
    )
    return rho + secret + shake_256(public_key).digest(64) + vectors


def _bounded(seed: bytes, eta: int) -> list[int]:
    """RejBoundedPoly (algorithm 31)."""

    def coefficients() -> Iterator[int]:
        for octet in shake_256(seed).digest(1024):
            for half in (octet & 15, octet >> 4):
                if eta == 2 and half < 15:
                    yield 2 - half % 5
                elif eta == 4 and half < 9:
                    yield 4 - half

    found = coefficients()
    return [next(found) for _ in range(N)]
