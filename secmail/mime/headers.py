"""Header sections (RFC 5322 section 2.2): ordered, every octet kept, names compared without case."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from secmail.errors import Malformed
from secmail.mime.addresses import Address, parse_addresses
from secmail.mime.text import decode_words

HEADER_OCTETS = 256 * 1024  # of all header sections of a message together
HEADER_FIELDS = 1_000  # of one header section

# RFC 5322 section 3.6.8: a name is of the characters 33 to 126 without the colon; section 4.5 lets blanks stand before the colon.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


def is_structural(name: str) -> bool:
    """RFC 9787 section 1.1.1: MIME-Version and what begins with Content- describe the MIME structure, not the message."""
    return name.lower() == "mime-version" or name.lower().startswith("content-")


class Header(NamedTuple):
    """One field: ``name`` as written, ``value`` unfolded and not decoded, ``raw`` every octet with the line end."""

    name: str
    value: str
    raw: bytes


class Headers:
    """The fields of one header section, in order."""

    def __init__(self, fields: Sequence[Header] = ()) -> None:
        self._fields = tuple(fields)

    def __iter__(self) -> Iterator[Header]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    @property
    def has_message_fields(self) -> bool:
        """Whether any field is about the message and not about the MIME structure (RFC 9787 section 1.1.1)."""
        return not all(map(is_structural, (field.name for field in self._fields)))

    @property
    def has_bare_returns(self) -> bool:
        """Whether a CR is not part of a line end. RFC 5322 section 2.2: "CR and LF MUST only occur together as CRLF"."""
        return any(field.raw.count(b"\r") != field.raw.count(b"\r\n") for field in self._fields)

    def get_all(self, name: str) -> list[str]:
        """Return the unfolded values of all fields of this name."""
        wanted = name.lower()
        return [field.value for field in self._fields if field.name.lower() == wanted]

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the unfolded value of the first field of this name."""
        return next(iter(self.get_all(name)), default)

    def text(self, name: str) -> str | None:
        """Return the first field of this name for display: encoded-words decoded."""
        value = self.get(name)
        return None if value is None else decode_words(value)

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the mailboxes of all fields of this name."""
        return tuple(address for value in self.get_all(name) for address in parse_addresses(value))


def parse_headers(section: bytes) -> Headers:
    """Read a header section (without the empty line after it). Malformed: too many fields, or a line that is no field."""
    starts: list[int] = []
    position = 0
    while position < len(section):
        if section[position] not in b" \t":
            starts.append(position)
        elif not starts:
            raise Malformed("header: begins with a continuation line")
        position = section.find(b"\n", position) + 1 or len(section)
    if len(starts) > HEADER_FIELDS:
        raise Malformed(f"header: more than {HEADER_FIELDS} fields")
    ends = [*starts[1:], len(section)]
    return Headers([_field(section[start:end]) for start, end in zip(starts, ends, strict=False)])


def _field(raw: bytes) -> Header:
    match = _FIELD.match(raw)
    if match is None:
        raise Malformed("header: a line without a field name")
    # RFC 5322 section 2.2.3: unfolding removes any CRLF that is immediately followed by white space; the white space stays.
    value = raw[match.end() :].replace(b"\r\n", b"").replace(b"\n", b"").strip(b" \t")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return Header(match[1].decode("ascii"), text, raw)
