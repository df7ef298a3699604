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
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
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

    def of(self, data: bytes) -> bytes:
        return self.start(data).finalize()

    def start(self, data: bytes = b"") -> hashes.Hash:
        running = hashes.Hash(self.hash)
        running.update(data)
        return running

    @property
    def identifier(self) -> AlgorithmIdentifier:
        """RFC 5754 section 2: "implementations MUST generate [...] with absent parameters"."""
        return AlgorithmIdentifier(self.oid)


SHA1 = Digest("1.3.14.3.2.26", "SHA-1", hashes.SHA1(), weak=True)  # noqa: S303 (read only)
SHA224 = Digest("2.16.840.1.101.3.4.2.4", "SHA-224", hashes.SHA224())
SHA256 = Digest("2.16.840.1.101.3.4.2.1", "SHA-256", hashes.SHA256())
SHA384 = Digest("2.16.840.1.101.3.4.2.2", "SHA-384", hashes.SHA384())
SHA512 = Digest("2.16.840.1.101.3.4.2.3", "SHA-512", hashes.SHA512())
DIGESTS = {each.oid: each for each in (SHA1, SHA224, SHA256, SHA384, SHA512)}


# Signatures


@dataclass(frozen=True)
class Signature:
    """A signature algorithm: ``digest`` is fixed by its OID, or None where the SignerInfo's digest algorithm decides."""

    oid: str
    name: str
    digest: Digest | None
    key: type
    verify: Callable[[Any, bytes, bytes, Digest, bytes], None]  # key, signature, digest value, digest, parameters


def _verify_rsa(key: Any, signature: bytes, value: bytes, digest: Digest, parameters: bytes) -> None:
    key.verify(signature, value, padding.PKCS1v15(), utils.Prehashed(digest.hash))


def _verify_pss(key: Any, signature: bytes, value: bytes, digest: Digest, parameters: bytes) -> None:
    hash_, mgf_hash, salt_length = pss_parameters(parameters)
    if hash_ != digest:
        raise BadSignature("RFC 4056 section 3: the PSS hash is not the digest algorithm of the signer")
    key.verify(signature, value, padding.PSS(padding.MGF1(mgf_hash.hash), salt_length), utils.Prehashed(digest.hash))


def _verify_ecdsa(key: Any, signature: bytes, value: bytes, digest: Digest, parameters: bytes) -> None:
    key.verify(signature, value, ec.ECDSA(utils.Prehashed(digest.hash)))


def _verify_dsa(key: Any, signature: bytes, value: bytes, digest: Digest, parameters: bytes) -> None:
    key.verify(signature, value, utils.Prehashed(digest.hash))


RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
RSASSA_PSS = "1.2.840.113549.1.1.10"
SIGNATURES = {
    each.oid: each
    for each in (
        Signature(RSA_ENCRYPTION, "RSA", None, rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.5", "RSA with SHA-1", SHA1, rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.14", "RSA with SHA-224", SHA224, rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.11", "RSA with SHA-256", SHA256, rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.12", "RSA with SHA-384", SHA384, rsa.RSAPublicKey, _verify_rsa),
        Signature("1.2.840.113549.1.1.13", "RSA with SHA-512", SHA512, rsa.RSAPublicKey, _verify_rsa),
        Signature(RSASSA_PSS, "RSASSA-PSS", None, rsa.RSAPublicKey, _verify_pss),
        Signature("1.2.840.10045.4.1", "ECDSA with SHA-1", SHA1, ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.1", "ECDSA with SHA-224", SHA224, ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.2", "ECDSA with SHA-256", SHA256, ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.3", "ECDSA with SHA-384", SHA384, ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10045.4.3.4", "ECDSA with SHA-512", SHA512, ec.EllipticCurvePublicKey, _verify_ecdsa),
        Signature("1.2.840.10040.4.3", "DSA with SHA-1", SHA1, dsa.DSAPublicKey, _verify_dsa),
    )
}
ECDSA_OIDS = {SHA256: "1.2.840.10045.4.3.2", SHA384: "1.2.840.10045.4.3.3", SHA512: "1.2.840.10045.4.3.4"}
SIGNING_DIGESTS = {"secp256r1": SHA256, "secp384r1": SHA384, "secp521r1": SHA512}


