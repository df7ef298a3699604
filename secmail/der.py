"""Strict and fast DER: what is written is assembled here, what is read is checked here before any other parser sees it.

Three parts: builders (``sequence(oid(...), integer(1))`` gives bytes), ``Reader`` (a cursor over the members of one element), and
``scan``/``load`` (limits on foreign bytes in front of asn1crypto). BER with indefinite lengths is turned into DER by ``definite``;
content of any size is never here but in ``cms.ber``.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar

from asn1crypto import core

from secmail.errors import Malformed

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x0C, 0x17, 0x18, 0x30, 0x31
CONSTRUCTED = 0x20

MAX_DEPTH = 64
MAX_ELEMENTS = 500_000  # a message to 10,000 recipients has 210,000
MAX_OID_LENGTH = 64  # a 64 KiB OID costs asn1crypto two seconds
MAX_INTEGER_LENGTH = 4_096  # RSA moduli of 16,384 bits have half of it
INDEFINITE = -1


def context(number: int, *, constructed: bool = True) -> int:
    """The identifier octet of the context-specific tag ``[number]``."""
    return 0x80 | number | (CONSTRUCTED if constructed else 0)


# Builders


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


# Reading


class Element(NamedTuple):
    """One element: its identifier octet, its complete encoding and its content octets."""

    tag: int
    der: bytes
    content: bytes

    def inside(self) -> "Reader":
        """A cursor over the members."""
        return Reader(self.content)

    def integer(self) -> int:
        if self.tag != INTEGER or not self.content:
            raise Malformed("an integer is expected")
        return int.from_bytes(self.content, "big", signed=True)

    def oid(self) -> str:
        if self.tag != OBJECT_IDENTIFIER:
            raise Malformed("an object identifier is expected")
        return _dotted(self.content)

    def time(self) -> datetime:
        """RFC 5652 section 11.3, which wants Zulu and seconds in both forms."""
        text = self.content.decode("ascii", "replace")
        year = {UTC_TIME: 2, GENERALIZED_TIME: 4}.get(self.tag)
        if year is None or len(text) != year + 11 or not text[:-1].isdigit() or text[-1] != "Z":
            raise Malformed("a time is not as RFC 5652 section 11.3 wants it")
        # Two digits: RFC 5280 section 4.1.2.5.1 puts 50 to 99 into the last century
        century = 0 if year == 4 else 1900 if text >= "50" else 2000
        month, day, hour, minute, second = (int(text[start : start + 2]) for start in range(year, year + 10, 2))
        try:
            return datetime(century + int(text[:year]), month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            raise Malformed("a time is not as RFC 5652 section 11.3 wants it") from None


class TooMany(Malformed):
    """A collection has more members than are read here."""


class Reader:
    """A cursor over the members of one element; every method raises Malformed where the bytes are something else."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def peek(self) -> int | None:
        """The identifier octet of the next member, None at the end."""
        return self._data[self._position] if self._position < len(self._data) else None

    def element(self, tag: int | None = None) -> Element:
        """The next member, which must carry ``tag`` if one is given."""
        start = self._position
        found, content, end = header(self._data, start, len(self._data))
        if tag is not None and found != tag:
            raise Malformed(f"tag {found:#04x} where {tag:#04x} is expected")
        if end == INDEFINITE:
            der, self._position = definite(self._data, start)
            return Element(found, der, der[header(der, 0, len(der))[1] :])
        self._position = end
        return Element(found, self._data[start:end], self._data[content:end])

    def optional(self, tag: int) -> Element | None:
        """The next member if it carries ``tag``."""
        return self.element() if self.peek() == tag else None

    def inside(self, tag: int = SEQUENCE) -> "Reader":
        """A cursor over the members of the next member."""
        return Reader(self.element(tag).content)

    def integer(self) -> int:
        return self.element(INTEGER).integer()

    def oid(self) -> str:
        return self.element(OBJECT_IDENTIFIER).oid()

    def octets(self) -> bytes:
        """The value of an OCTET STRING, also of a constructed one."""
        return joined(self.element())

    def __iter__(self) -> Iterator[Element]:
        while self._position < len(self._data):
            yield self.element()

    def at_most(self, limit: int) -> Iterator[Element]:
        """All members that are left, of which there may be no more than ``limit``."""
        for number, element in enumerate(self):
            if number == limit:
                raise TooMany(f"more than {limit} members in a collection")
            yield element

    def rest(self) -> bytes:
        """Everything not read yet."""
        return self._data[self._position :]

    def end(self) -> None:
        """There must be nothing more."""
        if self._position != len(self._data):
            raise Malformed("surplus bytes after the last member")


