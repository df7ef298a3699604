"""Byte streams: content that can be read twice, and the codecs a message passes through (RFC 2045 section 6, RFC 8551 section 3.1).

Two directions, both in big chunks, so that memory does not grow with the message:

* pull: a ``Source`` gives a fresh forward-only stream for each pass; readers wrap one stream in another;
* push: a ``Sink`` is written to; writers wrap one sink in another.

Closing a writer finishes its own layer and leaves its target open, because something may follow there. Closing a reader closes the
stream beneath it, because a pass belongs to one chain of readers.
"""

import binascii
import io
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Protocol, runtime_checkable

from secmail.errors import Malformed

CHUNK = 65536


@runtime_checkable
class Source(Protocol):
    """Content that can be read again from the start."""

    def open(self) -> BinaryIO:
        """Return a fresh stream, readable and forward only, at the first octet. The caller closes it."""
        ...


class Writable(Protocol):
    """What a writer needs of its target: a sink, or any file open for writing."""

    def write(self, data: bytes, /) -> object: ...


class Sink(Writable, Protocol):
    """Where content is pushed to. ``close()`` finishes this layer only."""

    def close(self) -> None: ...


def copy(stream: BinaryIO, sink: Writable, chunk: int = CHUNK) -> int:
    """Push all that is left of ``stream`` into ``sink``; return the number of octets. Closes neither."""
    total = 0
    while data := stream.read(chunk):
        sink.write(data)
        total += len(data)
    return total


# --- pull -----------------------------------------------------------------------------------------------------------


def longer(source: Source, octets: int) -> bool:
    """Whether a source has more octets than that; no more of it is read than tells."""
    with closing(source.open()) as stream:
        while octets >= 0 and (piece := stream.read(CHUNK)):
            octets -= len(piece)
    return octets < 0


class ChunkReader(io.BufferedIOBase, BinaryIO):
    """A forward-only stream over an iterable of byte chunks: the base of all readers here.

    ``read(n)`` gives exactly n octets unless the content ends; ``read1`` and iteration give what is at hand.
    """

    def __init__(self, chunks: Iterable[bytes], beneath: BinaryIO | None = None) -> None:
        self._chunks = iter(chunks)
        self._beneath = beneath
        self._chunk = b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            rest = self._chunk[self._position :]
            self._chunk, self._position = b"", 0
            return b"".join([rest, *self._chunks])
        piece = self.read1(size)
        if len(piece) in (0, size):
            return piece
        pieces, missing = [piece], size - len(piece)
        while missing and (piece := self.read1(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def read1(self, size: int = -1, /) -> bytes:
        if size == 0:
            return b""
        while self._position == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._chunk, self._position = bytes(chunk), 0
        start = self._position
        self._position = len(self._chunk) if size < 0 else min(start + size, len(self._chunk))
        return self._chunk[start : self._position]

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed and self._beneath is not None:
            self._beneath.close()
        super().close()


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while data := stream.read(CHUNK):
        yield data


class BytesSource:
    """Content held in memory: for small things."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)

    def section(self, start: int, end: int | None) -> Source:
        return BytesSource(self._data[start:end])


class FileSource:
    """The octets from ``start`` to ``end`` (exclusive; None: the end of the file) of a seekable file, which stays open and the caller's.

    Passes don't share a position: each seeks before it reads. One thread at a time.
    """

    def __init__(self, file: BinaryIO, start: int = 0, end: int | None = None) -> None:
        self._file, self._start, self._end = file, start, end

    def open(self) -> BinaryIO:
        return ChunkReader(self._read())

    def section(self, start: int, end: int | None) -> Source:
        stop = self._end if end is None else self._start + end
        if stop is not None and self._end is not None:
            stop = min(stop, self._end)
        return FileSource(self._file, self._start + start, stop)

    def _read(self) -> Iterator[bytes]:
        position = self._start
        while self._end is None or position < self._end:
            self._file.seek(position)
            data = self._file.read(CHUNK if self._end is None else min(CHUNK, self._end - position))
            if not data:
                return
            position += len(data)
            yield data


class _Section:
    """A range of a source that can't seek: each pass reads past what comes before."""

    def __init__(self, source: Source, start: int, end: int | None) -> None:
        self._source, self._start, self._end = source, start, end

    def open(self) -> BinaryIO:
        stream = self._source.open()
        return ChunkReader(self._read(stream), stream)

    def section(self, start: int, end: int | None) -> Source:
        stop = self._end if end is None else self._start + end
        if stop is not None and self._end is not None:
            stop = min(stop, self._end)
        return _Section(self._source, self._start + start, stop)

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        before = self._start
        while before and (data := stream.read(min(CHUNK, before))):
            before -= len(data)
        left = None if self._end is None else self._end - self._start
        while left is None or left > 0:
            data = stream.read(CHUNK if left is None else min(CHUNK, left))
            if not data:
                return
            left = None if left is None else left - len(data)
            yield data


class _Sectioned(Source, Protocol):
    def section(self, start: int, end: int | None) -> Source: ...


def section(source: Source | _Sectioned, start: int, end: int | None = None) -> Source:
    """Return the octets from ``start`` to ``end`` (exclusive; None: to the end) of ``source`` as a source of their own.

    Seeks where the source can (it has a ``section`` method), otherwise each pass reads from the start of ``source`` and skips.
    """
    own = getattr(source, "section", None)
    part: Source = own(start, end) if own is not None else _Section(source, start, end)
    return part


_WHITESPACE = b" \t\r\n"


@dataclass(frozen=True)
class _Canonical:
    source: Source

    def open(self) -> BinaryIO:
        return CrlfReader(self.source.open())


def canonical(source: Source) -> Source:
    """The same with CRLF line ends (``CrlfReader``); whole lines of what has them already are not gone over again."""
    whole = source._source if isinstance(source, _Section) else source
    return source if isinstance(whole, _Canonical) else _Canonical(source)


class Base64Reader(ChunkReader):
    """Decodes base64 (RFC 2045 section 6.8). White space is skipped; any other octet outside the alphabet is ``Malformed``."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(self._decode(stream), stream)

    @staticmethod
    def _decode(stream: BinaryIO) -> Iterator[bytes]:
        rest = b""
        padded = False
        for chunk in _chunks(stream):
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
        for chunk in _chunks(stream):
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
        for chunk in _chunks(stream):
            data = rest + chunk
            rest = b"\r" if data.endswith(b"\r") else b""
            yield _canonical(data[: len(data) - len(rest)])
        if rest:
            yield b"\r\n"


# --- push -----------------------------------------------------------------------------------------------------------


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
