"""Certificate revocation lists: what one list says about one certificate, RFC 5280 sections 5 and 6.3.3."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TypeVar

from cryptography import x509

from ..certificates import Certificate, comparable_name
from ..errors import Malformed
from .words import ALL_REASONS, Reasons, Revoked, Word

CRITICAL = b"\x01\x01\xff"  # TRUE, as every critical extension has it
ENTRY_EXTENSIONS = (x509.CRLReason, x509.InvalidityDate, x509.CertificateIssuer)

Extension = TypeVar("Extension", bound=x509.ExtensionType)


@dataclass(frozen=True)
class RevocationList:
    """A CRL as read, its signature unverified; equal if its octets are."""

    data: bytes

    @classmethod
    def from_der(cls, data: bytes) -> "RevocationList":
        """Malformed if it can't be read. The parser needs no limits in front of it: it neither recurses nor reads long OIDs."""
        read = cls(data)
        try:
            read.parsed.extensions, read.issued, read.until, read.issuer  # noqa: B018 (errors come out here)
        except Exception as error:  # its errors about lists have no base of their own
            raise Malformed("not a certificate revocation list") from error
        return read

    @cached_property
    def parsed(self) -> x509.CertificateRevocationList:
        return x509.load_der_x509_crl(self.data)

    @cached_property
    def issuer(self) -> Hashable:
        """The issuer's name for comparing."""
        return comparable_name(self.parsed.issuer.public_bytes())

    @cached_property
    def issued(self) -> datetime:
        return self.parsed.last_update_utc

    @cached_property
    def until(self) -> datetime | None:
        return self.parsed.next_update_utc

    def extension(self, kind: type[Extension]) -> Extension | None:
        try:
            return self.parsed.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    @property
    def is_delta(self) -> bool:
        return self.extension(x509.DeltaCRLIndicator) is not None

    @cached_property
    def distribution_point(self) -> x509.IssuingDistributionPoint | None:
        return self.extension(x509.IssuingDistributionPoint)

    @cached_property
    def is_indirect(self) -> bool:
        return self.distribution_point is not None and self.distribution_point.indirect_crl

    @cached_property
    def is_understood(self) -> bool:
        """RFC 5280 section 5.2: "If a CRL contains a critical extension that the application cannot process, then the application
        MUST NOT use that CRL to determine the status of certificates." Section 5.3 says the same of entries.
        """
        if any(_is_unknown(each) for each in self.parsed.extensions):
            return False
        if CRITICAL not in self.parsed.tbs_certlist_bytes and not self.is_indirect:
            return True
        try:
            return all(self._is_known(each) for entry in self.parsed for each in entry.extensions)
        except Exception:  # as above
            return False

    def _is_known(self, extension: x509.Extension[x509.ExtensionType]) -> bool:
        """Entries of an indirect list may name the issuer of their certificate, those of others say something else by it."""
        value = extension.value
        return not extension.critical or (
            isinstance(value, ENTRY_EXTENSIONS) and (self.is_indirect or not isinstance(value, x509.CertificateIssuer))
        )

    def entry(self, certificate: Certificate) -> Revoked | None:
        """The entry about a certificate, whose issuer is this list's unless it is an indirect one."""
        issuer, serial_number = comparable_name(certificate.issuer_der), certificate.serial_number
        found: x509.RevokedCertificate | None
        if self.is_indirect or serial_number < 0:  # the short way knows neither
            entries = (entry for entry, names in self._by_issuer() if issuer in names)
            found = next((each for each in entries if each.serial_number == serial_number), None)
        else:
            found = self.parsed.get_revoked_certificate_by_serial_number(serial_number)
        return _revoked(found) if found else None

    def _by_issuer(self) -> Iterator[tuple[x509.RevokedCertificate, set[Hashable]]]:
        """RFC 5280 section 5.3.3: an entry without certificate issuer has that of "the preceding entry", the first that of the list."""
        names = {self.issuer}
        for entry in self.parsed:
            for each in entry.extensions if self.is_indirect else ():
                if isinstance(each.value, x509.CertificateIssuer):
                    names = set(_directory_names(each.value))
            yield entry, names


@lru_cache(maxsize=16)  # a message may bring lists of four megabytes
def read_list(data: bytes) -> RevocationList:
    return RevocationList.from_der(data)


def words(complete: RevocationList, deltas: Sequence[RevocationList], certificate: Certificate, reasons: Reasons) -> Iterator[Word]:
    """What a complete list in whose scope the certificate is for these reasons says alone, and with each delta that belongs to it."""
    entry = complete.entry(certificate)
    yield Word(complete.issued, complete.until, _kept(entry), reasons)
    for delta in deltas:
        yield Word(delta.issued, delta.until, _kept(delta.entry(certificate) or entry), reasons)


