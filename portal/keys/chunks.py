"""Files of any size under a fresh key: 64 KiB chunks, each AES-256-GCM, index and last-chunk flag in the nonce (the STREAM construction).

A chunk can be neither moved, dropped nor appended; a truncated file never reads to its end. Memory does not grow with the file.
"""

import io
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
    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file, self._cipher = file, AESGCM(key)
        self._chunk, self._index, self._done = b"", 0, False
        if file.read(len(_MAGIC)) != _MAGIC:
            raise SealBroken("not a sealed file")
        self._ahead = file.read(CHUNK + _TAG)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while not self._chunk and not self._done:
            self._open_next()
        part = self._chunk[: len(buffer)]
        buffer[: len(part)] = part
        self._chunk = self._chunk[len(part) :]
        return len(part)

    def _open_next(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + _TAG)
        self._done = not self._ahead
        try:
            self._chunk = self._cipher.decrypt(_nonce(self._index, self._done), sealed, None)
        except (InvalidTag, ValueError):
            raise SealBroken("a sealed file was changed or cut short") from None
        self._index += 1

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def open_chunks(file: BinaryIO, key: bytes) -> BinaryIO:
    """The plaintext of a sealed file as a stream. Raises `SealBroken` while reading if the file was changed."""
    return io.BufferedReader(_ChunkStream(file, key), CHUNK)
