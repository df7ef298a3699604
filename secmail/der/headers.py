"""Where elements begin and end: what is asked of bytes in place, without an object for each element."""

from collections.abc import Iterator

from secmail.der.tags import CONSTRUCTED
from secmail.errors import Malformed

INDEFINITE = -1
LONG_FORM = 0x80  # a length octet from here on says how many more there are
LONG_TAG = 0x1F
AT_ONCE = 64  # members: more would cost whoever gets members of many sizes more than it spares


def header(data: bytes, position: int, limit: int) -> tuple[int, int, int]:
    """Read identifier and length octets: (identifier octet, start of content, end of content or INDEFINITE)."""
    try:
        tag, size = data[position], data[position + 1]
    except IndexError:
        raise Malformed("an element is cut off") from None
    content = position + 2
    if tag & LONG_TAG == LONG_TAG:
        raise Malformed("a tag number above 30, which no structure here uses")
    if size >= LONG_FORM:
        if size == LONG_FORM:
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
        try:
            tag, after = data[position], position + 2 + data[position + 1]
        except IndexError:
            raise Malformed("an element is cut off") from None
        if after > end or after >= position + 2 + LONG_FORM or tag & LONG_TAG == LONG_TAG:  # else ten calls for each of 10,000 certificates
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
            size, alike = known(data[position : position + 4], 0), 1
            if size:
                alike = min(_alike(data, position, size), (place - position) // size + 1)
            else:
                size = _size(data, position, sizes)
            position += alike * size
            count += alike
        start = position - size
        if count > limit:
            raise Malformed(f"more than {limit} members in a collection")
        if position > len(data):
            raise Malformed("an element is longer than what encloses it")
        yield data[start:position]


def _alike(data: bytes, position: int, size: int) -> int:
    """How many members in a row, up to ``AT_ONCE``, begin with the same four octets as the one at a position, and so have its size.

    One column of octets after the other, because that needs no step in Python for each member; a SET OF in DER has its sizes in order.
    """
    end = position + AT_ONCE * size
    columns = (data[position + n : end : size] for n in range(4))
    return min(len(column) - len(column.lstrip(column[:1])) for column in columns)


def _size(data: bytes, position: int, sizes: dict[bytes, int]) -> int:
    """The octets of the member at a position, put into ``sizes`` where four octets say it all."""
    after = header(data, position, len(data))[2]
    if after == INDEFINITE:
        raise Malformed("indefinite length where DER is wanted")
    if data[position + 1] <= 0x82:
        sizes[data[position : position + 4]] = after - position
    return after - position
