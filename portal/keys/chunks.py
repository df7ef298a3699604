"""Files of any size under a fresh key: 64 KiB chunks, each AES-256-GCM, index and last-chunk flag in the nonce (the STREAM construction).

A chunk can be neither moved, dropped nor appended; a truncated file never reads to its end. Memory does not grow with the file.
"""

import io
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.keys.sealing import SealBroken

CHUNK = 64 * 1024
_TAG = 16
_MAGIC = b"SEALED\x01\n"


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class ChunkWriter:
    """Seals what is written to `target` under `key`, which must be fresh: nonces count from zero."""

    def __init__(self, target: BinaryIO, key: bytes) -> None:
        self._target, self._cipher = target, AESGCM(key)
        self._pending = bytearray()
        self._index = 0
        self.size = 0
        target.write(_MAGIC)

    def write(self, data: bytes) -> int:
        self.size += len(data)
        self._pending += data
        while len(self._pending) > CHUNK:  # more than one chunk: this one isn't the last
            self._seal(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Writes the last chunk. The target stays open: who opened it makes it durable."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._index, last), chunk, None))
        self._index += 1


class _ChunkStream(io.RawIOBase):
    """The plaintext from `start` to `end`. It seeks before each chunk, so that several may read one file by turns."""

    def __init__(self, file: BinaryIO, key: bytes, start: int = 0, end: int | None = None) -> None:
        self._file, self._cipher = file, AESGCM(key)
        self._index, self._skip = divmod(start, CHUNK)
        self._left = None if end is None else max(0, end - start)
        self._chunk, self._done = b"", False
        file.seek(0)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise SealBroken("not a sealed file")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._chunk and not self._done and self._left != 0:
            self._open_next()
        part = self._chunk[: len(buffer)][: self._left]
        buffer[: len(part)] = part
        self._chunk = self._chunk[len(part) :]
        self._left = None if self._left is None else self._left - len(part)
        return len(part)

    def _open_next(self) -> None:
        self._file.seek(len(_MAGIC) + self._index * (CHUNK + _TAG))
        sealed = self._file.read(CHUNK + _TAG + 1)
        self._done = len(sealed) <= CHUNK + _TAG  # nothing after it: the last one
        if not sealed and self._index:  # asked for what comes after the last octet
            return
        try:
            chunk = self._cipher.decrypt(_nonce(self._index, self._done), sealed[: CHUNK + _TAG], None)
        except (InvalidTag, ValueError):
            raise SealBroken("a sealed file was changed or cut short") from None
        self._chunk, self._skip = chunk[self._skip :], 0
        self._index += 1


class _ClosingStream(_ChunkStream):
    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def open_chunks(file: BinaryIO, key: bytes) -> BinaryIO:
    """The plaintext of a sealed file as a stream. Raises `SealBroken` while reading if the file was changed."""
    return io.BufferedReader(_ClosingStream(file, key), CHUNK)


@dataclass(frozen=True)
class SealedSource:
    """The plaintext of a sealed file, as the engine reads content: any number of times, any stretch of it.

    The file stays open and the caller's. One thread at a time.
    """

    file: BinaryIO
    key: bytes
    start: int = 0
    end: int | None = None

    def open(self) -> BinaryIO:
        return io.BufferedReader(_ChunkStream(self.file, self.key, self.start, self.end), CHUNK)

    def section(self, start: int, end: int | None) -> "SealedSource":
        """From `start` to `end` (None: the end), counted from this one's start."""
        stop = self.end if end is None else self.start + end
        if stop is not None and self.end is not None:
            stop = min(stop, self.end)
        return SealedSource(self.file, self.key, self.start + start, stop)
