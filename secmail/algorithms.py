"""The suite table: every algorithm that is emitted or accepted, one row each; what has no row is refused as Unsupported.

MD5 and RC2 have no row on purpose. ``weak`` rows are read, and reported as weak.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, mlkem, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from secmail import der
from secmail.errors import BadSignature, Malformed, Unsupported

Row = TypeVar("Row")


def lookup(table: Mapping[str, Row], oid: str, what: str) -> Row:
    """The row of an OID; Unsupported, with the OID, if there is none."""
    try:
        return table[oid]
    except KeyError:
        raise Unsupported(f"{what} {oid} is not supported") from None


@dataclass(frozen=True)
class AlgorithmIdentifier:
    """An OID with its parameters as encoded, ``b""`` where they are absent."""

    oid: str
    parameters: bytes = b""

    @classmethod
    def read(cls, reader: der.Reader) -> "AlgorithmIdentifier":
        """Read the next member of ``reader``."""
        return cls.from_element(reader.element(der.SEQUENCE))

    @classmethod
    def from_element(cls, element: der.Element) -> "AlgorithmIdentifier":
        members = element.inside()
        return cls(members.oid(), members.rest())

    @property
    def der(self) -> bytes:
        return der.sequence(der.oid(self.oid), self.parameters)

    def same_as(self, other: "AlgorithmIdentifier") -> bool:
        """Equal, absent and NULL parameters being the same: signers do not agree with themselves about it."""
        return self.oid == other.oid and self.parameters.removeprefix(NULL) == other.parameters.removeprefix(NULL)


NULL = der.tlv(der.NULL)


# Digests


@dataclass(frozen=True, eq=False)
class Digest:
    """A message digest algorithm; there is one object of each."""

    oid: str
    name: str
    hash: hashes.HashAlgorithm
    weak: bool = False
    parameters: bytes = b""

    def of(self, data: bytes) -> bytes:
        return self.start(data).finalize()

    def start(self, data: bytes = b"") -> hashes.Hash:
        running = hashes.Hash(self.hash)
        running.update(data)
        return running

    @property
    def identifier(self) -> AlgorithmIdentifier:
        """RFC 5754 section 2: "implementations MUST generate [...] with absent parameters"."""
        return AlgorithmIdentifier(self.oid, self.parameters)


SHA1 = Digest("1.3.14.3.2.26", "SHA-1", hashes.SHA1(), weak=True)  # noqa: S303 (read only)
SHA224 = Digest("2.16.840.1.101.3.4.2.4", "SHA-224", hashes.SHA224())
SHA256 = Digest("2.16.840.1.101.3.4.2.1", "SHA-256", hashes.SHA256())
SHA384 = Digest("2.16.840.1.101.3.4.2.2", "SHA-384", hashes.SHA384())
SHA512 = Digest("2.16.840.1.101.3.4.2.3", "SHA-512", hashes.SHA512())
SHA3_256 = Digest("2.16.840.1.101.3.4.2.8", "SHA3-256", hashes.SHA3_256())
SHA3_384 = Digest("2.16.840.1.101.3.4.2.9", "SHA3-384", hashes.SHA3_384())
SHA3_512 = Digest("2.16.840.1.101.3.4.2.10", "SHA3-512", hashes.SHA3_512())
SHAKE128 = Digest("2.16.840.1.101.3.4.2.11", "SHAKE128", hashes.SHAKE128(32))
SHAKE256 = Digest("2.16.840.1.101.3.4.2.12", "SHAKE256", hashes.SHAKE256(64))
# RFC 8419 section 2.3: "the parameter MUST contain 512, encoded as a positive integer value"
SHAKE256_LEN = Digest("2.16.840.1.101.3.4.2.18", "SHAKE256", hashes.SHAKE256(64), parameters=der.integer(512))
DIGESTS = {
    each.oid: each
    for each in (
        *(SHA1, SHA224, SHA256, SHA384, SHA512),
        *(SHA3_256, SHA3_384, SHA3_512, SHAKE128, SHAKE256, SHAKE256_LEN),
    )
}


def digest_algorithm(identifier: AlgorithmIdentifier) -> Digest:
    """The digest of an algorithm identifier; Unsupported if there is none, or its parameters ask for another length of output."""
    digest = lookup(DIGESTS, identifier.oid, "digest algorithm")
    if digest.parameters and identifier.parameters != digest.parameters:
        raise Unsupported("SHAKE256 with another length of output than 512 bits is not supported")
    return digest


# Signatures


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


RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
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
        Signature("1.2.840.10040.4.3", "DSA with SHA-1", (SHA1,), dsa.DSAPublicKey, _verify_dsa),
        Signature(ED25519, "Ed25519", (SHA512,), ed25519.Ed25519PublicKey, _verify_pure, pure=True),
        # RFC 8419 wants id-shake256-len; OpenSSL writes id-shake256, which is the same function
        Signature(ED448, "Ed448", (SHAKE256_LEN, SHAKE256), ed448.Ed448PublicKey, _verify_pure, pure=True),
        Signature(ML_DSA_44, "ML-DSA-44", FOR_ML_DSA_44, mldsa.MLDSA44PublicKey, _verify_pure, pure=True),
        Signature(ML_DSA_65, "ML-DSA-65", FOR_ML_DSA_65, mldsa.MLDSA65PublicKey, _verify_pure, pure=True),
        Signature(ML_DSA_87, "ML-DSA-87", FOR_ML_DSA_87, mldsa.MLDSA87PublicKey, _verify_pure, pure=True),
    )
}
ECDSA_OIDS = {SHA256: "1.2.840.10045.4.3.2", SHA384: "1.2.840.10045.4.3.3", SHA512: "1.2.840.10045.4.3.4"}
SIGNING_DIGESTS = {"secp256r1": SHA256, "secp384r1": SHA384, "secp521r1": SHA512}


def verify(key: object, identifier: AlgorithmIdentifier, signature: bytes, message: Message) -> Signature:
    """Check a signature over the message; return the algorithm's row, raise BadSignature or Unsupported."""
    row = lookup(SIGNATURES, identifier.oid, "signature algorithm")
    if not isinstance(key, row.key):
        raise BadSignature("the signature algorithm does not fit the certificate's key")
    if row.digests is not None and message.digest not in row.digests:
        raise BadSignature("the signature algorithm and the digest algorithm of the signer do not fit together")
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


