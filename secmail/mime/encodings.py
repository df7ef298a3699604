"""What MIME does to octets and to text on their way: transfer encodings (RFC 2045 section 6) and line ends (RFC 8551 section 3.1)."""

import binascii
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from secmail.errors import Malformed
from secmail.streams import CHUNK, ChunkReader, Section, Source, Writable, chunks

_WHITESPACE = b" \t\r\n"


# Reading


class Base64Reader(ChunkReader):
    """Decodes base64 (RFC 2045 section 6.8). White space is skipped; any other octet outside the alphabet is ``Malformed``."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(self._decode(stream), stream)

    @staticmethod
    def _decode(stream: BinaryIO) -> Iterator[bytes]:
        rest = b""
        padded = False
        for chunk in chunks(stream):
            data = rest + chunk.translate(None, _WHITESPACE)
            whole = len(data) - len(data) % 4
            rest = data[whole:]
            if not whole:
                continue
            padding = data.find(b"=", 0, whole)
            if padded or 0 <= padding < whole - 2:
                raise Malformed("base64: content after the padding")
            try:
                yield binascii.a2b_base64(memoryview(data)[:whole], strict_mode=True)
            except binascii.Error:
                raise Malformed("base64: not in the alphabet") from None
            padded = padding >= 0
        if rest:
            raise Malformed("base64: content ends within a group of four characters")


# Only tried where a run of blanks begins, so that a long run costs its length once.
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]+(?=\r?\n)")
_UNDECIDED = re.compile(rb"(?:=[0-9A-Fa-f]?|=?(?<![ \t])[ \t]+\r?|=?\r)\Z")
_LONGEST_BLANK = 1024
_STRAY_CR = re.compile(rb"=\r(?=[^\n])")


def _with_plain_signs(data: bytes) -> bytes:
    """Escape each "=" that starts nothing and that a2b_qp would drop, alone or with the rest of its line."""
    while b"==" in data:
        data = data.replace(b"==", b"=3D=")
    return _STRAY_CR.sub(b"=3D\r", data)


class QuotedPrintableReader(ChunkReader):
    """Decodes quoted-printable (RFC 2045 section 6.7). A "=" that starts no valid escape stays as it is, as that section advises."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(self._decode(stream), stream)

    @staticmethod
    def _decode(stream: BinaryIO) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks(stream):
            data = _with_plain_signs(rest + chunk)
            # What the next chunk may still change: an escape cut in two, or blanks that turn out to end the line.
            undecided = _UNDECIDED.search(data, max(0, len(data) - _LONGEST_BLANK))
            cut = undecided.start() if undecided else len(data)
            rest = data[cut:]
            decided = data[:cut]
            if any(blanks in decided for blanks in (b" \r", b" \n", b"\t\r", b"\t\n")):
                decided = _TRAILING_BLANKS.sub(b"", decided)
            yield binascii.a2b_qp(decided)
        yield binascii.a2b_qp(rest.rstrip(b" \t"))


def _canonical(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


class CrlfReader(ChunkReader):
    """Reads text with every line end (LF, CR or CRLF) as CRLF: "The line ending MUST be the pair of characters <CR><LF>"."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(self._decode(stream), stream)

    @staticmethod
    def _decode(stream: BinaryIO) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks(stream):
            data = rest + chunk
            rest = b"\r" if data.endswith(b"\r") else b""
            yield _canonical(data[: len(data) - len(rest)])
        if rest:
            yield b"\r\n"


@dataclass(frozen=True)
class _Canonical:
    source: Source

    def open(self) -> BinaryIO:
        return CrlfReader(self.source.open())


def canonical(source: Source) -> Source:
    """The same with CRLF line ends (``CrlfReader``); whole lines of what has them already are not gone over again."""
    whole = source.source if isinstance(source, Section) else source
    return source if isinstance(whole, _Canonical) else _Canonical(source)


# Writing


class CrlfWriter:
    """Writes text with every line end (LF, CR or CRLF) as CRLF (RFC 8551 section 3.1.1)."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self._rest = b""

    def write(self, data: bytes, /) -> int:
        joined = self._rest + data
        self._rest = b"\r" if joined.endswith(b"\r") else b""
        self._target.write(_canonical(joined[: len(joined) - len(self._rest)]))
        return len(data)

    def close(self) -> None:
        if self._rest:
            self._target.write(b"\r\n")
            self._rest = b""


class Base64Writer:
    """Encodes base64 in lines of ``line`` characters (a multiple of four), the last one ended too (RFC 2045 section 6.8)."""

    def __init__(self, target: Writable, line: int = 76, newline: bytes = b"\r\n") -> None:
        if line < 4 or line % 4:
            raise ValueError("a line of base64 holds a positive multiple of four characters")
        self._target, self._line, self._newline = target, line, newline
        self._octets = line // 4 * 3
        lines = max(1, CHUNK // self._octets)
        self._block = lines * self._octets
        self._cut = struct.Struct(f"{line}s" * lines)
        self._rest = bytearray()

    def write(self, data: bytes, /) -> int:
        self._rest += data
        whole = len(self._rest) - len(self._rest) % self._block
        if whole:
            with memoryview(self._rest) as view:
                for start in range(0, whole, self._block):
                    encoded = binascii.b2a_base64(view[start : start + self._block], newline=False)
                    self._target.write(self._newline.join((*self._cut.unpack(encoded), b"")))
            del self._rest[:whole]
        return len(data)

    def close(self) -> None:
        encoded = binascii.b2a_base64(self._rest, newline=False)
        for start in range(0, len(encoded), self._line):
            self._target.write(encoded[start : start + self._line] + self._newline)
        self._rest.clear()


class QuotedPrintableWriter:
    """Encodes canonical text (CRLF line ends) as quoted-printable in lines of at most 76 characters (RFC 2045 section 6.7)."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self._rest = b""

    def write(self, data: bytes, /) -> int:
        joined = self._rest + data
        cut = joined.rfind(b"\r\n") + 2
        if cut >= 2:
            self._target.write(binascii.b2a_qp(joined[:cut]))
            joined = joined[cut:]
        while len(joined) > CHUNK:
            self._target.write(self._without_line_end(joined[:CHUNK]) + b"=\r\n")
            joined = joined[CHUNK:]
        self._rest = joined
        return len(data)

    def close(self) -> None:
        self._target.write(self._without_line_end(self._rest))
        self._rest = b""

    @staticmethod
    def _without_line_end(text: bytes) -> bytes:
        # b2a_qp copies the kind of line end it meets first into its soft breaks; here it meets none.
        return binascii.b2a_qp(text).replace(b"=\n", b"=\r\n")
