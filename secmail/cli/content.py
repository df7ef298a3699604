"""What is signed or encrypted: a message as it is, or a text or file that becomes a MIME entity. Read in one pass."""

import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from secmail.cli.failures import Failure
from secmail.errors import Malformed
from secmail.mime import (
    Attachment,
    Headers,
    decode_words,
    format_headers,
    parse_headers,
    parse_parameters,
    write_attachment,
    write_message,
)
from secmail.mime.encodings import CrlfWriter
from secmail.mime.headers import HEADER_OCTETS
from secmail.streams import CHUNK, BytesSource, ChunkReader, Writable, copy

Fields = Sequence[tuple[str, str]]
MESSAGE_FIELDS = ("content-type", "mime-version", "from")
LAYERS = ("multipart/signed", "application/pkcs7-mime", "application/x-pkcs7-mime")
ADDRESS_FIELDS = ("from", "sender", "reply-to", "to", "cc", "bcc")
SEVEN_BIT = ("7bit", "quoted-printable", "base64")


class Protected(NamedTuple):
    """The header fields inside the layers and outside, and what ``mime.protect`` says beside that."""

    inner: Fields
    outer: Fields
    hp: Literal["cipher", "clear"] | None
    legacy_display: Fields


@dataclass(frozen=True)
class Content:
    """What goes into the layers. ``fields`` are the header fields of the whole message; ``is_layer`` if it is S/MIME already."""

    fields: Fields
    write: Callable[[Writable, "Protected"], None]
    is_layer: bool = False
    is_seven_bit: bool = True


def read_content(stream: BinaryIO, name: str | None, media_type: str | None) -> Content:
    """A message or MIME entity is one with a header section that has a Content-Type, MIME-Version or From field.

    Anything else, and everything if ``media_type`` is given, becomes an entity: text/plain if it is text, else a file.
    """
    head = stream.read(HEADER_OCTETS)
    if media_type is None and (found := _header_section(head)) is not None:
        headers, body = found
        return _message(headers, _Rest(head[body:], stream))
    return _file(head, stream, name, media_type)


class _Rest(ChunkReader):
    """What was read ahead, and what follows in the stream."""

    def __init__(self, ahead: bytes, stream: BinaryIO) -> None:
        super().__init__(chain((ahead,) if ahead else (), iter(lambda: stream.read(CHUNK), b"")))


def _header_section(head: bytes) -> tuple[Headers, int] | None:
    """(the fields, where the body begins); None where there are none that make it a message."""
    start = head.find(b"\n") + 1 if head.startswith(b"From ") else 0  # a mailbox's line
    ends = [(at, at + len(line)) for line in (b"\n\r\n", b"\n\n") if (at := head.find(line, start)) >= 0]
    if not ends:
        return None
    end, body = min(ends)
    try:
        headers = parse_headers(head[start : end + 1])
    except Malformed:
        return None
    return (headers, body) if any(name in headers for name in MESSAGE_FIELDS) else None


def _message(headers: Headers, body: BinaryIO) -> Content:
    encoding = parse_parameters(headers.get("Content-Transfer-Encoding", "7bit") or "7bit")[0]
    content_type, parameters = parse_parameters(headers.get("Content-Type", "text/plain") or "text/plain")
    structure = [each for each in headers if each.name.lower().startswith("content-")]

    def write(sink: Writable, header: Protected) -> None:
        hp = header.hp
        sink.write(format_headers(header.inner))
        lines = CrlfWriter(sink)
        for field in structure:
            lines.write(field.raw.rstrip(b"\r\n"))
            lines.write(f'; hp="{hp}"\r\n'.encode() if hp and field.name.lower() == "content-type" else b"\r\n")
        if hp and "Content-Type" not in headers:
            lines.write(f'Content-Type: text/plain; hp="{hp}"\r\n'.encode())
        lines.write(b"\r\n")
        lines.close()
        if encoding == "binary":
            copy(body, sink)
            return
        canonical = CrlfWriter(sink)
        copy(body, canonical)
        canonical.close()

    fields = [_plain(each.name, each.value) for each in headers if each not in structure and each.name.lower() != "mime-version"]
    return Content(fields, write, content_type in LAYERS or "hp" in parameters, encoding in SEVEN_BIT)


def _plain(name: str, value: str) -> tuple[str, str]:
    """A field in plain Unicode; the names in address fields are decoded where they are written, or a comma in one would split it."""
    return name, value if name.lower().removeprefix("resent-") in ADDRESS_FIELDS else decode_words(value)


def _file(head: bytes, stream: BinaryIO, name: str | None, media_type: str | None) -> Content:
    file_name = "" if name in (None, "-") else Path(str(name)).name
    guessed = media_type or mimetypes.guess_type(file_name)[0]
    if guessed in (None, "text/plain") and _is_text(head):

        def write_text(sink: Writable, header: Protected) -> None:
            write_message(sink, headers=header.inner, text=BytesSource(head), hp=header.hp, legacy_display=header.legacy_display)

        return Content((), write_text)
    try:
        attachment = Attachment(file_name or "content", guessed or "application/octet-stream", lambda: _Rest(head, stream))
    except ValueError as error:
        raise Failure(f"--type {media_type}: {error}") from None

    def write_file(sink: Writable, header: Protected) -> None:
        write_attachment(sink, attachment, headers=header.inner, hp=header.hp)

    return Content((), write_file)


def _is_text(head: bytes) -> bool:
    """Whether this is all of the content, and text. A text is looked at before it is encoded, so a longer one goes as a file."""
    try:
        return len(head) < HEADER_OCTETS and "\0" not in head.decode("utf-8")
    except UnicodeDecodeError:
        return False