def signing(key: object, *, pss: bool = False) -> SigningAlgorithm:
    """What to sign with, by public key: RFC 5754 sections 3.2 and 3.3, RFC 8419, RFC 9882; ``pss`` gives RSASSA-PSS for RSA keys."""
    if isinstance(key, rsa.RSAPublicKey):
        return RSA_PSS if pss else RSA_PKCS1
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in SIGNING_DIGESTS:
        digest = SIGNING_DIGESTS[key.curve.name]
        return SigningAlgorithm(digest, AlgorithmIdentifier(ECDSA_OIDS[digest]))
    for row in SIGNATURES.values():
        if row.pure and row.digests and isinstance(key, row.key):
            return SigningAlgorithm(row.digests[0], AlgorithmIdentifier(row.oid))
    raise Unsupported("signing with a key of this kind is not supported")


# RSA parameters: RSASSA-PSS (RFC 4055 section 3.1) and RSAES-OAEP (section 4.1)

MGF1 = "1.2.840.113549.1.1.8"
P_SPECIFIED = "1.2.840.113549.1.1.9"


def pss_parameters(parameters: bytes) -> tuple[Digest, Digest, int]:
    """(hash, hash of MGF1, salt length in octets); absent members have RFC 4055's defaults."""
    members = der.read(parameters)
    hash_, mgf = _hash_and_mgf(members)
    salt = members.optional(der.context(2))
    trailer = members.optional(der.context(3))
    members.end()
    if trailer and trailer.inside().integer() != 1:
        raise Unsupported("an RSASSA-PSS trailer field other than 1")
    return hash_, mgf, salt.inside().integer() if salt else 20


def oaep_parameters(parameters: bytes) -> padding.OAEP:
    """The padding for ``cryptography``; absent members mean SHA-1, as RFC 4055 section 4.1 says."""
    members = der.read(parameters or der.sequence())
    hash_, mgf = _hash_and_mgf(members)
    source = members.optional(der.context(2))
    members.end()
    label = b""
    if source:
        algorithm = AlgorithmIdentifier.read(source.inside())
        if algorithm.oid != P_SPECIFIED:
            raise Unsupported("an OAEP label source that is not pSpecified")
        label = der.Reader(algorithm.parameters).octets()
    return padding.OAEP(padding.MGF1(mgf.hash), hash_.hash, label)


def _hash_and_mgf(members: der.Reader) -> tuple[Digest, Digest]:
    hash_ = mgf = SHA1
    if found := members.optional(der.context(0)):
        hash_ = digest_algorithm(AlgorithmIdentifier.read(found.inside()))
    if found := members.optional(der.context(1)):
        generator = AlgorithmIdentifier.read(found.inside())
        if generator.oid != MGF1:
            raise Unsupported("a mask generation function other than MGF1")
        mgf = digest_algorithm(AlgorithmIdentifier.read(der.Reader(generator.parameters)))
    return hash_, mgf


_SHA256_WITH_NULL = der.sequence(der.oid(SHA256.oid), NULL)
_SHA256_AND_MGF1 = (
    der.tlv(der.context(0), _SHA256_WITH_NULL),
    der.tlv(der.context(1), der.sequence(der.oid(MGF1), _SHA256_WITH_NULL)),
)
PSS_SALT_LENGTH = 32
RSA_PKCS1 = SigningAlgorithm(SHA256, AlgorithmIdentifier("1.2.840.113549.1.1.11", NULL), padding.PKCS1v15())
RSA_PSS = SigningAlgorithm(
    SHA256,
    AlgorithmIdentifier(
        RSASSA_PSS, der.sequence(*_SHA256_AND_MGF1, der.tlv(der.context(2), der.integer(PSS_SALT_LENGTH)))
    ),
    padding.PSS(padding.MGF1(SHA256.hash), PSS_SALT_LENGTH),
)


