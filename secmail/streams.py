"""Byte streams: content that can be read twice, and where content is written to.

Two directions, both in big chunks, so that memory does not grow with the message:

* pull: a ``Source`` gives a fresh forward-only stream for each pass; readers wrap one stream in another;
* push: a ``Sink`` is written to; writers wrap one sink in another.

Closing a writer finishes its own layer and leaves its target open, because something may follow there. Closing a reader closes the
stream beneath it, because a pass belongs to one chain of readers.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import BinaryIO, Protocol, runtime_checkable

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


def chunks(stream: BinaryIO) -> Iterator[bytes]:
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


class Section:
    """A range of a source that can't seek: each pass reads past what comes before."""

    def __init__(self, source: Source, start: int, end: int | None) -> None:
        self.source, self._start, self._end = source, start, end

    def open(self) -> BinaryIO:
        stream = self.source.open()
        return ChunkReader(self._read(stream), stream)

    def section(self, start: int, end: int | None) -> Source:
        stop = self._end if end is None else self._start + end
        if stop is not None and self._end is not None:
            stop = min(stop, self._end)
        return Section(self.source, self._start + start, stop)

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
    part: Source = own(start, end) if own is not None else Section(source, start, end)
    return part
