"""RecipientInfos (RFC 5652 section 6.2): one class per kind, each with ``make`` for writing and ``open`` for reading.

A key that a recipient info is not for gives None, which is no error; a kind that no class here reads is passed over. What is
constant for a certificate is encoded once and remembered; for each message only the public-key operation is left.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmail import der
from secmail.algorithms import (
    AES256_GCM,
    AES256_WRAP,
    ECDH_CURVES,
    ECDH_SHA256,
    KEY_AGREEMENTS,
    KEY_TRANSPORTS,
    KEY_WRAPS,
    OAEP_SHA256,
    PKCS1_V15,
    RSA_ENCRYPTION,
    RSAES_OAEP,
    AlgorithmIdentifier,
    Digest,
    lookup,
    oaep_parameters,
)
from secmail.certificates import Certificate
from secmail.errors import Malformed, NotARecipient, Unsupported
from secmail.keys import DecryptionKey

EC_PUBLIC_KEY = "1.2.840.10045.2.1"
MAX_RECIPIENTS = 50_000
UKM_LENGTH = 32
WRAPPED_AES256_KEY = 40


@dataclass(frozen=True)
class Recipient:
    """Somebody to encrypt to: a certificate and what its owner is known to read.

    ``capabilities`` are OIDs from a verified signature or from knowledge of one's own; None leaves it to the certificate (RFC 4262).
    """

    certificate: Certificate
    capabilities: frozenset[str] | None = None

    def reads(self, oid: str) -> bool:
        """Whether the recipient is known to read this algorithm."""
        known = self.certificate.capabilities if self.capabilities is None else self.capabilities
        return oid in (known or ())

    @property
    def key_management(self) -> AlgorithmIdentifier:
        """RFC 8551 section 2.3: OAEP where it is known to be read, else PKCS#1 v1.5; ECDH for elliptic curves."""
        key = self.certificate.public_key
        if isinstance(key, rsa.RSAPublicKey):
            return OAEP_SHA256 if self.reads(RSAES_OAEP) else PKCS1_V15
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ECDH_CURVES:
            return ECDH_WITH_AES256_WRAP
        raise Unsupported("encrypting to a key of this kind is not supported")

    @property
    def key_management_name(self) -> str:
        """The same for people."""
        oid = self.key_management.oid
        return KEY_TRANSPORTS.get(oid) or KEY_AGREEMENTS[oid].name


ECDH_WITH_AES256_WRAP = AlgorithmIdentifier(ECDH_SHA256.oid, AlgorithmIdentifier(AES256_WRAP.oid).der)


class RecipientInfo(Protocol):
    """One kind of recipient info, as read."""

    def open(self, key: DecryptionKey) -> bytes | None:
        """The content-encryption key, None if this is not for ``key``; ValueError if it does not open."""
        ...


# KeyTransRecipientInfo, RFC 5652 section 6.2.1


@dataclass(frozen=True)
class KeyTransRecipientInfo:
    rid: der.Element
    key_encryption_algorithm: AlgorithmIdentifier
    encrypted_key: bytes

    @staticmethod
    def make(certificate: Certificate, algorithm: AlgorithmIdentifier, cek: bytes) -> bytes:
        key = certificate.public_key
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unsupported("key transport needs an RSA key")
        return _key_trans_prefix(certificate, algorithm, key.key_size) + key.encrypt(cek, _rsa_padding(algorithm))

    @classmethod
    def from_element(cls, element: der.Element) -> "KeyTransRecipientInfo":
        members = element.inside()
        members.integer()
        info = cls(members.element(), AlgorithmIdentifier.read(members), members.octets())
        members.end()
        return info

    def open(self, key: DecryptionKey) -> bytes | None:
        if not _names(self.rid, key.certificate, der.context(0, constructed=False)):
            return None
        return key.decrypt(self.encrypted_key, _rsa_padding(self.key_encryption_algorithm))


@lru_cache(maxsize=4096)
def _key_trans_prefix(certificate: Certificate, algorithm: AlgorithmIdentifier, bits: int) -> bytes:
    size = (bits + 7) // 8
    encrypted_key = der.prefix(der.OCTET_STRING, room=size)
    return der.prefix(
        der.SEQUENCE, der.integer(0), certificate.issuer_and_serial_number, algorithm.der, encrypted_key, room=size
    )


