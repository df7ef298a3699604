"""KeyAgreeRecipientInfo (RFC 5652 section 6.2.2) with ephemeral-static Diffie-Hellman: RFC 5753 and RFC 8418."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmail import der
from secmail.algorithms import (
    AES256_WRAP,
    EC_PUBLIC_KEY,
    ECDH_HKDF_SHA256,
    ECDH_HKDF_SHA512,
    ECDH_SHA256,
    KEY_AGREEMENTS,
    KEY_WRAPS,
    X448,
    X25519,
    AlgorithmIdentifier,
    KeyAgreement,
    KeyWrap,
    lookup,
)
from secmail.certificates import Certificate
from secmail.cms.identifiers import encodings_naming, few, names
from secmail.errors import Unsupported
from secmail.keys import DecryptionKey, KeyOperations, PublicAgreementKey

MAX_KEYS = 50_000
UKM_LENGTH = 32
KEY_WRAP_OVERHEAD = 8  # octets that RFC 3394 adds
WRAP = AlgorithmIdentifier(AES256_WRAP.oid)


@dataclass(frozen=True, eq=False)
class Domain:
    """The domain parameters that recipients must have in common to share an ephemeral key, and how to agree on them; one object of each."""

    name: str
    key: type
    agreement: KeyAgreement
    originator_algorithm: bytes
    generate: Callable[[], Any]
    exchange: Callable[[Any, Any], bytes]  # private key, public key
    encode: Callable[[Any], bytes]  # public key

    @property
    def algorithm(self) -> AlgorithmIdentifier:
        return AlgorithmIdentifier(self.agreement.oid, WRAP.der)


def _nist(curve: ec.EllipticCurve) -> Domain:
    ecdh = ec.ECDH()
    return Domain(
        curve.name,
        ec.EllipticCurvePublicKey,
        ECDH_SHA256,
        der.sequence(der.oid(EC_PUBLIC_KEY)),
        lambda: ec.generate_private_key(curve),
        lambda mine, theirs: mine.exchange(ecdh, theirs),
        lambda public: public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    )


def _montgomery(oid: str, name: str, agreement: KeyAgreement, private: Any, public: type) -> Domain:
    """RFC 8551 section 2.3: "MUST support ECDH ephemeral-static mode for X25519 using HKDF-256"."""
    return Domain(
        name,
        public,
        agreement,
        der.sequence(der.oid(oid)),
        private.generate,
        lambda mine, theirs: mine.exchange(theirs),
        lambda public: public.public_bytes_raw(),
    )


DOMAINS = {
    each.name: each
    for each in (
        *map(_nist, (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())),
        _montgomery(X25519, "X25519", ECDH_HKDF_SHA256, x25519.X25519PrivateKey, x25519.X25519PublicKey),
        _montgomery(X448, "X448", ECDH_HKDF_SHA512, x448.X448PrivateKey, x448.X448PublicKey),
    )
}


def domain(key: Any) -> Domain | None:
    """Where a public key agrees; None for kinds that don't."""
    curve = getattr(key, "curve", None)
    return DOMAINS.get(curve.name) if isinstance(curve, ec.EllipticCurve) else _montgomery_domain(type(key))  # type: ignore[arg-type] # classes are hashable


@lru_cache
def _montgomery_domain(kind: type) -> Domain | None:
    """By type, because the question is asked for each recipient and ``isinstance`` takes its time with abstract classes."""
    return next((each for each in DOMAINS.values() if issubclass(kind, each.key)), None)