# Key transport


RSAES_OAEP = "1.2.840.113549.1.1.7"
OAEP_SHA256 = AlgorithmIdentifier(RSAES_OAEP, der.sequence(*_SHA256_AND_MGF1))
PKCS1_V15 = AlgorithmIdentifier(RSA_ENCRYPTION, NULL)
KEY_TRANSPORTS = {RSAES_OAEP: "RSAES-OAEP", RSA_ENCRYPTION: "RSA PKCS#1 v1.5"}


# Key agreement (RFC 5753 section 7.1.4, RFC 8418 section 7). On the curves read here the cofactor is 1, so both ECDH primitives are the same.


@dataclass(frozen=True)
class KeyAgreement:
    """A Diffie-Hellman scheme by its key derivation function: ANSI X9.63, or HKDF with the ukm as salt."""

    oid: str
    name: str
    digest: Digest
    hkdf: bool = False

    def derive(self, secret: bytes, length: int, *, ukm: bytes | None, info: bytes) -> bytes:
        if self.hkdf:
            return HKDF(self.digest.hash, length, ukm, info).derive(secret)
        return X963KDF(self.digest.hash, length, info).derive(secret)


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


@dataclass(frozen=True)
class KeyEncapsulation:
    """A key-encapsulation mechanism, by the kind of public key it takes."""

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


# Compression (RFC 3274)

ZLIB_COMPRESSION = "1.2.840.113549.1.9.16.3.8"


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


# Content encryption


@dataclass(frozen=True)
class ContentEncryption:
    """A content-encryption algorithm: AES in CBC or GCM mode, triple DES for reading. Lengths are in octets."""

    oid: str
    name: str
    key_length: int
    cipher: Callable[[bytes], BlockCipherAlgorithm]
    authenticated: bool = False
    weak: bool = False

    @property
    def block_length(self) -> int:
        """In octets."""
        return self.cipher(bytes(self.key_length)).block_size // 8


AES256_CBC = ContentEncryption("2.16.840.1.101.3.4.1.42", "AES-256-CBC", 32, algorithms.AES)
AES256_GCM = ContentEncryption("2.16.840.1.101.3.4.1.46", "AES-256-GCM", 32, algorithms.AES, authenticated=True)
CONTENT_ENCRYPTIONS = {
    each.oid: each
    for each in (
        ContentEncryption("2.16.840.1.101.3.4.1.2", "AES-128-CBC", 16, algorithms.AES),
        ContentEncryption("2.16.840.1.101.3.4.1.22", "AES-192-CBC", 24, algorithms.AES),
        AES256_CBC,
        ContentEncryption("2.16.840.1.101.3.4.1.6", "AES-128-GCM", 16, algorithms.AES, authenticated=True),
        ContentEncryption("2.16.840.1.101.3.4.1.26", "AES-192-GCM", 24, algorithms.AES, authenticated=True),
        AES256_GCM,
        ContentEncryption("1.2.840.113549.3.7", "triple DES CBC", 24, TripleDES, weak=True),
    )
}


def gcm_parameters(parameters: bytes) -> tuple[bytes, int]:
    """(nonce, length of the authentication tag in octets), RFC 5084 section 3.2; an absent aes-ICVlen means 12."""
    members = der.read(parameters)
    nonce = members.octets()
    icv_length = members.integer() if members.peek() == der.INTEGER else 12
    members.end()
    if not 8 <= len(nonce) <= 64:
        raise Unsupported("an AES-GCM nonce shorter than 8 or longer than 64 octets")
    if not 12 <= icv_length <= 16:
        raise Malformed("aes-ICVlen is not 12 to 16")
    return nonce, icv_length


# What we read, said in every signature (RFC 8551 section 2.5.2), by preference

OUR_CAPABILITIES = (
    AlgorithmIdentifier(AES256_GCM.oid),
    AlgorithmIdentifier("2.16.840.1.101.3.4.1.6"),
    AlgorithmIdentifier(AES256_CBC.oid),
    AlgorithmIdentifier("2.16.840.1.101.3.4.1.22"),
    AlgorithmIdentifier("2.16.840.1.101.3.4.1.2"),
    OAEP_SHA256,
    AlgorithmIdentifier(ECDH_SHA256.oid, der.sequence(der.oid(AES256_WRAP.oid))),
    AlgorithmIdentifier(ECDH_HKDF_SHA256.oid, der.sequence(der.oid(AES256_WRAP.oid))),
    *(AlgorithmIdentifier(oid) for oid in KEY_ENCAPSULATIONS),
    AlgorithmIdentifier(RSASSA_PSS),
    AlgorithmIdentifier(ED25519),
    AlgorithmIdentifier(ED448),
    *(AlgorithmIdentifier(oid) for oid in (ML_DSA_44, ML_DSA_65, ML_DSA_87)),
    AlgorithmIdentifier(ZLIB_COMPRESSION),
)
OWN_CAPABILITIES = frozenset(each.oid for each in OUR_CAPABILITIES)
