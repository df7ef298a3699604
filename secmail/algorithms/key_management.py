"""How content-encryption keys get to recipients: key transport, agreement, encapsulation and key wrap."""

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from secmail.algorithms.digests import SHA1, SHA224, SHA256, SHA384, SHA512, Digest
from secmail.algorithms.hkdf import hkdf
from secmail.algorithms.rsa import RSA_ENCRYPTION, RSAES_OAEP

KEY_TRANSPORTS = {RSAES_OAEP: "RSAES-OAEP", RSA_ENCRYPTION: "RSA PKCS#1 v1.5"}


# Key agreement (RFC 5753 section 7.1.4, RFC 8418 section 7). On the curves read here the cofactor is 1, so both ECDH primitives are the same.


@dataclass(frozen=True)
class KeyAgreement:
    """A Diffie-Hellman scheme by its key derivation function: ANSI X9.63, or HKDF with the ukm as salt."""

    oid: str
    name: str
    digest: Digest
    hkdf: bool = False

    def derivation(self, length: int, ukm: bytes | None, info: bytes) -> Callable[[bytes], bytes]:
        """What makes a key-encryption key of ``length`` octets from the secret that is shared with a recipient."""
        if self.hkdf:
            return hkdf(self.digest.hash.name, length, ukm or b"", info)
        return lambda secret: X963KDF(self.digest.hash, length, info).derive(secret)


ECDH_SHA256 = KeyAgreement("1.3.132.1.11.1", "ECDH with SHA-256 KDF", SHA256)
ECDH_HKDF_SHA256 = KeyAgreement("1.2.840.113549.1.9.16.3.19", "ECDH with HKDF-SHA-256", SHA256, hkdf=True)
ECDH_HKDF_SHA512 = KeyAgreement("1.2.840.113549.1.9.16.3.21", "ECDH with HKDF-SHA-512", SHA512, hkdf=True)
KEY_AGREEMENTS = {
    each.oid: each
    for each in (
        KeyAgreement("1.3.133.16.840.63.0.2", "ECDH with SHA-1 KDF", SHA1),
        KeyAgreement("1.3.132.1.11.0", "ECDH with SHA-224 KDF", SHA224),
        ECDH_SHA256,
        KeyAgreement("1.3.132.1.11.2", "ECDH with SHA-384 KDF", SHA384),
        KeyAgreement("1.3.132.1.11.3", "ECDH with SHA-512 KDF", SHA512),
        KeyAgreement("1.3.133.16.840.63.0.3", "cofactor ECDH with SHA-1 KDF", SHA1),
        KeyAgreement("1.3.132.1.14.0", "cofactor ECDH with SHA-224 KDF", SHA224),
        KeyAgreement("1.3.132.1.14.1", "cofactor ECDH with SHA-256 KDF", SHA256),
        KeyAgreement("1.3.132.1.14.2", "cofactor ECDH with SHA-384 KDF", SHA384),
        KeyAgreement("1.3.132.1.14.3", "cofactor ECDH with SHA-512 KDF", SHA512),
        ECDH_HKDF_SHA256,
        KeyAgreement("1.2.840.113549.1.9.16.3.20", "ECDH with HKDF-SHA-384", SHA384, hkdf=True),
        ECDH_HKDF_SHA512,
    )
}
ECDH_CURVES = ("secp256r1", "secp384r1", "secp521r1")
EC_PUBLIC_KEY, X25519, X448 = "1.2.840.10045.2.1", "1.3.101.110", "1.3.101.111"


# Key encapsulation (RFC 9629, RFC 9936)


@dataclass(frozen=True, eq=False)
class KeyEncapsulation:
    """A key-encapsulation mechanism, by the kind of public key it takes; one object of each."""

    oid: str
    name: str
    key: type
    ciphertext_length: int


KEY_ENCAPSULATIONS = {
    each.oid: each
    for each in (
        KeyEncapsulation("2.16.840.1.101.3.4.4.2", "ML-KEM-768", mlkem.MLKEM768PublicKey, 1088),
        KeyEncapsulation("2.16.840.1.101.3.4.4.3", "ML-KEM-1024", mlkem.MLKEM1024PublicKey, 1568),
    )
}
# RFC 8619: HKDF without parameters
HKDF_SHA256 = "1.2.840.113549.1.9.16.3.28"
HKDFS = {HKDF_SHA256: SHA256, "1.2.840.113549.1.9.16.3.29": SHA384, "1.2.840.113549.1.9.16.3.30": SHA512}


# Kinds of keys that are well known and not used here, so that a refusal can name them

COMPOSITES = "1.3.6.1.5.5.7.6"
UNSUPPORTED_KEYS = {
    "2.16.840.1.101.3.4.4.1": "ML-KEM-512",
    **{f"2.16.840.1.101.3.4.3.{number}": "HashML-DSA" for number in (32, 33, 34)},
    **{f"{COMPOSITES}.{number}": "composite ML-DSA" for number in range(37, 55)},
    **{f"{COMPOSITES}.{number}": "composite ML-KEM" for number in range(55, 67)},
}


# Key wrap (RFC 3394, RFC 3217)


@dataclass(frozen=True)
class KeyWrap:
    """A key-encryption algorithm; ``unwrap(kek, wrapped)`` raises ValueError if it is not the right key."""

    oid: str
    name: str
    key_length: int
    unwrap: Callable[[bytes, bytes], bytes]
    weak: bool = False


def _unwrap_aes(kek: bytes, wrapped: bytes) -> bytes:
    try:
        return aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap as error:
        raise ValueError from error


def _unwrap_triple_des(kek: bytes, wrapped: bytes) -> bytes:
    """RFC 3217 section 3.2."""
    if len(wrapped) != 40:
        raise ValueError

    def decrypt(data: bytes, initialization_vector: bytes) -> bytes:
        decryptor = Cipher(TripleDES(kek), modes.CBC(initialization_vector)).decryptor()
        return decryptor.update(data) + decryptor.finalize()

    turned = decrypt(wrapped, bytes.fromhex("4adda22c79e82105"))[::-1]
    checked = decrypt(turned[8:], turned[:8])
    cek, checksum = checked[:24], checked[24:]
    if not compare_digest(SHA1.of(cek)[:8], checksum):
        raise ValueError
    return cek


AES256_WRAP = KeyWrap("2.16.840.1.101.3.4.1.45", "AES-256 key wrap", 32, _unwrap_aes)
AES_WRAPS = (
    KeyWrap("2.16.840.1.101.3.4.1.5", "AES-128 key wrap", 16, _unwrap_aes),
    KeyWrap("2.16.840.1.101.3.4.1.25", "AES-192 key wrap", 24, _unwrap_aes),
    AES256_WRAP,
)
KEY_WRAPS = {
    each.oid: each
    for each in (
        *AES_WRAPS,
        KeyWrap("1.2.840.113549.1.9.16.3.6", "triple DES key wrap", 24, _unwrap_triple_des, weak=True),
    )
}
