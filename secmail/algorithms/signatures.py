"""Signature algorithms: how each is verified, and with which a key signs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa, utils

from secmail.algorithms.digests import (
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
    Digest,
)
from secmail.algorithms.identifiers import NULL, AlgorithmIdentifier, lookup
from secmail.algorithms.key_management import EC_PUBLIC_KEY
from secmail.algorithms.rsa import PSS_SALT_LENGTH, PSS_SHA256, RSA_ENCRYPTION, RSASSA_PSS, pss_parameters
from secmail.errors import BadSignature, Unsupported


@dataclass(frozen=True)
class Message:
    """What a signature is over: its digest ``value``, and the octets for algorithms that are given no digest but all of it."""

    digest: Digest
    value: bytes
    octets: Callable[[], bytes]

    @classmethod
    def of(cls, octets: bytes, digest: Digest) -> "Message":
        return cls(digest, digest.of(octets), lambda: octets)


@dataclass(frozen=True)
class Signature:
    """A signature algorithm. ``digests`` are those it may go with, None leaving it to the SignerInfo's digest algorithm.

    A ``pure`` algorithm signs the message itself; its digest is only that of the content in the signed attributes.
    """

    oid: str
    name: str
    digests: tuple[Digest, ...] | None
    key: type
    verify: Callable[[Any, bytes, Message, bytes], None]  # key, signature, message, parameters
    pure: bool = False


def _verify_rsa(key: Any, signature: bytes, message: Message, parameters: bytes) -> None:
    key.verify(signature, message.value, padding.PKCS1v15(), utils.Prehashed(message.digest.hash))


def _verify_pss(key: Any, signature: bytes, message: Message, parameters: bytes) -> None:
    hash_, mgf_hash, salt_length = pss_parameters(parameters)
    if hash_ != message.digest:
        raise BadSignature("RFC 4056 section 3: the PSS hash is not the digest algorithm of the signer")
    scheme = padding.PSS(padding.MGF1(mgf_hash.hash), salt_length)
    key.verify(signature, message.value, scheme, utils.Prehashed(message.digest.hash))


def _verify_ecdsa(key: Any, signature: bytes, message: Message, parameters: bytes) -> None:
    key.verify(signature, message.value, ec.ECDSA(utils.Prehashed(message.digest.hash)))


def _verify_dsa(key: Any, signature: bytes, message: Message, parameters: bytes) -> None:
    key.verify(signature, message.value, utils.Prehashed(message.digest.hash))


def _verify_pure(key: Any, signature: bytes, message: Message, parameters: bytes) -> None:
    if parameters:
        raise BadSignature("parameters where the signature algorithm has none")
    key.verify(signature, message.octets())


ED25519, ED448 = "1.3.101.112", "1.3.101.113"
ML_DSA_44, ML_DSA_65, ML_DSA_87 = (f"2.16.840.1.101.3.4.3.{number}" for number in (17, 18, 19))
# RFC 9882 section 3.3: those "suitable" for each parameter set
FOR_ML_DSA_87 = (SHA512, SHA3_512, SHAKE256)
FOR_ML_DSA_65 = (*FOR_ML_DSA_87, SHA384, SHA3_384)
FOR_ML_DSA_44 = (*FOR_ML_DSA_65, SHA256, SHA3_256, SHAKE128)
SIGNATURES = {
    each.oid: each
    for each in (
        Signature(RSA_ENCRYPTION, "RSA", None, rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.5", "RSA with SHA-1", (SHA1,), rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.14", "RSA with SHA-224", (SHA224,), rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.11", "RSA with SHA-256", (SHA256,), rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.12", "RSA with SHA-384", (SHA384,), rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.13", "RSA with SHA-512", (SHA512,), rsa.RSAPublicKey, _verify_rsa),
        Signature(RSASSA_PSS, "RSASSA-PSS", None, rsa.RSAPublicKey, _verify_pss),
        Signature("1.2.840.10045.4.1", "ECDSA with SHA-1", (SHA1,), ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.1", "ECDSA with SHA-224", (SHA224,), ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.2", "ECDSA with SHA-256", (SHA256,), ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.3", "ECDSA with SHA-384", (SHA384,), ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.4", "ECDSA with SHA-512", (SHA512,), ec.EllipticCurvePublicKey, _verify_ecdsa),
        # Windows names the key where the standards want its signature
        Signature(EC_PUBLIC_KEY, "ECDSA", None, ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10040.4.3", "DSA with SHA-1", (SHA1,), dsa.DSAPublicKey, _verify_dsa),
        Signature("2.16.840.1.101.3.4.3.1", "DSA with SHA-224", (SHA224,), dsa.DSAPublicKey, _verify_dsa),
        Signature("2.16.840.1.101.3.4.3.2", "DSA with SHA-256", (SHA256,), dsa.DSAPublicKey, _verify_dsa),
        # RFC 9688
        *(
            Signature(f"2.16.840.1.101.3.4.3.{first + number}", f"{name} with {digest.name}", (digest,), key, check)
            for first, name, key, check in ((9, "ECDSA", ec.EllipticCurvePublicKey, _verify_ecdsa), (13, "RSA", rsa.RSAPublicKey, _verify_rsa))
            for number, digest in enumerate((SHA3_224, SHA3_256, SHA3_384, SHA3_512))
        ),
        Signature(ED25519, "Ed25519", (SHA512,), ed25519.Ed25519PublicKey, _verify_pure, pure=True),
        # RFC 8419 wants id-shake256-len; OpenSSL writes id-shake256, which is the same function
        Signature(ED448, "Ed448", (SHAKE256_LEN, SHAKE256), ed448.Ed448PublicKey, _verify_pure, pure=True),
        Signature(ML_DSA_44, "ML-DSA-44", FOR_ML_DSA_44, mldsa.MLDSA44PublicKey, _verify_pure, pure=True),
        Signature(ML_DSA_65, "ML-DSA-65", FOR_ML_DSA_65, mldsa.MLDSA65PublicKey, _verify_pure, pure=True),
        Signature(ML_DSA_87, "ML-DSA-87", FOR_ML_DSA_87, mldsa.MLDSA87PublicKey, _verify_pure, pure=True),
    )
}
ECDSA_OIDS = {SHA256: "1.2.840.10045.4.3.2", SHA384: "1.2.840.10045.4.3.3", SHA512: "1.2.840.10045.4.3.4"}


# The y coordinates of the points of order 4, 1, 2 and, twice, 8 on edwards25519 (RFC 8032 section 5.1)
_P = 2**255 - 19
_Y_OF_ORDER_8 = 0x5FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_Y_OF_SMALL_ORDER = {0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8}


def proves_nothing(key: object) -> bool:
    """Whether anybody can sign for a key, being a point of small order; with such a one of Ed448 OpenSSL verifies nothing."""
    if not isinstance(key, ed25519.Ed25519PublicKey):
        return False
    y = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
    return y % _P in _Y_OF_SMALL_ORDER


def verify(key: object, identifier: AlgorithmIdentifier, signature: bytes, message: Message) -> Signature:
    """Check a signature over the message; return the algorithm's row, raise BadSignature or Unsupported."""
    row = lookup(SIGNATURES, identifier.oid, "signature algorithm")
    if not isinstance(key, row.key):
        raise BadSignature("the signature algorithm does not fit the certificate's key")
    if row.digests is not None and message.digest not in row.digests:
        raise BadSignature("the signature algorithm and the digest algorithm of the signer do not fit together")
    if row.oid != RSASSA_PSS and not row.pure and identifier.parameters not in (b"", NULL):
        raise BadSignature("parameters where the signature algorithm has none")
    try:
        row.verify(key, signature, message, identifier.parameters)
    except InvalidSignature:
        raise BadSignature("the signature value is not that of this content and key") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSignature("the signature value can't be checked") from error
    return row