def verify(key: object, identifier: AlgorithmIdentifier, signature: bytes, value: bytes, digest: Digest) -> Signature:
    """Check a signature over the digest ``value``; return the algorithm's row, raise BadSignature or Unsupported."""
    row = lookup(SIGNATURES, identifier.oid, "signature algorithm")
    if not isinstance(key, row.key):
        raise BadSignature("the signature algorithm does not fit the certificate's key")
    if row.digest not in (None, digest):
        raise BadSignature("the signature algorithm and the digest algorithm of the signer do not fit together")
    try:
        row.verify(key, signature, value, digest, identifier.parameters)
    except InvalidSignature:
        raise BadSignature("the signature value is not that of this content and key") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSignature("the signature value can't be checked") from error
    return row


def signing(key: object) -> tuple[Digest, AlgorithmIdentifier]:
    """The digest and the signature algorithm to sign with, by public key: RFC 5754 sections 3.2 and 3.3."""
    if isinstance(key, rsa.RSAPublicKey):
        return SHA256, AlgorithmIdentifier("1.2.840.113549.1.1.11", NULL)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in SIGNING_DIGESTS:
        digest = SIGNING_DIGESTS[key.curve.name]
        return digest, AlgorithmIdentifier(ECDSA_OIDS[digest])
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
        hash_ = lookup(DIGESTS, AlgorithmIdentifier.read(found.inside()).oid, "digest algorithm")
    if found := members.optional(der.context(1)):
        generator = AlgorithmIdentifier.read(found.inside())
        if generator.oid != MGF1:
            raise Unsupported("a mask generation function other than MGF1")
        mgf = lookup(DIGESTS, AlgorithmIdentifier.read(der.Reader(generator.parameters)).oid, "digest algorithm")
    return hash_, mgf


# Key transport


RSAES_OAEP = "1.2.840.113549.1.1.7"
_SHA256_WITH_NULL = der.sequence(der.oid(SHA256.oid), NULL)
OAEP_SHA256 = AlgorithmIdentifier(
    RSAES_OAEP,
    der.sequence(
        der.tlv(der.context(0), _SHA256_WITH_NULL),
        der.tlv(der.context(1), der.sequence(der.oid(MGF1), _SHA256_WITH_NULL)),
    ),
)
PKCS1_V15 = AlgorithmIdentifier(RSA_ENCRYPTION, NULL)
KEY_TRANSPORTS = {RSAES_OAEP: "RSAES-OAEP", RSA_ENCRYPTION: "RSA PKCS#1 v1.5"}


# Key agreement (RFC 5753 section 7.1.4). On the curves read here the cofactor is 1, so both ECDH primitives are the same.


@dataclass(frozen=True)
class KeyAgreement:
    """An ECDH scheme by the digest of its X9.63 key derivation function."""

    oid: str
    name: str
    digest: Digest


ECDH_SHA256 = KeyAgreement("1.3.132.1.11.1", "ECDH with SHA-256 KDF", SHA256)
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
    )
}
ECDH_CURVES = ("secp256r1", "secp384r1", "secp521r1")


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
KEY_WRAPS = {
    each.oid: each
    for each in (
        KeyWrap("2.16.840.1.101.3.4.1.5", "AES-128 key wrap", 16, _unwrap_aes),
        KeyWrap("2.16.840.1.101.3.4.1.25", "AES-192 key wrap", 24, _unwrap_aes),
        AES256_WRAP,
        KeyWrap("1.2.840.113549.1.9.16.3.6", "triple DES key wrap", 24, _unwrap_triple_des, weak=True),
    )
}


# Content encryption


@dataclass(frozen=True)
class ContentEncryption:
    """A content-encryption algorithm: AES in CBC or GCM mode, triple DES for reading."""

    oid: str
    name: str
    key_length: int
    cipher: Callable[[bytes], BlockCipherAlgorithm]
    authenticated: bool = False
    weak: bool = False


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
    AlgorithmIdentifier(RSASSA_PSS),
)
OWN_CAPABILITIES = frozenset(each.oid for each in OUR_CAPABILITIES)
