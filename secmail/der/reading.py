"""``Reader``, a cursor over the members of one element; ``definite`` turns BER with indefinite lengths into DER."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar

from secmail.der.headers import INDEFINITE, LONG_FORM, header
from secmail.der.limits import MAX_DEPTH, MAX_ELEMENTS, MAX_OID_LENGTH, IndefiniteLength, scan
from secmail.der.tags import (
    BIT_STRING,
    CONSTRUCTED,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    UTC_TIME,
)
from secmail.der.writing import octets, tlv
from secmail.errors import Malformed

MAX_REWRITTEN = 150_000  # elements that are given definite lengths, which takes longer than to look at them

Value = TypeVar("Value")


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
        data, start = self._data, self._position
        found, content, end = header(data, start, len(data))
        if tag is not None and found != tag:
            raise Malformed(f"tag {found:#04x} where {tag:#04x} is expected")
        if end == INDEFINITE:
            der, self._position = definite(data, start)
            return Element(found, der, der[header(der, 0, len(der))[1] :])
        self._position = end
        return Element(found, data[start:end], data[content:end])

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

    def bits(self) -> bytes:
        """The octets of a BIT STRING that holds whole octets, as keys, points and signatures do."""
        content = self.element(BIT_STRING).content
        if content[:1] != b"\0":
            raise Malformed("a BIT STRING of whole octets is expected")
        return content[1:]

    def __iter__(self) -> Iterator[Element]:
        while self._position < len(self._data):
            yield self.element()

    def at_most(self, limit: int) -> Iterator[Element]:
        """All members that are left, of which there may be no more than ``limit``."""
        left = limit
        while self._position < len(self._data):
            if not left:
                raise TooMany(f"more than {limit} members in a collection")
            left -= 1
            yield self.element()

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


def remembering(octets: int) -> Callable[[Callable[[bytes], Value]], Callable[[bytes], Value]]:
    """For what reads bytes and knows nothing else: values of up to so many octets are remembered, because messages repeat them."""

    def decorate(read: Callable[[bytes], Value]) -> Callable[[bytes], Value]:
        known = lru_cache(maxsize=256)(read)
        return lambda data: known(data) if len(data) <= octets else read(data)

    return decorate


def read(data: bytes, tag: int = SEQUENCE) -> Reader:
    """A cursor over the members of the one element that ``data`` is."""
    outer = Reader(data)
    members = outer.inside(tag)
    outer.end()
    return members


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
        return data[position:end] if data[position + 1] < LONG_FORM else tlv(tag, data[content:end]), end
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


def limited(element: Element, elements: int = MAX_ELEMENTS) -> tuple[Element, int]:
    """The element with all of its lengths definite, after ``scan``, and how many elements it holds: BER within limits. Raises Malformed."""
    try:
        return element, scan(element.der, elements)
    except IndefiniteLength:
        encoded, _ = definite(element.der, elements=min(elements, MAX_REWRITTEN))
    return Reader(encoded).element(), scan(encoded, elements)
