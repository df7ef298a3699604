"""Certificates of people outside and of the authorities that vouch for them: what is in a file, and whether it counts now."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from secmail import Certificate, SecmailError, TrustStore
from secmail.containers import read_contents
from secmail.der import encodings
from secmail.paths import PathCache, PathOptions, Purpose, validate


class NotUsable(Exception):
    """Nothing can be encrypted for an address with what was given; the message says why, for people."""


@dataclass(frozen=True)
class Usable:
    """A certificate to encrypt with for its address, and those that lie between it and a trust anchor, all DER."""

    certificate: bytes
    issuers: bytes


@dataclass(frozen=True)
class Vouching:
    """Whose word counts about people outside: trust anchors, and the revocation lists that were taken, all DER."""

    anchors: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()

    @cached_property
    def store(self) -> TrustStore:
        return TrustStore(map(Certificate.from_der, self.anchors))


@dataclass(frozen=True)
class Standing:
    """Why nothing may be encrypted with a certificate, or, if that is empty, its key and that of the trust anchor that vouches for it."""

    objection: str
    key: bytes = b""
    authority: bytes = b""


# The same certificates are asked about with every key that is pressed. A verdict is remembered with its anchors and lists.
_paths = PathOptions(cache=PathCache())


def read_certificates(data: bytes) -> list[Certificate]:
    """All certificates of a file: PEM, DER, PKCS#7. Raises `NotUsable`."""
    try:
        found = list(read_contents(data, None, keys=False).certificates)
    except SecmailError:
        found = []
    if not found:
        raise NotUsable("There is no certificate in this file. PEM, DER and PKCS#7 (.p7b, .p7c, .p7s) are read.")
    return found


def usable_certificate(data: bytes, address: str, vouching: Vouching, now: datetime) -> Usable:
    """The newest certificate of a file with which mail for the address can be encrypted now. Raises `NotUsable` with the reason."""
    found = read_certificates(data)
    ends = [each for each in found if not each.is_authority] or found
    theirs = [each for each in ends if each.speaks_for(address)]
    if not theirs:
        whose = ", ".join(dict.fromkeys(email for each in ends for email in each.emails)) or "no address at all"
        raise NotUsable(f"The certificate is for {whose}, not for {address}.")
    reasons = []
    for each in sorted(theirs, key=lambda one: one.not_before, reverse=True):
        issuers = b"".join(other.der for other in found if other != each)
        if not (reason := objection(each.der, issuers, vouching, now)):
            return Usable(each.der, issuers)
        reasons.append(reason)
    raise NotUsable(reasons[0])


def objection(der: bytes, issuers: bytes, vouching: Vouching, now: datetime) -> str:
    """Why nothing may be encrypted with this certificate now, as a sentence; empty if it may be."""
    return standing(der, issuers, vouching, now).objection


def standing(der: bytes, issuers: bytes, vouching: Vouching, now: datetime) -> Standing:
    """Whether something may be encrypted with this certificate now, and on whose word."""
    try:
        certificate, between = Certificate.from_der(der), [Certificate.from_der(each) for each in _split(issuers)]
        if not certificate.can_encrypt:
            return Standing("The certificate is not for encryption.")
        if now > certificate.not_after:
            return Standing(f"The certificate expired on {_day(certificate.not_after)}.")
        if now < certificate.not_before:
            return Standing(f"The certificate is not valid before {_day(certificate.not_before)}.")
        options = replace(_paths, crls=vouching.crls)
        verdict = validate(certificate, trust=vouching.store, at=now, intermediates=between, purpose=Purpose.ENCRYPTION, options=options)
        if not verdict:
            return Standing(_why_not(verdict.reason))
        return Standing("", certificate.public_key_info, verdict.chain[-1].public_key_info)
    except SecmailError:
        return Standing("The certificate can't be read.")


def _why_not(reason: str) -> str:
    revoked = reason.startswith("the certificate was revoked")
    return f"{reason[0].upper()}{reason[1:]}." if revoked else f"The certificate is not trusted here: {reason}."


def public_key(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate, by which another certificate of the same key is known; empty if it can't be read."""
    try:
        return Certificate.from_der(der).public_key_info
    except SecmailError:
        return b""


def authority_certificate(data: bytes, now: datetime) -> Certificate:
    """The one certificate of an authority in a file, which may issue certificates now. Raises `NotUsable` with the reason."""
    found = read_certificates(data)
    if len(found) > 1:
        raise NotUsable(f"There are {len(found)} certificates in this file. Take them one by one, so that each is looked at.")
    certificate = found[0]
    try:
        authority = certificate.is_authority and certificate.may("key_cert_sign")
    except SecmailError:
        raise NotUsable("The certificate can't be read.") from None
    if not authority:
        raise NotUsable("This is not the certificate of an authority, so it vouches for nobody.")
    if now > certificate.not_after:
        raise NotUsable(f"The certificate expired on {_day(certificate.not_after)}.")
    return certificate


def _split(certificates: bytes) -> list[bytes]:
    return encodings(certificates, 0, len(certificates))


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
