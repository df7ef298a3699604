"""KEMRecipientInfo (RFC 9629) with ML-KEM (RFC 9936)."""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from secmail import der
from secmail.algorithms import (
    AES256_WRAP,
    HKDF_SHA256,
    HKDFS,
    KEY_ENCAPSULATIONS,
    KEY_WRAPS,
    SHA256,
    UNSUPPORTED_KEYS,
    AlgorithmIdentifier,
    Digest,
    KeyEncapsulation,
    lookup,
)
from secmail.certificates import Certificate
from secmail.cms.identifiers import names
from secmail.errors import Malformed, Unsupported
from secmail.keys import DecryptionKey

ORI_KEM = "1.2.840.113549.1.9.16.13.3"
WRAP = AlgorithmIdentifier(AES256_WRAP.oid)
KEY_WRAP_OVERHEAD = 8  # octets that RFC 3394 adds


def encapsulation(key: object) -> KeyEncapsulation | None:
    """The mechanism of a public key; None for keys of other kinds."""
    return next((each for each in KEY_ENCAPSULATIONS.values() if isinstance(key, each.key)), None)


@dataclass(frozen=True)
class KEMRecipientInfo:
    rid: der.Element
    kem: AlgorithmIdentifier
    kemct: bytes
    kdf: AlgorithmIdentifier
    kek_length: int
    ukm: bytes | None
    wrap: AlgorithmIdentifier
    encrypted_key: bytes

    @staticmethod
    def make(certificate: Certificate, cek: bytes) -> bytes:
        key = certificate.public_key
        if not isinstance(key, mlkem.MLKEM768PublicKey | mlkem.MLKEM1024PublicKey):
            raise Unsupported("key encapsulation needs an ML-KEM key")
        secret, ciphertext = key.encapsulate()
        kek = _kek(secret, SHA256, AES256_WRAP.key_length, _other_info(WRAP, AES256_WRAP.key_length, None))
        begin, end = _around(certificate, len(cek) + KEY_WRAP_OVERHEAD)
        return begin + ciphertext + end + aes_key_wrap(kek, cek)

    @classmethod
    def from_element(cls, element: der.Element) -> "KEMRecipientInfo | None":
        """None for an OtherRecipientInfo of another type."""
        other = element.inside()
        if other.oid() != ORI_KEM:
            return None
        members = other.inside()
        other.end()
        if members.integer() != 0:
            raise Malformed('RFC 9629 section 3: the version "MUST be 0"')
        rid, kem, kemct = members.element(), AlgorithmIdentifier.read(members), members.octets()
        kdf, kek_length, ukm = AlgorithmIdentifier.read(members), members.integer(), members.optional(der.context(0))
        wrap, encrypted_key = AlgorithmIdentifier.read(members), members.octets()
        members.end()
        return cls(rid, kem, kemct, kdf, kek_length, ukm.inside().octets() if ukm else None, wrap, encrypted_key)

    def open(self, key: DecryptionKey) -> bytes | None:
        if not names(self.rid, key.certificate):
            return None
        if self.kem.oid in UNSUPPORTED_KEYS:
            raise Unsupported(f"key encapsulation with {UNSUPPORTED_KEYS[self.kem.oid]} is not supported")
        mechanism = lookup(KEY_ENCAPSULATIONS, self.kem.oid, "key encapsulation mechanism")
        digest = lookup(HKDFS, self.kdf.oid, "key derivation algorithm")
        wrap = lookup(KEY_WRAPS, self.wrap.oid, "key wrap algorithm")
        if self.kem.parameters or self.kdf.parameters:
            raise Unsupported("parameters of a key encapsulation or of HKDF are not supported")
        if self.kek_length != wrap.key_length:
            # RFC 9629 section 3: "MUST confirm that the value provided is consistent with the key-encryption algorithm"
            raise Malformed("kekLength is not that of the key wrap algorithm")
        if not isinstance(key.certificate.public_key, mechanism.key) or len(self.kemct) != mechanism.ciphertext_length:
            raise ValueError("the key encapsulation does not fit the recipient's key")
        secret = key.decapsulate(self.kemct)
        info = _other_info(self.wrap, self.kek_length, self.ukm)
        return wrap.unwrap(_kek(secret, digest, self.kek_length, info), self.encrypted_key)


@lru_cache(maxsize=4096)
def _around(certificate: Certificate, room: int) -> tuple[bytes, bytes]:
    """What stands before and after the ciphertext, as far as the wrapped key, which is ``room`` octets long."""
    mechanism = encapsulation(certificate.public_key)
    if mechanism is None:
        raise Unsupported("key encapsulation needs an ML-KEM key")
    end = b"".join(
        (
            AlgorithmIdentifier(HKDF_SHA256).der,
            der.integer(AES256_WRAP.key_length),
            WRAP.der,
            der.prefix(der.OCTET_STRING, room=room),
        )
    )
    begin = b"".join(
        (
            der.integer(0),
            certificate.issuer_and_serial_number,
            AlgorithmIdentifier(mechanism.oid).der,
            der.prefix(der.OCTET_STRING, room=mechanism.ciphertext_length),
        )
    )
    rest = mechanism.ciphertext_length + len(end) + room
    info = der.prefix(der.SEQUENCE, begin, room=rest)
    other = der.prefix(der.context(4), der.oid(ORI_KEM), room=len(info) + rest)
    return other + info, end


def _other_info(wrap: AlgorithmIdentifier, kek_length: int, ukm: bytes | None) -> bytes:
    """CMSORIforKEMOtherInfo, RFC 9629 section 5."""
    keying_material = b"" if ukm is None else der.tlv(der.context(0), der.octets(ukm))
    return der.sequence(wrap.der, der.integer(kek_length), keying_material)


def _kek(secret: bytes, digest: Digest, length: int, info: bytes) -> bytes:
    return HKDF(digest.hash, length, None, info).derive(secret)
