"""The suite table against the peers: with which options each does a row, or why it does not.

``test_table.py`` fails for a row without an entry. ``each`` gives the entries to test with.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from secmail.algorithms import (
    SHA1,
    SHA3_224,
    SHA3_256,
    SHA3_384,
    SHA3_512,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    SHAKE128,
    SHAKE256,
    SHAKE256_LEN,
)


class Not(str):
    """Why a peer does not do it."""


def done(cases: Mapping[Any, Any]) -> dict[Any, Any]:
    """Those that the peer does."""
    return {key: case for key, case in cases.items() if not isinstance(case, Not)}


def each(cases: Mapping[Any, Any]) -> list:
    """The same as parameters of a test: (key, case)."""
    return [pytest.param(key, case, id=str(getattr(key, "name", key))) for key, case in done(cases).items()]


LATER = Not("came after these versions; the messages of others in tests/secmail/test_vectors.py have it")
OWN_OID = Not("is written as rsaEncryption, with the digest in digestAlgorithm")
WITH_OTHERS = Not("is the digest of Ed448 or ML-DSA here, and tried with them")
NO_HKDF = Not("OpenSSL 3.0 knows nothing of RFC 8418")
NO_DSA = Not("only RFC 4134 has such messages, and test_vectors.py reads them")
DSA_READ = Not("is only read, for the keys of others")
CURVE_ONLY = Not("names the key in place of the signature, which no peer writes")

# Signatures by name: who signs, and how

BOUNCY_CASTLE_SIGNATURES = {
    "RSA": "rita SHA1withRSA",
    "RSA with SHA-1": OWN_OID,
    "RSA with SHA-224": "rita SHA224withRSA",
    "RSA with SHA-256": "rita SHA256withRSA",
    "RSA with SHA-384": "rita SHA384withRSA",
    "RSA with SHA-512": "rita SHA512withRSA",
    "RSASSA-PSS": "rita SHA256withRSAandMGF1",
    "ECDSA with SHA-1": "ada SHA1withECDSA",
    "ECDSA with SHA-224": "ada SHA224withECDSA",
    "ECDSA with SHA-256": "ada SHA256withECDSA",
    "ECDSA with SHA-384": "bob SHA384withECDSA",
    "ECDSA with SHA-512": "carl SHA512withECDSA",
    "ECDSA": CURVE_ONLY,
    **{f"ECDSA with SHA3-{size}": f"ada SHA3-{size}withECDSA" for size in (224, 256, 384, 512)},
    **{f"RSA with SHA3-{size}": f"rita SHA3-{size}withRSA" for size in (224, 256, 384, 512)},
    "DSA with SHA-1": NO_DSA,
    **{f"DSA with SHA-{size}": DSA_READ for size in (224, 256)},
    "Ed25519": "eddy Ed25519",
    "Ed448": "edna Ed448",
    "ML-DSA-44": LATER,
    "ML-DSA-65": LATER,
    "ML-DSA-87": LATER,
}
PSS = ("-keyopt", "rsa_padding_mode:pss")
OPENSSL_SIGNATURES = {
    "RSA": ("rita", "-md", "sha256"),
    **{f"RSA with SHA-{size}": OWN_OID for size in (1, 224, 256, 384, 512)},
    "RSASSA-PSS": ("rita", *PSS),
    "ECDSA with SHA-1": ("ada", "-md", "sha1"),
    "ECDSA with SHA-224": ("ada", "-md", "sha224"),
    "ECDSA with SHA-256": ("ada", "-md", "sha256"),
    "ECDSA with SHA-384": ("bob", "-md", "sha384"),
    "ECDSA with SHA-512": ("carl", "-md", "sha512"),
    "ECDSA": CURVE_ONLY,
    **{f"ECDSA with SHA3-{size}": Not("OpenSSL 3.0 does not sign with it in CMS") for size in (224, 256, 384, 512)},
    **{f"RSA with SHA3-{size}": OWN_OID for size in (224, 256, 384, 512)},
    "DSA with SHA-1": NO_DSA,
    **{f"DSA with SHA-{size}": DSA_READ for size in (224, 256)},
    "Ed25519": Not("OpenSSL 3.0 has no default digest for it in CMS"),
    "Ed448": Not("OpenSSL 3.0 has no default digest for it in CMS"),
    "ML-DSA-44": LATER,
    "ML-DSA-65": LATER,
    "ML-DSA-87": LATER,
}

# Digests: Bouncy Castle signs with RSASSA-PSS, which takes any; OpenSSL makes a DigestedData

BOUNCY_CASTLE_DIGESTS = {
    SHA1: "SHA1withRSAandMGF1",
    SHA224: "SHA224withRSAandMGF1",
    SHA256: "SHA256withRSAandMGF1",
    SHA384: "SHA384withRSAandMGF1",
    SHA512: "SHA512withRSAandMGF1",
    SHA3_224: "SHA3-224withRSAandMGF1",
    SHA3_256: "SHA3-256withRSAandMGF1",
    SHA3_384: "SHA3-384withRSAandMGF1",
    SHA3_512: "SHA3-512withRSAandMGF1",
    SHAKE128: WITH_OTHERS,
    SHAKE256: WITH_OTHERS,
    SHAKE256_LEN: WITH_OTHERS,
}
HALF = Not("OpenSSL gives half the octets that RFC 8702 section 3.1 wants")
OPENSSL_DIGESTS = {
    SHA1: "sha1",
    SHA224: "sha224",
    SHA256: "sha256",
    SHA384: "sha384",
    SHA512: "sha512",
    SHA3_224: "sha3-224",
    SHA3_256: "sha3-256",
    SHA3_384: "sha3-384",
    SHA3_512: "sha3-512",
    SHAKE128: HALF,
    SHAKE256: HALF,
    SHAKE256_LEN: Not("OpenSSL does not know it"),
}

# Content encryption, by name; Bouncy Castle is told the OID

OPENSSL_CIPHERS = {
    "AES-128-CBC": "-aes-128-cbc",
    "AES-192-CBC": "-aes-192-cbc",
    "AES-256-CBC": "-aes-256-cbc",
    "AES-128-GCM": "-aes-128-gcm",
    "AES-192-GCM": "-aes-192-gcm",
    "AES-256-GCM": "-aes-256-gcm",
    "ChaCha20-Poly1305": Not("OpenSSL has it, but not in CMS"),
    "triple DES CBC": "-des3",
}
BOUNCY_CASTLE_CIPHERS = {
    **dict.fromkeys(OPENSSL_CIPHERS, ""),
    "ChaCha20-Poly1305": Not("Bouncy Castle 1.72 makes an EnvelopedData with it, against RFC 8103; it reads what is made here"),
}

# Key management

OAEP = ("-keyopt", "rsa_padding_mode:oaep")
OPENSSL_KEY_TRANSPORTS = {"RSAES-OAEP": (*OAEP, "-keyopt", "rsa_oaep_md:sha256"), "RSA PKCS#1 v1.5": ()}
BOUNCY_CASTLE_KEY_TRANSPORTS = {"RSAES-OAEP": "oaep rita SHA-256 SHA-256", "RSA PKCS#1 v1.5": "rsa rita"}

_KDFS = {f"SHA-{size}": f"sha{size}" for size in (1, 224, 256, 384, 512)}
OPENSSL_KEY_AGREEMENTS = {
    **{f"ECDH with {name} KDF": ("-keyopt", f"ecdh_kdf_md:{md}", "-keyopt", "ecdh_cofactor_mode:0") for name, md in _KDFS.items()},
    **{f"cofactor ECDH with {name} KDF": ("-keyopt", f"ecdh_kdf_md:{md}", "-keyopt", "ecdh_cofactor_mode:1") for name, md in _KDFS.items()},
    **{f"ECDH with HKDF-SHA-{size}": NO_HKDF for size in (256, 384, 512)},
}
BOUNCY_CASTLE_KEY_AGREEMENTS = {
    **{f"{kind} with {name} KDF": ("ada", "bob", "carl") for kind in ("ECDH", "cofactor ECDH") for name in _KDFS},
    **{f"ECDH with HKDF-SHA-{size}": ("xena", "goldie") for size in (256, 384, 512)},
}

# With the content encryption; RFC 3217 wraps keys of triple DES only
OPENSSL_KEY_WRAPS = {
    "AES-128 key wrap": ("-aes128-wrap", "-aes-256-cbc"),
    "AES-192 key wrap": ("-aes192-wrap", "-aes-256-gcm"),
    "AES-256 key wrap": ("-aes256-wrap", "-aes-128-gcm"),
    "triple DES key wrap": ("-des3-wrap", "-des3"),
}
BOUNCY_CASTLE_KEY_WRAPS = {**dict.fromkeys(OPENSSL_KEY_WRAPS, "AES-256-CBC"), "triple DES key wrap": "triple DES CBC"}

OPENSSL_KEY_ENCAPSULATIONS = {"ML-KEM-768": LATER, "ML-KEM-1024": LATER}
BOUNCY_CASTLE_KEY_ENCAPSULATIONS = OPENSSL_KEY_ENCAPSULATIONS

BOUNCY_CASTLE_PASSWORDS = {name: f"HMac{name.replace('-', '')}" for name in _KDFS}
OPENSSL_PASSWORDS = {"SHA-1": (), **{name: Not("PBKDF2 of OpenSSL's password recipients is with SHA-1") for name in _KDFS if name != "SHA-1"}}

# What is made here, by whose key it is made with or for: which peers read it

BOTH = frozenset({"openssl", "bouncy castle"})
READ_BY = {
    "P-256": BOTH,
    "P-384": BOTH,
    "P-521": BOTH,
    "RSA-2048": BOTH,
    "Ed25519": {"bouncy castle"},
    "Ed448": {"bouncy castle"},
    "X25519": {"bouncy castle"},
    "X448": {"bouncy castle"},
    **dict.fromkeys(("ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "ML-KEM-768", "ML-KEM-1024"), LATER),
}