@dataclass(frozen=True)
class SigningAlgorithm:
    """How to sign: the digest of content and attributes, the algorithm as a SignerInfo names it, the padding of an RSA key."""

    digest: Digest
    identifier: AlgorithmIdentifier
    rsa_padding: padding.PKCS1v15 | padding.PSS | None = None


RSA_PKCS1 = SigningAlgorithm(SHA256, AlgorithmIdentifier("1.2.840.113549.1.1.11", NULL), padding.PKCS1v15())
RSA_PSS = SigningAlgorithm(SHA256, PSS_SHA256, padding.PSS(padding.MGF1(SHA256.hash), PSS_SALT_LENGTH))
ECDSA = {
    curve: SigningAlgorithm(digest, AlgorithmIdentifier(ECDSA_OIDS[digest]))
    for curve, digest in (("secp256r1", SHA256), ("secp384r1", SHA384), ("secp521r1", SHA512))
}


def signing(key: object, *, pss: bool = False) -> SigningAlgorithm:
    """What to sign with, by public key: RFC 5754 sections 3.2 and 3.3, RFC 8419, RFC 9882; ``pss`` gives RSASSA-PSS for RSA keys."""
    if isinstance(key, rsa.RSAPublicKey):
        return RSA_PSS if pss else RSA_PKCS1
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ECDSA:
        return ECDSA[key.curve.name]
    for row in SIGNATURES.values():
        if row.pure and row.digests and isinstance(key, row.key):
            return SigningAlgorithm(row.digests[0], AlgorithmIdentifier(row.oid))
    raise Unsupported("signing with a key of this kind is not supported")
