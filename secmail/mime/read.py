"""MIME entities (RFC 2045, RFC 2046), read as ranges of a source: content stays where it is.

The parts of a multipart, nested ones included, are found in one pass; an entity is then two offsets into the source. Messages inside
(message/rfc822) are not looked into: they are attachments.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import BinaryIO

from secmail.errors import Malformed, Unsupported
from secmail.mime.encodings import Base64Reader, QuotedPrintableReader
from secmail.mime.headers import HEADER_OCTETS, Headers, parse_headers
from secmail.mime.text import decode_words, parse_parameters, safe_filename
from secmail.streams import CHUNK, Source, section

PARTS = 500
DEPTH = 30
# RFC 2046 section 5.1.1 allows 70; some programs write a little more.
_LONGEST_BOUNDARY = 200
_LONGEST_DELIMITER = _LONGEST_BOUNDARY + 100


class Entity:
    """One MIME entity: a header section and a body that is read from the source whenever it is wanted."""

    def __init__(self, source: Source, headers: Headers, start: int, body: int, *, default: str = "text/plain") -> None:
        self.headers = headers
        self._source, self._start, self._body = source, start, body
        self._end: int | None = None
        self._children: list[Entity] | None = None
        # RFC 2045 section 5.2 takes this default for a syntactically invalid field as well.
        self.content_type, parameters = parse_parameters(headers.get("Content-Type", default) or default)
        if not _MEDIA_TYPE.fullmatch(self.content_type):
            self.content_type, parameters = default, {}
        self.parameters: Mapping[str, str] = parameters
        self.encoding = parse_parameters(headers.get("Content-Transfer-Encoding", "7bit") or "7bit")[0]

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @cached_property
    def _disposition(self) -> tuple[str, dict[str, str]]:
        return parse_parameters(self.headers.get("Content-Disposition", "") or "")

    @property
    def disposition(self) -> str:
        """``attachment``, ``inline``, another word, or empty (RFC 2183)."""
        return self._disposition[0]

    @property
    def filename(self) -> str | None:
        """The name proposed for saving, made safe to show."""
        name = self._disposition[1].get("filename") or self.parameters.get("name")
        return (safe_filename(decode_words(name)) or None) if name else None

    @property
    def content_id(self) -> str | None:
        value = self.headers.get("Content-ID")
        return value.strip("<> \t") if value else None

    @property
    def raw(self) -> Source:
        """Every octet of the entity; of the first part of a multipart/signed exactly what was signed (RFC 1847 section 2.1)."""
        return section(self._source, self._start, self._end)

    @property
    def body(self) -> Source:
        """The body as it was transferred."""
        return section(self._source, self._body, self._end)

    @property
    def content(self) -> Source:
        """The body with its transfer encoding taken off."""
        return _Content(self.body, self.encoding)

    def open_body(self) -> BinaryIO:
        """Open ``content``. Malformed (while reading) or Unsupported for an encoding that RFC 2045 doesn't know."""
        return self.content.open()

    @property
    def size(self) -> int | None:
        """About how many octets the content has: exact unless base64 or quoted-printable; None for the entity a source begins with."""
        if self._end is None:
            return None
        octets = self._end - self._body
        return (
            octets * 57 // 78 if self.encoding == "base64" else octets
        )  # 57 octets make a line of 76 characters and CRLF

    def parts(self) -> "tuple[Entity, ...]":
        """Return the parts of a multipart (of anything else: none). Malformed: no boundary, or beyond the limits."""
        if not self.is_multipart:
            return ()
        if self._children is None:
            with section(self._source, self._body - 1, self._end).open() as stream:
                try:
                    _Scan(self._source, stream, self._body - 1).children(self)
                except BaseException:
                    self._children = None  # never half of them at the next call
                    raise
        return tuple(self._children or ())


_MEDIA_TYPE = re.compile(r"[!#-'*+\-.0-9A-Z^-~]+/[!#-'*+\-.0-9A-Z^-~]+", re.IGNORECASE)


class _Content:
    def __init__(self, body: Source, encoding: str) -> None:
        self._body, self._encoding = body, encoding

    def open(self) -> BinaryIO:
        if self._encoding == "base64":
            return Base64Reader(self._body.open())
        if self._encoding == "quoted-printable":
            return QuotedPrintableReader(self._body.open())
        if self._encoding in ("7bit", "8bit", "binary"):
            return self._body.open()
        raise Unsupported("a content transfer encoding that is not known")


def read_entity(source: Source) -> Entity:
    """Read the header section of the entity a source holds; its body is read when asked for. Malformed: see the limits."""
    with source.open() as stream:
        window = _Window(stream, 0)
        end = body = 0
        while (after := window.line_end(end)) > end:
            body = after
            if window.between(end, after).strip(b"\r\n") == b"":
                break
            end = after
            if end > HEADER_OCTETS:
                raise Malformed("header: too long")
        return Entity(source, parse_headers(window.between(0, end)), 0, body)


