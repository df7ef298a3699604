"""Builders: ``sequence(oid(...), integer(1))`` gives bytes."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

from secmail.der.tags import GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, UTC_TIME

PIECE = 100  # members


def length(size: int) -> bytes:
    """The length octets of X.690 section 8.1.3, in the shortest form."""
    if size < 0x80:
        return bytes((size,))
    octets_ = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets_),)) + octets_


@lru_cache(maxsize=4096)
def _beginning(tag: int, size: int) -> bytes:
    """Identifier and length octets of an element; the same few are written for each of 10,000 recipients."""
    return bytes((tag,)) + length(size)


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element of the given identifier octet whose content is the parts in order."""
    content = b"".join(parts)
    return _beginning(tag, len(content)) + content


def prefix(tag: int, *parts: bytes, room: int) -> bytes:
    """The element as far as its last ``room`` content octets, which the caller appends: what is constant is built once."""
    content = b"".join(parts)
    return _beginning(tag, len(content) + room) + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """A DER SET OF: X.690 section 11.6 sorts the members' encodings."""
    return tlv(tag, *sorted(parts))


def pieces_of_set(parts: Iterable[bytes], tag: int = SET) -> Iterator[bytes]:
    """The same in pieces, for megabytes of members: fresh memory for each copy of them takes longer than to sort them."""
    members = sorted(parts)
    yield _beginning(tag, sum(map(len, members)))
    for start in range(0, len(members), PIECE):
        yield b"".join(members[start : start + PIECE])


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
    year, form = (moment.year % 100, UTC_TIME) if 1950 <= moment.year < 2050 else (moment.year, GENERALIZED_TIME)
    clock = b"%02d%02d%02d%02d%02dZ" % (moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return tlv(form, (b"%02d" if form == UTC_TIME else b"%04d") % year, clock)
