"""Reading private keys: PEM or DER, of every kind that signs or decrypts here."""

import base64
import binascii
import re
from math import prod
from typing import Any, get_args

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from secmail import der
from secmail.algorithms import UNSUPPORTED_KEYS
from secmail.errors import Malformed, Unsupported
from secmail.keys import postquantum
from secmail.keys.postquantum import PostQuantumKey
from secmail.keys.software import PrivateKey

PEM = re.compile(rb"-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----")
ENCRYPTED_PEM = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END ENCRYPTED PRIVATE KEY-----")
PBES2, SCRYPT = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11"
MAX_COST = (2_000_000, 1_048_576)  # iterations; or the product of the parameters of scrypt, a kilobit of memory each
MAX_KEY = 64 * 1024  # octets; RSA keys of 16,384 bits have 9,300
SEED, EXPANDED, BOTH = der.context(0, constructed=False), der.OCTET_STRING, der.SEQUENCE
KINDS: dict[str, Any] = {
    "2.16.840.1.101.3.4.4.2": mlkem.MLKEM768PrivateKey,
    "2.16.840.1.101.3.4.4.3": mlkem.MLKEM1024PrivateKey,
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PrivateKey,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PrivateKey,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PrivateKey,
}


def load_private_key(data: bytes, password: bytes | None = None) -> PrivateKey:
    """Read one private key (PKCS#8, or the older PEM forms) with the passphrase it is encrypted with.

    Malformed if it is none, the passphrase is wrong, or an ML-KEM or ML-DSA key's seed and expanded form contradict each other; Unsupported
    for kinds that are not used here, and for ML-KEM and ML-DSA keys without their seed. TypeError for a passphrase that is no octets.
    """
    if not isinstance(password, bytes | None):
        raise TypeError("a passphrase is octets, such as those of a text in UTF-8")
    if len(data) > MAX_KEY:
        raise Malformed("a private key is not that long")
    if found := _post_quantum(data):
        return found
    _check_derivation(data)
    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key: Any = load(data, password)
    except UnsupportedAlgorithm as error:
        raise Unsupported("private keys of this kind are not supported") from error
    except (ValueError, TypeError, InternalError) as error:  # the last for an Edwards or Montgomery key of another length
        raise Malformed("not a private key, or the passphrase is not the right one") from error
    if not isinstance(key, get_args(PrivateKey)):
        raise Unsupported("private keys of this kind are not supported")
    loaded: PrivateKey = key
    return loaded


def _check_derivation(data: bytes) -> None:
    """RFC 5958 section 3: what a passphrase of an EncryptedPrivateKeyInfo costs, before it is spent. Malformed if that is too much."""
    armoured = ENCRYPTED_PEM.search(data)
    try:
        scheme = der.read(base64.b64decode(armoured[1]) if armoured else data).inside()
        oid, parameters = scheme.oid(), scheme.inside()
        if oid == PBES2:
            derivation = parameters.inside()
            oid, parameters = derivation.oid(), derivation.inside()
        parameters.octets()
        cost = prod(parameters.integer() for _ in range(3)) if oid == SCRYPT else parameters.integer()
    except (Malformed, binascii.Error):
        return  # in the clear, or nothing that could be read anyway
    if cost > MAX_COST[oid == SCRYPT]:
        raise Malformed("trying a passphrase on this private key takes too long")


def _post_quantum(data: bytes) -> PrivateKey | None:
    """RFC 9935 and RFC 9881: a PrivateKeyInfo whose key is the seed, the expanded key or both. None for another kind of key."""
    armoured = PEM.search(data)
    try:
        members = der.read(base64.b64decode(armoured[1]) if armoured else data)
        members.integer()
        algorithm, private_key = members.inside().oid(), members.octets()
    except (Malformed, binascii.Error):
        return None
    if algorithm in UNSUPPORTED_KEYS:
        raise Unsupported(f"{UNSUPPORTED_KEYS[algorithm]} keys are not supported")
    kind = KINDS.get(algorithm)
    if kind is None:
        return None
    choice = der.Reader(private_key).element()
    if choice.tag == EXPANDED:
        raise Unsupported("an ML-KEM or ML-DSA private key without its seed is not supported")
    expanded = None
    if choice.tag == BOTH:
        both = choice.inside()
        seed, expanded = both.octets(), both.octets()
    elif choice.tag == SEED:
        seed = choice.content
    else:
        raise Malformed("a private key that is neither seed nor expanded key")
    try:
        key: PostQuantumKey = kind.from_seed_bytes(seed)
    except ValueError as error:
        raise Malformed("the seed of a private key has the wrong length") from error
    if expanded is not None and not postquantum.is_expanded(expanded, seed, key):
        raise Malformed("the seed and the expanded form of a private key contradict each other")
    return key
