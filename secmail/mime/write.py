"""Making entities, pushed to a sink as they are made: canonical, 7-bit, lines of at most 76 characters (RFC 8551 section 3.1)."""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal
from urllib.parse import quote

from secmail.mime.addresses import format_address, parse_addresses
from secmail.mime.display import LEGACY_DISPLAY, LEGACY_DISPLAY_VALUE
from secmail.mime.encodings import Base64Writer, CrlfWriter, QuotedPrintableWriter
from secmail.mime.text import encode_words, quoted
from secmail.streams import CHUNK, BytesSource, Source, Writable, copy

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Attachment:
    """A file to send: its name for people, its media type (``type/subtype``), and how to open its octets (for each pass anew)."""

    name: str
    content_type: str
    open: Callable[[], BinaryIO]

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("an attachment needs a name")
        if not _MEDIA_TYPE.fullmatch(self.content_type):
            raise ValueError("a media type is type/subtype")


_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


def write_message(
    sink: Writable,
    *,
    headers: Fields,
    text: str | Source,
    attachments: Sequence[Attachment] = (),
    hp: Literal["cipher", "clear"] | None = None,
    legacy_display: Fields = (),
) -> None:
    """Write a message: a text (a string, or a source of UTF-8) alone, or with attachments in a multipart/mixed.

    ``headers`` are plain Unicode and are encoded here; ``hp`` and ``legacy_display`` come from ``protect``. ValueError: a header field
    that can't be written, as one with a line end.
    """
    section = format_headers(headers) + b"MIME-Version: 1.0\r\n"
    root = [("hp", hp)] if hp else []
    source = BytesSource(text.encode("utf-8")) if isinstance(text, str) else text
    if not attachments:
        _write_text(sink, section, source, root, legacy_display)
        return
    # "=_" occurs neither in base64 nor in quoted-printable (RFC 2045 section 6.7), so the boundary occurs in no part.
    boundary = f"=_{secrets.token_hex(16)}"
    sink.write(section + _structured("Content-Type", "multipart/mixed", [("boundary", boundary), *root]) + b"\r\n")
    delimiter = f"\r\n--{boundary}".encode()
    sink.write(delimiter[2:] + b"\r\n")
    _write_text(sink, b"", source, [], legacy_display)
    for attachment in attachments:
        sink.write(delimiter + b"\r\n")
        write_attachment(sink, attachment)
    sink.write(delimiter + b"--\r\n")


def _write_text(sink: Writable, section: bytes, text: Source, parameters: Fields, legacy_display: Fields) -> None:
    charset = [("charset", "utf-8"), *([(LEGACY_DISPLAY, LEGACY_DISPLAY_VALUE)] if legacy_display else []), *parameters]
    encoding = _encoding(text)
    sink.write(section + _structured("Content-Type", "text/plain", charset))
    sink.write(_structured("Content-Transfer-Encoding", encoding, []) + b"\r\n")
    encoder = Base64Writer(sink) if encoding == "base64" else QuotedPrintableWriter(sink)
    canonical = CrlfWriter(encoder)
    if legacy_display:
        # RFC 9788 section 5.2.2: the fields as lines, then an empty line, then the text.
        lines = [f"{name}: {_one_line(value)}\n" for name, value in legacy_display]
        canonical.write("".join([*lines, "\n"]).encode("utf-8"))
    with text.open() as stream:
        copy(stream, canonical)
    canonical.close()
    encoder.close()


def _encoding(text: Source) -> str:
    """Choose what keeps the text readable without its decoder, unless it would become longer than base64."""
    with text.open() as stream:
        sample = stream.read(CHUNK)
    beyond_ascii = len(sample) - len(sample.decode("ascii", "ignore"))
    return "base64" if beyond_ascii * 6 > len(sample) else "quoted-printable"


