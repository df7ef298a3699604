"""Address lists (RFC 5322 section 3.4), read in one pass."""

import re
from typing import NamedTuple

from secmail.mime.text import decode_words, quoted


class Address(NamedTuple):
    """One mailbox: ``display_name`` for people (decoded, may be empty) and ``addr_spec`` as written."""

    display_name: str
    addr_spec: str


# Unterminated quotes, comments and angles reach to the end, so that nothing is ever tried twice.
_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*(?:"|\\?\Z))|(?P<angle><[^>]*(?:>|\Z))|(?P<literal>\[[^\]]*(?:\]|\Z))'
    r'|(?P<comment>\()|(?P<mark>[,:;])|(?P<space>\s+)|(?P<atom>[^"<>\[(,:;\s]+|.)',
    re.DOTALL,
)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)


def parse_addresses(value: str) -> tuple[Address, ...]:
    """Read the mailboxes of an unfolded header value in order. Groups are flattened; what has no address is left out."""
    found: list[Address] = []
    mailbox = _Mailbox()
    position = 0
    while match := _TOKEN.match(value, position):
        position, kind, piece = match.end(), match.lastgroup, match.group()
        if kind == "comment":
            end = _comment_end(value, position)
            mailbox.comment = value[position : end - 1]
            position = end
        elif kind == "mark":
            if piece != ":":  # what stands before a colon is the name of a group
                mailbox.add_to(found)
            mailbox = _Mailbox()
        elif kind == "angle":
            mailbox.angle = piece
        elif kind == "space":
            mailbox.name.append(" ")
        else:
            mailbox.written.append(piece)
            mailbox.name.append(_unquoted(piece) if kind == "quoted" else piece)
    mailbox.add_to(found)
    return tuple(found)


def _comment_end(value: str, position: int) -> int:
    depth = 1
    for match in _PARENTHESIS.finditer(value, position):
        depth += {"(": 1, ")": -1}.get(match.group(), 0)
        if depth == 0:
            return match.end()
    return len(value) + 1


class _Mailbox:
    __slots__ = ("angle", "comment", "name", "written")

    def __init__(self) -> None:
        self.written: list[str] = []
        self.name: list[str] = []
        self.comment = self.angle = ""

    def add_to(self, found: list[Address]) -> None:
        if self.angle:
            # A source route ("<@a,@b:c@d>") is obsolete and ignored, as RFC 5322 section 4.4 asks.
            addr_spec = re.sub(r"\s+", "", self.angle.strip("<>"))
            addr_spec = addr_spec.rpartition(":")[2] if addr_spec.startswith("@") else addr_spec
            name = "".join(self.name)
        else:
            addr_spec, name = "".join(self.written), self.comment
        if addr_spec:
            found.append(Address(" ".join(decode_words(name).split()) if name else "", addr_spec))


def _unquoted(piece: str) -> str:
    inside = piece[1:].removesuffix('"')
    return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL) if "\\" in inside else inside


_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')


def format_address(display_name: str, addr_spec: str) -> str:
    """Write a mailbox for the value of an address field, the name quoted where it must be."""
    if not display_name:
        return addr_spec
    if _SPECIALS.search(display_name):
        display_name = quoted(display_name)
    return f"{display_name} <{addr_spec}>"
