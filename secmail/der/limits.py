"""What foreign bytes may cost: limits in front of asn1crypto and of all that reads here."""

from collections.abc import Callable
from typing import Any, TypeVar

from asn1crypto import core

from secmail.der.headers import INDEFINITE, LONG_FORM, LONG_TAG, header
from secmail.der.tags import CONSTRUCTED, INTEGER, OBJECT_IDENTIFIER
from secmail.errors import Malformed

MAX_DEPTH = 64
MAX_ELEMENTS = 500_000  # a message to 10,000 recipients has 210,000
MAX_OID_LENGTH = 64  # a 64 KiB OID costs asn1crypto two seconds
MAX_INTEGER_LENGTH = 4_096  # RSA moduli of 16,384 bits have half of it


class IndefiniteLength(Malformed):
    """BER where DER is wanted."""


def scan(data: bytes, elements: int = MAX_ELEMENTS) -> int:
    """Refuse what would make a parser slow or deep: nesting, number of elements, long OIDs and integers, lengths beyond the data.

    Raises Malformed. ``data`` is one element of definite length, nothing before or after it, with at most ``elements`` in it; returned is
    how many there are.
    """
    position, limit, count = 0, len(data), 0
    enclosing: list[int] = []  # the ends of the constructions around that which ends at ``limit``
    while True:
        while position == limit and count:
            if not enclosing:
                return count
            limit = enclosing.pop()
        try:
            tag, size = data[position], data[position + 1]
        except IndexError:
            raise Malformed("an element is cut off") from None
        content = position + 2
        end = content + size
        if end > limit or size >= LONG_FORM or tag & LONG_TAG == LONG_TAG:  # else a call for each of 500,000 would take half the time
            tag, content, end = header(data, position, limit)
        count += 1
        if count > elements:
            raise Malformed(f"more than {elements} elements")
        if tag & CONSTRUCTED:
            if end == INDEFINITE:
                raise IndefiniteLength("indefinite length where DER is wanted")
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


Value = TypeVar("Value", bound=core.Asn1Value)


def _completely(value: Any) -> object:
    return value.native


def load(spec: type[Value], data: bytes, read: Callable[[Value], object] = _completely) -> Value:
    """Foreign bytes as an asn1crypto type; Malformed if they are something else.

    asn1crypto parses lazily and errors shall come out here, so ``read`` reads what is asked for later.
    """
    scan(data)
    try:
        value: Value = spec.load(data, strict=True)  # type: ignore[no-untyped-call]
        read(value)
    except Exception as error:  # its errors about values have no base of their own
        raise Malformed(f"not a valid {spec.__name__}") from error
    return value
