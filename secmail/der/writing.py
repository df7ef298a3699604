"""Builders: ``sequence(oid(...), integer(1))`` gives bytes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from secmail.der.tags import GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, UTC_TIME


def length(size: int) -> bytes:
    """The length octets of X.690 section 8.1.3, in the shortest form."""
    if size < 0x80:
        return bytes((size,))
    octets_ = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets_),)) + octets_


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element of the given identifier octet whose content is the parts in order."""
    content = b"".join(parts)
    return bytes((tag,)) + length(len(content)) + content


def prefix(tag: int, *parts: bytes, room: int) -> bytes:
    """The element as far as its last ``room`` content octets, which the caller appends: what is constant is built once."""
    content = b"".join(parts)
    return bytes((tag,)) + length(len(content) + room) + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """A DER SET OF: X.690 section 11.6 sorts the members' encodings."""
    return tlv(tag, *sorted(parts))


def integer(value: int) -> bytes:
    bits = max(value, ~value).bit_length()
    return tlv(INTEGER, value.to_bytes(bits // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    return tlv(OCTET_STRING, value)


@lru_cache(maxsize=1024)
def oid(dotted: str) -> bytes:
    """The element of an object identifier given as ``1.2.840…``; ValueError if it is none."""
    first, second, *others = map(int, dotted.split("."))
    if first > 2 or (first < 2 and second > 39) or min(second, *others, 0) < 0:
        raise ValueError(f"{dotted} is not an object identifier")
    return tlv(OBJECT_IDENTIFIER, *map(_arc, (40 * first + second, *others)))


def _arc(value: int) -> bytes:
    octets_ = [value & 0x7F]
    while value := value >> 7:
        octets_.append(0x80 | value & 0x7F)
    return bytes(reversed(octets_))


def time(moment: datetime) -> bytes:
    """RFC 5652 section 11.3: UTCTime through 2049, GeneralizedTime after, in UTC without fractions. ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    moment = moment.astimezone(UTC)
    if 1950 <= moment.year < 2050:
        return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())
