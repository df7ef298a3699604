"""Blocks of PEM (RFC 7468) in a text."""

import base64
import binascii
import re
from typing import NamedTuple

from secmail.errors import Malformed

BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 #]+)-----(.*?)-----END \1-----", re.DOTALL)


class Block(NamedTuple):
    """What stands between two lines of armour: ``label`` of the line, ``pem`` with and ``der`` without armour."""

    label: str
    pem: bytes
    der: bytes


def blocks(data: bytes) -> list[Block]:
    """All blocks of a PEM text; none for what has no armour. Malformed for one that is no base64."""
    return [_block(match) for match in BLOCK.finditer(data)]


def _block(match: re.Match[bytes]) -> Block:
    label = match[1].decode("ascii")
    # A key in the old form has header fields (RFC 1421) before its base64; it is read as a whole
    if b":" in match[2]:
        return Block(label, match[0], b"")
    try:
        return Block(label, match[0], base64.b64decode(b"".join(match[2].split()), validate=True))
    except binascii.Error:
        raise Malformed(f"PEM block {label}: no base64") from None
