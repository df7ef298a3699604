"""Revocation lists of authorities outside: read, and their signature verified, before they are kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding

from portal.keys.engine.outside import NotUsable
from secmail import Certificate, Malformed
from secmail.paths.crls import RevocationList
from secmail.paths.signatures import signed_by

LARGEST_LIST = 20_000_000  # octets; each worker has the lists in memory
CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of others may be a little ahead


@dataclass(frozen=True)
class ListView:
    """A list whose signature was verified. `issuer` is the fingerprint (hexadecimal) of the anchor that signed it.

    `scope` tells apart lists about parts of an authority's certificates; empty for the one that is about all.
    """

    der: bytes
    issuer: str
    scope: str
    this_update: datetime
    next_update: datetime | None
    entries: int


def revocation_list(data: bytes, anchors: Iterable[bytes], now: datetime) -> ListView:
    """The complete list (RFC 5280 section 5) in a file, DER or PEM, of one of the anchors. Raises `NotUsable` with the reason."""
    found = _read(data)
    if found.is_delta:
        raise NotUsable("This list only tells what changed since another one. Take the complete list of the authority.")
    if not found.is_understood:
        raise NotUsable("The list has a critical part that is not understood here, so it must not be used.")
    if found.issued > now + CLOCK_TOLERANCE:
        raise NotUsable("The list is from the future.")
    issuer = next(_signers(found, anchors), None)
    if issuer is None:
        raise NotUsable("The list is not signed by an authority that is trusted here.")
    return ListView(found.data, issuer.fingerprint.hex(), _scope(found), found.issued, found.until, len(found.parsed))


def is_newer(der: bytes, than: bytes) -> bool:
    """By time of issue; of two of the same second the number decides (RFC 5280 section 5.2.3)."""
    one, other = RevocationList.from_der(der), RevocationList.from_der(than)
    return (one.issued, _number(one)) > (other.issued, _number(other))


def _read(data: bytes) -> RevocationList:
    if len(data) > LARGEST_LIST:
        raise NotUsable(f"The file is too large: {LARGEST_LIST // 1_000_000} MB is the most.")
    try:
        if b"-----BEGIN X509 CRL-----" in data:
            data = x509.load_pem_x509_crl(data).public_bytes(Encoding.DER)
        return RevocationList.from_der(data)
    except (Malformed, ValueError):
        raise NotUsable("There is no revocation list in this file. PEM and DER are read.") from None


def _signers(found: RevocationList, anchors: Iterable[bytes]) -> Iterator[Certificate]:
    for each in map(Certificate.from_der, anchors):
        if each.may("crl_sign") and signed_by(found.data, each):
            yield each


def _scope(found: RevocationList) -> str:
    if found.distribution_point is None:
        return ""
    digest = Hash(SHA256())
    digest.update(found.distribution_point.public_bytes())
    return digest.finalize().hex()


def _number(found: RevocationList) -> int:
    number = found.extension(x509.CRLNumber)
    return number.crl_number if number else 0