class _Window:
    """The stretch of a stream that is being looked at. Positions count from the start of the source."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream, self.start, self.ended = stream, start, False
        self.data = b""

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    def more(self) -> bool:
        chunk = self._stream.read(CHUNK)
        self.data += chunk
        self.ended = not chunk
        return bool(chunk)

    def drop(self, position: int) -> None:
        """Forget what lies before ``position``."""
        self.data = self.data[position - self.start :]
        self.start = position

    def between(self, start: int, end: int) -> bytes:
        return self.data[start - self.start : end - self.start]

    def line_end(self, position: int) -> int:
        """Return where the line at ``position`` ends, its line end included; lines over the limit of headers are Malformed."""
        seen = position
        while (found := self.data.find(b"\n", seen - self.start)) < 0:
            seen = self.end
            if seen - position > HEADER_OCTETS:
                raise Malformed("header: too long")
            if not self.more():
                return self.end
        return self.start + found + 1


class _Scan:
    """One pass over the body of a multipart that finds all parts, nested ones too."""

    def __init__(self, source: Source, stream: BinaryIO, start: int) -> None:
        self._source = source
        self._window = _Window(stream, start)
        self._open: list[Entity] = []  # the multiparts we are in, the outermost first
        self._patterns: list[re.Pattern[bytes]] = []  # what ends a part in each of them
        self._parts = 0
        self._header_octets = 0

    def children(self, root: Entity) -> None:
        """Fill in the parts of ``root`` and of the multiparts inside it."""
        self._enter(root)
        position = root._body
        while self._open:
            found = self._delimiter(position)
            if found is None:  # cut off on the way: what is there is shown
                self._end_parts(0, self._window.end)
                break
            end, level, closing, position = found
            self._end_parts(level, end)
            if closing:
                self._leave(level)
            else:
                position = self._begin_part(level, position)

    def _enter(self, multipart: Entity) -> None:
        boundary = multipart.parameters.get("boundary", "").rstrip()
        if not boundary or len(boundary) > _LONGEST_BOUNDARY:
            raise Malformed("multipart: no boundary")
        if len(self._open) == DEPTH:
            raise Malformed(f"multipart: nested deeper than {DEPTH}")
        multipart._children = []
        self._open.append(multipart)
        # The innermost first: it is the one meant if two are alike.
        names = [m.parameters["boundary"].rstrip().encode("utf-8", "replace") for m in reversed(self._open)]
        choice = b"|".join(b"(" + re.escape(name) + b")" for name in names)
        self._patterns.append(re.compile(rb"\n--(?:" + choice + rb")(?P<close>--)?[ \t]{0,80}\r?(?:\n|\Z)"))

    def _leave(self, level: int) -> None:
        del self._open[level:]
        del self._patterns[level:]

    def _delimiter(self, position: int) -> tuple[int, int, bool, int] | None:
        """Find the next delimiter line from the line at ``position`` on.

        Returns where the part before it ends, its level, whether it closes, and where it ends itself; None: there is none any more.
        """
        window, pattern = self._window, self._patterns[-1]
        position -= 1  # "The CRLF preceding the boundary delimiter line is conceptually attached to the boundary"
        while True:
            match = pattern.search(window.data, position - window.start)
            if match and (match.end() < len(window.data) or window.ended):
                level = len(self._open) - 1 - next(i for i, name in enumerate(match.groups()) if name is not None)
                end = match.start() - (window.data[max(0, match.start() - 1) : match.start()] == b"\r")
                return window.start + end, level, match["close"] is not None, window.start + match.end()
            position = window.start + match.start() if match else max(position, window.end - _LONGEST_DELIMITER)
            if window.ended:
                return None
            window.drop(max(window.start, position - 1))
            window.more()

    def _end_parts(self, level: int, end: int) -> None:
        """End the part that is open in each of the multiparts from ``level`` on; leave those deeper than it."""
        for multipart in self._open[level:]:
            for part in (multipart._children or ())[-1:]:
                if part._end is None:
                    part._end = max(part._start, end)
                    part._body = min(part._body, part._end)
        self._leave(level + 1)

    def _begin_part(self, level: int, start: int) -> int:
        """Read the header section of the part that begins at ``start``; return where to look for the next delimiter."""
        self._parts += 1
        if self._parts > PARTS:
            raise Malformed(f"multipart: more than {PARTS} parts")
        window, multipart = self._window, self._open[level]
        window.drop(start - 1)
        end = body = start
        while (after := window.line_end(end)) > end:
            line = window.between(end, after)
            if line.startswith(b"--") and self._patterns[-1].match(window.data, end - 1 - window.start):
                body = end  # a part without a body
                break
            body = after
            if line.strip(b"\r\n") == b"":
                break
            end = after
            if self._header_octets + end - start > HEADER_OCTETS:
                raise Malformed("header: too long")
        self._header_octets += end - start
        default = "message/rfc822" if multipart.content_type == "multipart/digest" else "text/plain"
        part = Entity(self._source, parse_headers(window.between(start, end)), start, body, default=default)
        if multipart._children is not None:
            multipart._children.append(part)
        if part.is_multipart:
            self._enter(part)
        return body
