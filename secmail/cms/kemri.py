"""KEMRecipientInfo (RFC 9629) with ML-KEM (RFC 9936)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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
from secmail.keys import DecryptionKey, KeyOperations

ORI_KEM = "1.2.840.113549.1.9.16.13.3"
WRAP = AlgorithmIdentifier(AES256_WRAP.oid)


def encapsulation(key: Any) -> KeyEncapsulation | None:
    """The mechanism of a public key; None for keys of other kinds."""
    return _mechanism(type(key))  # type: ignore[arg-type] # classes are hashable


@lru_cache
def _mechanism(kind: type) -> KeyEncapsulation | None:
    return next((each for each in KEY_ENCAPSULATIONS.values() if issubclass(kind, each.key)), None)


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
        key: Any = certificate.public_key
        mechanism = encapsulation(key)
        if mechanism is None:
            raise Unsupported("key encapsulation needs an ML-KEM key")
        secret: bytes
        ciphertext: bytes
        secret, ciphertext = key.encapsulate()
        kek = _kek(secret, SHA256, AES256_WRAP.key_length, OTHER_INFO)
        wrapped = aes_key_wrap(kek, cek)
        after = _after(len(wrapped))
        return _before(certificate, mechanism, len(after) + len(wrapped)) + ciphertext + after + wrapped

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
        return self.open_with(key, key.certificate.public_key) if names(self.rid, key.certificate) else None

    def open_with(self, key: KeyOperations, public_key: object) -> bytes:
        """The same, whomever the recipient identifier names; ``public_key`` is that of ``key``."""
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
        if not isinstance(public_key, mechanism.key) or len(self.kemct) != mechanism.ciphertext_length:
            raise ValueError("the key encapsulation does not fit the recipient's key")
        secret = key.decapsulate(self.kemct)
        info = _other_info(self.wrap, self.kek_length, self.ukm)
        return wrap.unwrap(_kek(secret, digest, self.kek_length, info), self.encrypted_key)


def _before(certificate: Certificate, mechanism: KeyEncapsulation, room: int) -> bytes:
    """What stands before the ciphertext, after which ``room`` octets follow."""
    found: bytes | None = certificate.prepared.get((KEMRecipientInfo, room))
    if found is None:
        rest = mechanism.ciphertext_length + room
        info = der.prefix(
            der.SEQUENCE,
            der.integer(0),
            certificate.issuer_and_serial_number,
            AlgorithmIdentifier(mechanism.oid).der,
            der.prefix(der.OCTET_STRING, room=mechanism.ciphertext_length),
            room=rest,
        )
        found = der.prefix(der.context(4), der.oid(ORI_KEM), room=len(info) + rest) + info
        certificate.prepared[KEMRecipientInfo, room] = found
    return found


@lru_cache
def _after(room: int) -> bytes:
    """What stands between the ciphertext and the wrapped key, which is ``room`` octets long."""
    derivation = AlgorithmIdentifier(HKDF_SHA256).der
    return derivation + der.integer(AES256_WRAP.key_length) + WRAP.der + der.prefix(der.OCTET_STRING, room=room)


def _other_info(wrap: AlgorithmIdentifier, kek_length: int, ukm: bytes | None) -> bytes:
    """CMSORIforKEMOtherInfo, RFC 9629 section 5."""
    keying_material = b"" if ukm is None else der.tlv(der.context(0), der.octets(ukm))
    return der.sequence(wrap.der, der.integer(kek_length), keying_material)


OTHER_INFO = _other_info(WRAP, AES256_WRAP.key_length, None)


def _kek(secret: bytes, digest: Digest, length: int, info: bytes) -> bytes:
    return HKDF(digest.hash, length, None, info).derive(secret)