def write_attachment(
    sink: Writable, attachment: Attachment, *, headers: Fields = (), hp: Literal["cipher", "clear"] | None = None
) -> None:
    """Write a file as an entity, alone a whole message; its octets pass through once. Parameters and errors as for ``write_message``."""
    content_type = attachment.content_type.lower()
    if content_type.startswith(("multipart/", "message/")):
        content_type = "application/octet-stream"  # RFC 2045 section 6.4 forbids base64 for these
    sink.write(format_headers(headers) + _structured("Content-Type", content_type, [("hp", hp)] if hp else []))
    sink.write(_structured("Content-Transfer-Encoding", "base64", []))
    sink.write(_structured("Content-Disposition", "attachment", [("filename", attachment.name)]) + b"\r\n")
    encoder = Base64Writer(sink)
    with attachment.open() as stream:
        copy(stream, encoder)
    encoder.close()


# --- header fields ----------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[!-9;-~]{1,76}")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ADDRESSES = {"from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender", "resent-to", "resent-cc"}
_UNSTRUCTURED = {"subject", "comments", "keywords", "content-description", "organization", "user-agent"}
_LINE, _LONGEST_LINE = 76, 998


def format_headers(headers: Iterable[tuple[str, str]]) -> bytes:
    """Write header fields from plain Unicode: encoded (RFC 2047), folded, with CRLF; without the empty line after a section.

    ValueError: a name or value that can't be written: a control character, a line end, text where only ASCII may stand.
    """
    return b"".join(_format_header(name, value) for name, value in headers)


def _format_header(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError("a header field name is of printable ASCII without a colon")
    return _folded(name, _encoded(name, value))


def _encoded(name: str, value: str) -> str:
    if _FORBIDDEN.search(value):
        raise ValueError(f"header field {name}: a control character or a line end")
    kind = name.lower()
    if kind == "hp-outer":  # "HP-Outer: Subject: value": the value is encoded as that field's
        inner, _, rest = value.partition(":")
        return f"{inner}: {_encoded(inner, rest.strip())}"
    plain = value.isascii() and "=?" not in value
    if kind in _ADDRESSES:
        return value.strip() if plain else _encoded_addresses(name, value)
    if kind in _UNSTRUCTURED or kind.startswith("x-"):
        fits = plain and value == value.strip() and not re.search(r"\s{20}|\S{900}", value)
        return value if fits else " ".join(encode_words(value, max(12, (62 - len(name)) // 4 * 3)))
    if not value.isascii():
        raise ValueError(f"header field {name}: only ASCII may stand here")
    return value.strip()


def _encoded_addresses(name: str, value: str) -> str:
    mailboxes = []
    for display_name, addr_spec in parse_addresses(value):
        plain = display_name.isascii() and "=?" not in display_name
        words = " ".join(encode_words(display_name, 30))
        mailboxes.append(format_address(display_name, addr_spec) if plain else f"{words} <{addr_spec}>")
    if not mailboxes:
        raise ValueError(f"header field {name}: no address")
    return ", ".join(mailboxes)


def _folded(name: str, value: str) -> bytes:
    """Fold before white space, so that unfolding gives the value back unchanged (RFC 5322 section 2.2.3)."""
    lines = [f"{name}:"]
    for word in re.findall(r"[ \t]*[^ \t]+", f" {value}"):
        if len(lines[-1]) + len(word) > _LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += word
    octets = "\r\n".join(lines).encode("utf-8") + b"\r\n"
    if max(map(len, octets.split(b"\r\n"))) > _LONGEST_LINE:
        raise ValueError(f"header field {name}: a word is too long for a line")
    return octets


def _one_line(value: str) -> str:
    if _FORBIDDEN.search(value):
        raise ValueError("a header field with a control character or a line end")
    return value


def _structured(name: str, value: str, parameters: Fields) -> bytes:
    """Write ``Name: value; parameter=…``, each parameter on a line of its own; what isn't short ASCII as RFC 2231 says."""
    lines = [f"{name}: {value}", *(piece for each in parameters for piece in format_parameter(*each))]
    return ";\r\n ".join(lines).encode("ascii") + b"\r\n"


def format_parameter(name: str, text: str) -> list[str]:
    """Write one parameter in as many pieces as it takes, all to be separated by semicolons."""
    if re.fullmatch(r"[ -~]{1,60}", text):
        return [f"{name}={quoted(text)}"]
    encoded = "utf-8''" + quote(text, safe="")
    pieces = re.findall(r"(?:%..|.){1,20}", encoded)
    if len(pieces) == 1:
        return [f"{name}*={encoded}"]
    return [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]