@dataclass(frozen=True)
class KeyAgreeRecipientInfo:
    originator: der.Element
    ukm: bytes | None
    key_encryption_algorithm: AlgorithmIdentifier
    recipient_encrypted_keys: bytes

    @staticmethod
    def make(certificates: Sequence[Certificate], within: Domain, cek: bytes) -> bytes:
        """One for all recipients of a domain: "one or more recipients that use the same [...] domain parameters"."""
        ephemeral, ukm = within.generate(), secrets.token_bytes(UKM_LENGTH)
        derive = within.agreement.derivation(AES256_WRAP.key_length, ukm, _shared_info(WRAP, ukm, AES256_WRAP.key_length))
        room = len(cek) + KEY_WRAP_OVERHEAD
        # One kind of work after the other: with 10,000 recipients that is 5% faster than recipient by recipient
        secrets_ = [_agreed(within, ephemeral, each) for each in certificates]
        keks = map(derive, secrets_)
        keys = [_prefix(each, room) + aes_key_wrap(kek, cek) for each, kek in zip(certificates, keks, strict=True)]
        public_key = der.tlv(der.BIT_STRING, b"\0", within.encode(ephemeral.public_key()))
        return der.tlv(
            der.context(1),
            der.integer(3),
            der.tlv(der.context(0), der.tlv(der.context(1), within.originator_algorithm, public_key)),
            der.tlv(der.context(1), der.octets(ukm)),
            within.algorithm.der,
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
        wrap, kek = self._kek(key, key.certificate.public_key)
        return wrap.unwrap(kek, encrypted_key)

    def open_with(self, key: KeyOperations, public_key: object) -> bytes | None:
        """The first of the encrypted keys that ``key`` opens, whomever it is for; ``public_key`` is that of ``key``."""
        wrap, kek = self._kek(key, public_key)
        for element in der.Reader(self.recipient_encrypted_keys).at_most(MAX_KEYS):
            members = element.inside()
            members.element()
            with suppress(ValueError):
                return wrap.unwrap(kek, members.octets())
        return None

    def _kek(self, key: KeyOperations, public_key: object) -> tuple[KeyWrap, bytes]:
        agreement = lookup(KEY_AGREEMENTS, self.key_encryption_algorithm.oid, "key agreement algorithm")
        wrap_algorithm = AlgorithmIdentifier.read(der.Reader(self.key_encryption_algorithm.parameters))
        wrap = lookup(KEY_WRAPS, wrap_algorithm.oid, "key wrap algorithm")
        secret = key.agree(self._originator_key(public_key))
        if not any(secret):
            raise ValueError("RFC 8418 section 2: the shared secret is the all-zero value")
        info = _shared_info(wrap_algorithm, self.ukm, wrap.key_length)
        return wrap, agreement.derivation(wrap.key_length, self.ukm, info)(secret)

    def _encrypted_key(self, certificate: Certificate) -> bytes | None:
        for encoded in few(encodings_naming(certificate, self.recipient_encrypted_keys, MAX_KEYS)):
            members = der.read(encoded)
            if names(members.element(), certificate):
                return members.octets()
        return None

    def _originator_key(self, own: object) -> PublicAgreementKey:
        """RFC 5753 section 3.1.1: an ephemeral key; its curve is the recipient's, whatever parameters it states."""
        choice = self.originator.inside().element()
        if choice.tag != der.context(1):
            raise Unsupported("static-static key agreement is not supported")
        members = choice.inside()
        _check_algorithm(AlgorithmIdentifier.read(members), own)
        public_key = members.bits()
        if isinstance(own, ec.EllipticCurvePublicKey):
            return ec.EllipticCurvePublicKey.from_encoded_point(own.curve, public_key)
        if isinstance(own, x25519.X25519PublicKey | x448.X448PublicKey):
            # RFC 8418 section 3.2 has the key "encoded as an OCTET STRING", which some take for an element inside the bit string
            nested = public_key.startswith(der.prefix(der.OCTET_STRING, room=len(own.public_bytes_raw())))
            raw = public_key[2:] if nested else public_key
            if isinstance(own, x25519.X25519PublicKey):
                return x25519.X25519PublicKey.from_public_bytes(raw)
            return x448.X448PublicKey.from_public_bytes(raw)
        raise ValueError("key agreement needs an elliptic-curve key")


def _check_algorithm(algorithm: AlgorithmIdentifier, own: object) -> None:
    """RFC 5753 section 3.1.1: id-ecPublicKey, with "parameters associated with the sender's ephemeral public key", NULL or none."""
    within = domain(own)
    if within is not None and algorithm.oid != AlgorithmIdentifier.from_element(der.Reader(within.originator_algorithm).element()).oid:
        raise ValueError("the originator's key is of another kind than the recipient's")


def _agreed(within: Domain, ephemeral: object, certificate: Certificate) -> bytes:
    """RFC 8418 section 2: "MUST check whether the computed Diffie-Hellman shared secret is the all-zero value, and abort"."""
    try:
        secret = within.exchange(ephemeral, certificate.public_key)
    except (ValueError, TypeError):  # a weak key, or one of another curve
        secret = b""
    if not any(secret):
        raise Unsupported(f"the public key of {certificate.subject} gives no shared secret")
    return secret


def _prefix(certificate: Certificate, room: int) -> bytes:
    found: bytes | None = certificate.prepared.get(room)
    if found is None:
        wrapped = der.prefix(der.OCTET_STRING, room=room)
        found = der.prefix(der.SEQUENCE, certificate.issuer_and_serial_number, wrapped, room=room)
        certificate.prepared[room] = found
    return found


def _shared_info(wrap: AlgorithmIdentifier, ukm: bytes | None, kek_length: int) -> bytes:
    """ECC-CMS-SharedInfo, RFC 5753 section 7.2; keyInfo is the key wrap algorithm exactly as the message has it."""
    entity_u_info = b"" if ukm is None else der.tlv(der.context(0), der.octets(ukm))
    supp_pub_info = der.tlv(der.context(2), der.octets((kek_length * 8).to_bytes(4, "big")))
    return der.sequence(wrap.der, entity_u_info, supp_pub_info)
