"""OCSP responses: what one says about one certificate, RFC 6960 sections 3.2 and 4.2."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.x509 import ReasonFlags

from .. import der
from ..certificates import Certificate
from ..errors import Malformed, SecmailError
from .words import Revoked, Word

BASIC = "1.3.6.1.5.5.7.48.1.1"
SUCCESSFUL = b"\x00"
ENUMERATED = 0x0A
GOOD, REVOKED = der.context(0, constructed=False), der.context(1)
HASHES = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
REASONS = {
    1: ReasonFlags.key_compromise,
    2: ReasonFlags.ca_compromise,
    3: ReasonFlags.affiliation_changed,
    4: ReasonFlags.superseded,
    5: ReasonFlags.cessation_of_operation,
    6: ReasonFlags.certificate_hold,
    9: ReasonFlags.privilege_withdrawn,
    10: ReasonFlags.aa_compromise,
}
MAX_CERTIFICATES = 16
MAX_ANSWERS = 1000
MAX_LENGTH = 128 * 1024


@dataclass(frozen=True)
class CertificateId:
    """RFC 6960's CertID: a certificate by hashes of its issuer's name and key, and its serial number."""

    hash_algorithm: str
    name_hash: bytes
    key_hash: bytes
    serial_number: int

    @classmethod
    def read(cls, members: der.Reader) -> "CertificateId":
        algorithm = members.inside().oid()
        return cls(algorithm, members.octets(), members.octets(), members.integer())

    def names(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether it is this certificate, of exactly this issuer: name and key."""
        algorithm = HASHES.get(self.hash_algorithm)
        if algorithm is None or self.serial_number != certificate.serial_number:
            return False
        key = der.read(issuer.public_key_info)
        key.element()
        key_bits = key.bits()
        digest = {each: hashlib.new(algorithm, each, usedforsecurity=False).digest() for each in (certificate.issuer_der, key_bits)}
        return (self.name_hash, self.key_hash) == (digest[certificate.issuer_der], digest[key_bits])


@dataclass(frozen=True)
class OcspResponse:
    """A successful basic response as read, its signature unverified. ``data`` is the BasicOCSPResponse.

    ``answers`` are those that could be understood: an unknown critical extension takes one, or all, away (RFC 6960 section 4.4).
    """

    data: bytes
    answers: tuple[tuple[CertificateId, Word], ...]
    certificates: tuple[Certificate, ...]

    @classmethod
    def from_der(cls, data: bytes) -> "OcspResponse":
        """Malformed if it is none, or no answer."""
        if len(data) > MAX_LENGTH:
            raise Malformed(f"an OCSP response of more than {MAX_LENGTH} octets")
        response = der.read(data)
        if response.element(ENUMERATED).content != SUCCESSFUL:
            raise Malformed("an OCSP response without an answer")
        body = response.inside(der.context(0)).inside()
        if body.oid() != BASIC:
            raise Malformed("an OCSP response of an unknown type")
        basic = body.octets()
        members = der.read(basic)
        answers = tuple(_answers(members.inside()))
        members.element(), members.element()
        return cls(basic, answers, tuple(_certificates(members.optional(der.context(0)))))

    def words(self, certificate: Certificate, issuer: Certificate) -> Iterator[Word]:
        return (word for identifier, word in self.answers if identifier.names(certificate, issuer))


@lru_cache(maxsize=256)
def read_response(data: bytes) -> OcspResponse:
    return OcspResponse.from_der(data)


def _answers(members: der.Reader) -> Iterator[tuple[CertificateId, Word]]:
    members.optional(der.context(0))
    members.element()  # who the responder says it is; what counts is whose key verifies
    members.element(der.GENERALIZED_TIME)
    answers = members.inside()
    if _has_critical(members.optional(der.context(1))):
        return
    for each in answers.at_most(MAX_ANSWERS):
        single = each.inside()
        identifier, status, issued = CertificateId.read(single.inside()), single.element(), single.element().time()
        until = single.optional(der.context(0))
        if _has_critical(single.optional(der.context(1))) or status.tag not in (GOOD, REVOKED):
            continue
        revoked = _revoked(status.inside()) if status.tag == REVOKED else None
        yield identifier, Word(issued, until.inside().element().time() if until else None, revoked)


def _revoked(members: der.Reader) -> Revoked:
    since: datetime = members.element().time()
    reason = members.optional(der.context(0))
    number = int.from_bytes(reason.inside().element(ENUMERATED).content, "big") if reason else 0
    return Revoked(since, REASONS.get(number, ReasonFlags.unspecified))


def _has_critical(extensions: der.Element | None) -> bool:
    """No extension of a response is processed here, a nonce being of no use offline; so none may be critical."""
    if extensions is None:
        return False
    for each in extensions.inside().inside():
        members = each.inside()
        members.oid()
        critical = members.optional(der.BOOLEAN)
        if critical and critical.content != b"\0":
            return True
    return False


def _certificates(member: der.Element | None) -> Iterator[Certificate]:
    for number, each in enumerate(member.inside().inside() if member else ()):
        if number == MAX_CERTIFICATES:
            return
        with suppress(SecmailError):
            yield Certificate.from_der(each.der).checked()
