"""Text in header fields: charsets, encoded-words (RFC 2047), parameters (RFC 2045 section 5.1, RFC 2231) and file names.

Every pattern here is tried once per position and bounded: header sections are foreign bytes.
"""

import binascii
import re
import unicodedata
from collections.abc import Mapping
from encodings.aliases import aliases
from urllib.parse import unquote_to_bytes

# A finite table, because codecs.lookup() remembers every name it is asked for, and because idna, punycode or zlib are no charsets.
_CODECS = {
    name: codec
    for name, codec in [*aliases.items(), *((codec, codec) for codec in aliases.values())]
    if not codec.endswith("_codec") and codec not in ("rot_13", "mbcs", "utf_7")
}


# More that programs read in header fields: what they show there has to be seen here, too
_IN_WORDS = _CODECS | {
    **dict.fromkeys(("utf_7", "utf7", "unicode_1_1_utf_7"), "utf_7"),
    **dict.fromkeys(("iso_10646_ucs_2", "ucs_2"), "utf_16_be"),
    **dict.fromkeys(("iso_10646_ucs_4", "ucs_4"), "utf_32_be"),
}


def text_codec(charset: str, codecs: Mapping[str, str] = _CODECS) -> str:
    """Return the Python codec of a MIME charset; of an unknown one UTF-8, the most likely guess."""
    return codecs.get(re.sub(r"[^a-z0-9]+", "_", charset[:40].lower()), "utf_8")


def decode_text(octets: bytes, charset: str) -> str:
    """Decode for display: what the charset doesn't know becomes U+FFFD."""
    return octets.decode(text_codec(charset), "replace")


# --- encoded-words ----------------------------------------------------------------------------------------------------

_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?]*)\?=")

_LINE_ENDS = re.compile("[\n-\r\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\0-\x08\x0e-\x1f\x7f-\x9f]")


def decode_words(value: str) -> str:
    """Decode the encoded-words of an unfolded header value for display; what is no valid encoded-word stays as it is."""
    if "=?" not in value and value.isprintable():
        return value
    pieces: list[str] = []
    run, charset, end = b"", "", 0
    for match in _WORD.finditer(value):
        octets = _word_octets(match[2], match[3])
        if octets is None:
            continue
        between = value[end : match.start()]
        # RFC 2047 section 6.2: "any 'linear-white-space' that separates a pair of adjacent 'encoded-word's is ignored".
        adjacent = bool(charset) and not between.strip(" \t")
        # Characters cut in two by the encoder are put together again, though section 5 forbids to cut them.
        if adjacent and charset == match[1].lower():
            run += octets
        else:
            pieces += [_decode(run, charset), "" if adjacent else between]
            run, charset = octets, match[1].lower()
        end = match.end()
    # An encoded word can hold a line end; nothing that is shown or copied into another header may. Other controls have no width.
    return _CONTROLS.sub("", _LINE_ENDS.sub(" ", "".join([*pieces, _decode(run, charset), value[end:]])))


def _decode(octets: bytes, charset: str) -> str:
    return octets.decode(text_codec(charset, _IN_WORDS), "replace")


def _word_octets(encoding: str, encoded: str) -> bytes | None:
    try:
        octets = encoded.encode("ascii")
        if encoding in "Bb":
            # Padding within a word is passed over by some programs, while the library stops there
            return b"".join(binascii.a2b_base64(each + b"=" * (-len(each) % 4)) for each in re.split(b"=+", octets))
        return binascii.a2b_qp(octets, header=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def encode_words(value: str, octets: int = 45) -> list[str]:
    """Encode text as encoded-words of at most ``octets`` octets each (45: 72 characters), to be separated by white space.

    RFC 2047 section 5: "Each 'encoded-word' MUST represent an integral number of characters." ValueError for lone surrogates.
    """
    words, piece = [], b""
    for character in value:
        encoded = character.encode("utf-8")
        if len(piece) + len(encoded) > octets:
            words.append(piece)
            piece = b""
        piece += encoded
    words.append(piece)
    return [f"=?utf-8?b?{binascii.b2a_base64(word, newline=False).decode()}?=" for word in words]


def quoted(text: str) -> str:
    """Write a quoted-string (RFC 5322 section 3.2.4)."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


# --- parameters -------------------------------------------------------------------------------------------------------

_PARAMETER = re.compile(r';\s*([^\s=;"]{1,100})\s*=\s*("(?:[^"\\]|\\.)*(?:"|\\?\Z)|[^;"]*)', re.DOTALL)
_EXTENDED = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*?)\Z")


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split ``value; name=value; …``; return the value and its parameters (lower-case names). Of two of one name the first counts."""
    main = value.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    extended: dict[str, dict[int, tuple[bool, str]]] = {}
    for match in _PARAMETER.finditer(value, len(value.partition(";")[0])):
        name, text = match[1].lower(), match[2].strip()
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:].removesuffix('"'))
        form = _EXTENDED.match(name)
        if "*" not in name or form is None:
            plain.setdefault(name, text)
        else:
            extended.setdefault(form[1], {}).setdefault(int(form[2] or 0), (bool(form[3]), text))
    # RFC 2231 beats the plain form, which is there for programs that don't know it (RFC 6266 section 4.3).
    return main, plain | {name: _joined(segments) for name, segments in extended.items()}


def _joined(segments: dict[int, tuple[bool, str]]) -> str:
    charset, octets = "utf-8", b""
    for number in range(len(segments)):
        if number not in segments:
            break
        encoded, text = segments[number]
        if encoded and number == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        octets += unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace")
    return decode_text(octets, charset)


# --- file names -------------------------------------------------------------------------------------------------------

# Bidirectional controls make "cod.exe" look like "exe.doc"; the rest have no glyph at all.
_HIDDEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONGEST_NAME = 200


def safe_filename(name: str) -> str:
    """Make a foreign file name safe to show and to offer for saving; empty if nothing is left.

    Control characters and bidirectional overrides go, path separators become "_", and no name begins with a dot.
    """
    shown = "".join(c for c in _HIDDEN.sub("", name) if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp"))
    shown = re.sub(r"[/\\:]", "_", shown).strip().lstrip(".").strip()
    if len(shown) <= _LONGEST_NAME:
        return shown
    stem, dot, extension = shown.rpartition(".")
    if not dot or len(extension) > 20:
        return shown[:_LONGEST_NAME]
    return stem[: _LONGEST_NAME - len(extension) - 1] + dot + extension
