"""When two distinguished names are the same."""

import re
import unicodedata
from collections.abc import Hashable
from functools import lru_cache

from secmail import der
from secmail.errors import Malformed

MAX_PREPARED = 2_048  # octets; real names have a few hundred. Marks are put in order, which takes as long as the square of them
ENCODINGS = {  # of the types that strings in names have; beyond ASCII nobody agrees on the older ones
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "ascii",  # TeletexString
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
# RFC 4518 section 2.2: what is mapped to nothing, and what to a space
NOTHING = re.compile(
    "[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u06dd\u070f\u1806\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2063\u206a-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffc\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]+"
)
SPACES = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
PROHIBITED = ("Cn", "Co", "Cs")  # section 2.4: unassigned in Unicode 3.2, for private use, half of a pair


def comparable_name(name: bytes) -> Hashable:
    """A form of a Name (DER) that is equal for names that are the same by RFC 5280 section 7.1: case and spaces of strings are folded.

    Of what is no Name, or a very long one, only the same octets are the same.
    """
    return _prepared_name(name) if len(name) <= MAX_PREPARED else name


@lru_cache(maxsize=4096)
def _prepared_name(name: bytes) -> Hashable:
    try:
        return tuple(tuple(sorted(map(_attribute, der.read(rdn.der, der.SET)))) for rdn in der.read(name))
    except Malformed:
        return name


def _attribute(encoded: der.Element) -> tuple[str, str, bytes]:
    """Its type, and its value as a prepared string, else as encoded."""
    members = der.read(encoded.der)
    kind, value = members.oid(), members.element()
    members.end()
    text = _text(value)
    prepared = None if text is None else _prepared(text)
    return (kind, "", value.der) if prepared is None else (kind, prepared, b"")


def _text(value: der.Element) -> str | None:
    try:
        return value.content.decode(ENCODINGS[value.tag])
    except (KeyError, UnicodeDecodeError):
        return None


def _prepared(text: str) -> str | None:
    """RFC 4518 section 2, with case folding; None for what is prohibited. Each string begins and ends with a space, so none is empty."""
    mapped = SPACES.sub(" ", NOTHING.sub("", text))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", mapped).casefold())
    if not folded.isascii() and ("\ufffd" in folded or any(unicodedata.ucd_3_2_0.category(each) in PROHIBITED for each in folded)):
        return None
    return f" {SPACES.sub(' ', folded).strip(' ')} "