def _rsa_padding(algorithm: AlgorithmIdentifier) -> padding.AsymmetricPadding:
    if algorithm.oid == RSAES_OAEP:
        return oaep_parameters(algorithm.parameters)
    if algorithm.oid == RSA_ENCRYPTION:
        return padding.PKCS1v15()
    raise Unsupported(f"key transport algorithm {algorithm.oid} is not supported")


# KeyAgreeRecipientInfo, RFC 5652 section 6.2.2 and RFC 5753


@dataclass(frozen=True)
class KeyAgreeRecipientInfo:
    originator: der.Element
    ukm: bytes | None
    key_encryption_algorithm: AlgorithmIdentifier
    recipient_encrypted_keys: bytes

    @staticmethod
    def make(certificates: Iterable[Certificate], curve: ec.EllipticCurve, cek: bytes) -> bytes:
        """One for all recipients on a curve: "one or more recipients that use the same [...] domain parameters"."""
        ephemeral, ukm = ec.generate_private_key(curve), secrets.token_bytes(UKM_LENGTH)
        wrap = AlgorithmIdentifier(AES256_WRAP.oid)
        shared_info = _shared_info(wrap, ukm, AES256_WRAP.key_length)
        keys = []
        for certificate in certificates:
            key = certificate.public_key
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise Unsupported("key agreement needs an elliptic-curve key")
            kek = _kek(ephemeral.exchange(ec.ECDH(), key), ECDH_SHA256.digest, shared_info, AES256_WRAP.key_length)
            keys.append(_recipient_encrypted_key_prefix(certificate) + aes_key_wrap(kek, cek))
        point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        originator_key = (der.sequence(der.oid(EC_PUBLIC_KEY)), der.tlv(der.BIT_STRING, b"\0", point))
        return der.tlv(
            der.context(1),
            der.integer(3),
            der.tlv(der.context(0), der.tlv(der.context(1), *originator_key)),
            der.tlv(der.context(1), der.octets(ukm)),
            ECDH_WITH_AES256_WRAP.der,
            der.sequence(*keys),
        )

    @classmethod
    def from_element(cls, element: der.Element) -> "KeyAgreeRecipientInfo":
        members = element.inside()
        members.integer()
        originator = members.element(der.context(0))
        ukm = members.optional(der.context(1))
        algorithm, keys = AlgorithmIdentifier.read(members), members.element(der.SEQUENCE)
        members.end()
        return cls(originator, ukm.inside().octets() if ukm else None, algorithm, keys.content)

    def open(self, key: DecryptionKey) -> bytes | None:
        encrypted_key = self._encrypted_key(key.certificate)
        if encrypted_key is None:
            return None
        agreement = lookup(KEY_AGREEMENTS, self.key_encryption_algorithm.oid, "key agreement algorithm")
        wrap_algorithm = AlgorithmIdentifier.read(der.Reader(self.key_encryption_algorithm.parameters))
        wrap = lookup(KEY_WRAPS, wrap_algorithm.oid, "key wrap algorithm")
        public_key = key.certificate.public_key
        if not isinstance(public_key, ec.EllipticCurvePublicKey):
            raise ValueError("key agreement needs an elliptic-curve key")
        secret = key.agree(self._originator_key(public_key.curve))
        kek = _kek(secret, agreement.digest, _shared_info(wrap_algorithm, self.ukm, wrap.key_length), wrap.key_length)
        return wrap.unwrap(kek, encrypted_key)

    def _encrypted_key(self, certificate: Certificate) -> bytes | None:
        for element in der.Reader(self.recipient_encrypted_keys).at_most(MAX_RECIPIENTS):
            if not _may_concern(element.content, certificate):
                continue
            members = element.inside()
            if _names(members.element(), certificate, der.context(0)):
                return members.octets()
        return None

    def _originator_key(self, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
        """RFC 5753 section 3.1.1: an ephemeral key; its curve is the recipient's, whatever parameters it states."""
        choice = self.originator.inside().element()
        if choice.tag != der.context(1):
            raise Unsupported("static-static key agreement is not supported")
        members = choice.inside()
        members.element(der.SEQUENCE)
        point = members.element(der.BIT_STRING).content
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, point[1:])


@lru_cache(maxsize=4096)
def _recipient_encrypted_key_prefix(certificate: Certificate) -> bytes:
    wrapped = der.prefix(der.OCTET_STRING, room=WRAPPED_AES256_KEY)
    return der.prefix(der.SEQUENCE, certificate.issuer_and_serial_number, wrapped, room=WRAPPED_AES256_KEY)