def joined(element: Element, depth: int = 0) -> bytes:
    """The value of an OCTET STRING, whose pieces may be in pieces again (X.690 section 8.7.3)."""
    if element.tag == OCTET_STRING:
        return element.content
    if element.tag != OCTET_STRING | CONSTRUCTED or depth > MAX_DEPTH:
        raise Malformed("an octet string is expected")
    return b"".join(joined(piece, depth + 1) for piece in element.inside())


def read(data: bytes, tag: int = SEQUENCE) -> Reader:
    """A cursor over the members of the one element that ``data`` is."""
    outer = Reader(data)
    members = outer.inside(tag)
    outer.end()
    return members


def header(data: bytes, position: int, limit: int) -> tuple[int, int, int]:
    """Read identifier and length octets: (identifier octet, start of content, end of content or INDEFINITE)."""
    try:
        tag, size = data[position], data[position + 1]
    except IndexError:
        raise Malformed("an element is cut off") from None
    content = position + 2
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag number above 30, which no structure here uses")
    if size >= 0x80:
        if size == 0x80:
            if not tag & CONSTRUCTED:
                raise Malformed("a primitive element of indefinite length")
            return tag, content, INDEFINITE
        content += size & 0x7F
        if content > position + 10:
            raise Malformed("an element claims an absurd length")
        if content > len(data):
            raise Malformed("an element is cut off")
        size = int.from_bytes(data[position + 2 : content], "big")
    end = content + size
    if end > limit:
        raise Malformed("an element is longer than what encloses it")
    return tag, content, end


def encodings(data: bytes, position: int, end: int) -> list[bytes]:
    """The members that stand between two positions, each as encoded in DER."""
    found = []
    while position < end:
        after = header(data, position, end)[2]
        if after == INDEFINITE:
            raise Malformed("indefinite length where DER is wanted")
        found.append(data[position:after])
        position = after
    return found


def holding(data: bytes, piece: bytes, limit: int) -> Iterator[bytes]:
    """Those of the members in ``data`` in which a piece occurs, each as encoded in DER; Malformed if they are beyond ``limit`` members.

    One is wanted and there may be 10,000: a search in all of the octets, then a step for each member before the place that was found.
    """
    sizes: dict[bytes, int] = {}  # of members, by what they begin with
    known = sizes.get
    position = count = 0
    while position <= (place := data.find(piece, position)) < len(data):
        while position <= place:
            start = position
            position += known(data[start : start + 4]) or _size(data, start, sizes)
            count += 1
        if count > limit:
            raise Malformed(f"more than {limit} members in a collection")
        if position > len(data):
            raise Malformed("an element is longer than what encloses it")
        yield data[start:position]


def _size(data: bytes, position: int, sizes: dict[bytes, int]) -> int:
    """The octets of the member at a position, put into ``sizes`` where four octets say it all."""
    after = header(data, position, len(data))[2]
    if after == INDEFINITE:
        raise Malformed("indefinite length where DER is wanted")
    if data[position + 1] <= 0x82:
        sizes[data[position : position + 4]] = after - position
    return after - position


def definite(data: bytes, position: int = 0, elements: int = MAX_ELEMENTS) -> tuple[bytes, int]:
    """The element at ``position`` in DER lengths, with constructed octet strings joined, and the position behind it."""
    return _definite(data, position, 0, iter(range(elements)))