def _kept(entry: Revoked | None) -> Revoked | None:
    """RFC 5280 section 6.3.3 k: "If (cert_status is removeFromCRL), then set cert_status to UNREVOKED"."""
    return None if entry is None or entry.reason is x509.ReasonFlags.remove_from_crl else entry


def belongs(delta: RevocationList, complete: RevocationList) -> bool:
    """RFC 5280 sections 5.2.4 and 6.3.3 c: same issuer, scope and key, and numbers that fit."""
    base, number, own = (
        delta.extension(x509.DeltaCRLIndicator),
        complete.extension(x509.CRLNumber),
        delta.extension(x509.CRLNumber),
    )
    return (
        base is not None
        and number is not None
        and own is not None
        and base.crl_number <= number.crl_number < own.crl_number
        and delta.issuer == complete.issuer
        and delta.distribution_point == complete.distribution_point
        and delta.extension(x509.AuthorityKeyIdentifier) == complete.extension(x509.AuthorityKeyIdentifier)
    )


def _revoked(entry: x509.RevokedCertificate) -> Revoked:
    since, reason = entry.revocation_date_utc, x509.ReasonFlags.unspecified
    try:
        extensions = list(entry.extensions)
    except Exception:  # unreadable, and revoked all the same
        extensions = []
    for each in extensions:
        if isinstance(each.value, x509.CRLReason):
            reason = each.value.reason
        elif isinstance(each.value, x509.InvalidityDate):
            # RFC 5280 section 5.3.2: "the date on which it is known or suspected that the private key was compromised"
            since = min(since, each.value.invalidity_date_utc)
    return Revoked(since, reason)


# Scope


def scope(revocation_list: RevocationList, certificate: Certificate) -> Reasons:
    """The reasons for which the list would name the certificate, none if it is not about it: RFC 5280 section 6.3.3 b and d."""
    own = comparable_name(certificate.issuer_der)
    points: x509.CRLDistributionPoints | list[x509.DistributionPoint]
    points = certificate.extension(x509.CRLDistributionPoints) or []
    covered: set[x509.ReasonFlags] = set()
    for point in points:
        issuers = set(_directory_names(point.crl_issuer or ()))
        expected, indirect = (issuers, True) if point.crl_issuer else ({own}, False)
        if revocation_list.issuer not in expected or (indirect and not revocation_list.is_indirect):
            continue
        names = _names(point, revocation_list) or issuers
        covered |= _reasons(revocation_list, certificate, names) & (point.reasons or ALL_REASONS)
    # "the sequence of names in fullName is generated from the certificate issuer field as well as the certificate issuerAltName extension"
    if revocation_list.issuer == own:
        others = _general_names(certificate.extension(x509.IssuerAlternativeName) or ())
        covered |= _reasons(revocation_list, certificate, {own} | others)
    return frozenset(covered)


def _reasons(revocation_list: RevocationList, certificate: Certificate, names: set[Hashable]) -> Reasons:
    """Section 6.3.3 b 2: what the issuing distribution point of the list admits, given the names in the certificate."""
    point = revocation_list.distribution_point
    if point is None:
        return ALL_REASONS
    listed = _names(point, revocation_list)
    excluded = (
        (listed and listed.isdisjoint(names))
        or (point.only_contains_user_certs and certificate.is_authority)
        or (point.only_contains_ca_certs and not certificate.is_authority)
        or point.only_contains_attribute_certs
    )
    return frozenset() if excluded else point.only_some_reasons or ALL_REASONS


def _names(
    point: x509.DistributionPoint | x509.IssuingDistributionPoint, revocation_list: RevocationList
) -> set[Hashable]:
    if point.relative_name is not None:
        full = x509.Name([*revocation_list.parsed.issuer.rdns, point.relative_name])
        return {comparable_name(full.public_bytes())}
    return _general_names(point.full_name or ())


def _general_names(names: Iterable[x509.GeneralName]) -> set[Hashable]:
    return {each for each in names if not isinstance(each, x509.DirectoryName)} | set(_directory_names(names))


def _directory_names(names: Iterable[x509.GeneralName]) -> Iterator[Hashable]:
    return (comparable_name(each.value.public_bytes()) for each in names if isinstance(each, x509.DirectoryName))


def _is_unknown(extension: x509.Extension[x509.ExtensionType]) -> bool:
    return extension.critical and isinstance(extension.value, x509.UnrecognizedExtension)