def _shared_info(wrap: AlgorithmIdentifier, ukm: bytes | None, kek_length: int) -> bytes:
    """ECC-CMS-SharedInfo, RFC 5753 section 7.2; keyInfo is the key wrap algorithm exactly as the message has it."""
    entity_u_info = b"" if ukm is None else der.tlv(der.context(0), der.octets(ukm))
    supp_pub_info = der.tlv(der.context(2), der.octets((kek_length * 8).to_bytes(4, "big")))
    return der.sequence(wrap.der, entity_u_info, supp_pub_info)


def _kek(secret: bytes, digest: Digest, shared_info: bytes, length: int) -> bytes:
    return X963KDF(digest.hash, length, shared_info).derive(secret)


# All of them


KINDS: dict[int, type[KeyTransRecipientInfo] | type[KeyAgreeRecipientInfo]] = {
    der.SEQUENCE: KeyTransRecipientInfo,
    der.context(1): KeyAgreeRecipientInfo,
}


def make_all(recipients: Sequence[Recipient], cek: bytes) -> tuple[bytes, bool]:
    """(the SET OF RecipientInfo, whether all have version 0). A key is listed once, however often it is given."""
    unique = {each.certificate: each for each in recipients}.values()
    infos, by_curve = [], []
    for each in unique:
        algorithm = each.key_management
        if algorithm is ECDH_WITH_AES256_WRAP:
            by_curve.append(each.certificate)
        else:
            infos.append(KeyTransRecipientInfo.make(each.certificate, algorithm, cek))
    only_key_transport = not by_curve
    for _, group in groupby(sorted(by_curve, key=_curve_name), key=_curve_name):
        certificates = list(group)
        infos.append(KeyAgreeRecipientInfo.make(certificates, _curve(certificates[0]), cek))
    return der.set_of(infos), only_key_transport


def open_first(recipient_infos: der.Element, keys: Sequence[DecryptionKey], key_length: int) -> tuple[bytes, DecryptionKey]:
    """The content-encryption key from the first recipient info that is for one of the keys, and that key.

    NotARecipient if none is, Unsupported if its algorithm is not read. From one that does not open comes a random key (RFC 3218
    section 2.3), so that all failures look alike: as content that can't be decrypted.
    """
    substitute = secrets.token_bytes(key_length)
    candidates = [key for key in keys if _may_concern(recipient_infos.content, key.certificate)]
    for element in recipient_infos.inside().at_most(MAX_RECIPIENTS) if candidates else ():
        kind = KINDS.get(element.tag)
        mine = [key for key in candidates if _may_concern(element.content, key.certificate)]
        if kind is None or not mine:
            continue
        info: RecipientInfo = kind.from_element(element)
        for key in mine:
            try:
                cek = info.open(key)
            except (ValueError, UnsupportedAlgorithm):
                cek = substitute
            if cek is not None:
                return cek if len(cek) == key_length else substitute, key
    raise NotARecipient("the message is not encrypted to any of these keys")


def without_gcm(recipients: Iterable[Recipient]) -> list[Recipient]:
    """Those who are not known to read AES-256-GCM."""
    return [each for each in recipients if not each.reads(AES256_GCM.oid)]


def _may_concern(encoded: bytes, certificate: Certificate) -> bool:
    """A search among bytes, which is a hundred times faster than reading each of 10,000 recipient infos."""
    identifier = certificate.subject_key_identifier
    return certificate.issuer_and_serial_number in encoded or (identifier is not None and identifier in encoded)


def _names(rid: der.Element, certificate: Certificate, key_identifier_tag: int) -> bool:
    """Whether a recipient identifier is that of the certificate: issuer and serial number, or subject key identifier."""
    if rid.tag == key_identifier_tag == der.context(0):
        return rid.inside().octets() == certificate.subject_key_identifier
    if rid.tag == key_identifier_tag:
        return rid.content == certificate.subject_key_identifier
    return rid.der == certificate.issuer_and_serial_number


def _curve(certificate: Certificate) -> ec.EllipticCurve:
    key = certificate.public_key
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Malformed("not an elliptic-curve key")
    return key.curve


def _curve_name(certificate: Certificate) -> str:
    return _curve(certificate).name