def _definite(data: bytes, position: int, depth: int, budget: Iterator[int]) -> tuple[bytes, int]:
    if depth > MAX_DEPTH:
        raise Malformed(f"elements are nested more than {MAX_DEPTH} deep")
    if next(budget, None) is None:
        raise Malformed("too many elements")
    tag, content, end = header(data, position, len(data))
    if not tag & CONSTRUCTED:
        return tlv(tag, data[content:end]), end
    parts, position = [], content
    while position != end:
        if end == INDEFINITE and data[position : position + 2] == b"\0\0":
            end = position = position + 2
            break
        if end != INDEFINITE and position > end:
            raise Malformed("an element is longer than what encloses it")
        part, position = _definite(data, position, depth + 1, budget)
        parts.append(part)
    if tag == OCTET_STRING | CONSTRUCTED:
        return octets(b"".join(Reader(part).octets() for part in parts)), end
    return tlv(tag, *parts), end


def scan(data: bytes, elements: int = MAX_ELEMENTS) -> int:
    """Refuse what would make a parser slow or deep: nesting, number of elements, long OIDs and integers, lengths beyond the data.

    Raises Malformed. ``data`` is one element of definite length, nothing before or after it, with at most ``elements`` in it; returned is
    how many there are.
    """
    position, limit, count = 0, len(data), 0
    enclosing: list[int] = []  # the ends of the constructions around that which ends at ``limit``
    while True:
        if position == limit and count:
            if not enclosing:
                return count
            limit = enclosing.pop()
            continue
        tag, content, end = header(data, position, limit)
        count += 1
        if count > elements:
            raise Malformed(f"more than {elements} elements")
        if tag & CONSTRUCTED:
            if end == INDEFINITE:
                raise Malformed("indefinite length where DER is wanted")
            enclosing.append(limit)
            if len(enclosing) == MAX_DEPTH:
                raise Malformed(f"elements are nested more than {MAX_DEPTH} deep")
            position, limit = content, end
            continue
        if end - content > MAX_OID_LENGTH:
            if tag == OBJECT_IDENTIFIER:
                raise Malformed(f"an object identifier longer than {MAX_OID_LENGTH} bytes")
            if tag == INTEGER and end - content > MAX_INTEGER_LENGTH:
                raise Malformed(f"an integer longer than {MAX_INTEGER_LENGTH} bytes")
        position = end


def limited(element: Element, elements: int = MAX_ELEMENTS) -> tuple[Element, int]:
    """The element with all of its lengths definite, after ``scan``, and how many elements it holds: BER within limits. Raises Malformed."""
    try:
        return element, scan(element.der, elements)
    except Malformed:
        if b"\x80" not in element.der:
            raise
    encoded, _ = definite(element.der, elements=elements)
    return Reader(encoded).element(), scan(encoded, elements)


Value = TypeVar("Value", bound=core.Asn1Value)


def load(spec: type[Value], data: bytes, further: Callable[[Value], object] | None = None) -> Value:
    """Foreign bytes as an asn1crypto type, completely parsed; Malformed if they are something else.

    asn1crypto parses lazily and errors shall come out here, so ``further`` reads what is asked for later and is no part of ``native``.
    """
    scan(data)
    try:
        value: Value = spec.load(data, strict=True)  # type: ignore[no-untyped-call]
        value.native  # type: ignore[attr-defined] # noqa: B018
        if further is not None:
            further(value)
    except Exception as error:  # its errors about values have no base of their own
        raise Malformed(f"not a valid {spec.__name__}") from error
    return value


@lru_cache(maxsize=1024)
def _dotted(content: bytes) -> str:
    if not content or len(content) > MAX_OID_LENGTH or content[-1] & 0x80:
        raise Malformed("an object identifier is empty, too long or cut off")
    arcs, value, fresh = [], 0, True
    for octet in content:
        if fresh and octet == 0x80:
            raise Malformed("an object identifier with a padded arc")
        value, fresh = value << 7 | octet & 0x7F, not octet & 0x80
        if fresh:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
