"""How far a command has come with a large file, on standard error where that is a terminal."""

import sys
import time
from types import TracebackType
from typing import BinaryIO, Self

from secmail.cli.failures import printable, shown_name

LARGE = 32 * 1024 * 1024
EVERY = 0.2  # seconds


class Progress:
    """Counts the octets read of a file; a message is read more than once: decrypted, verified, written."""

    def __init__(self, name: str | None, size: int) -> None:
        self._name, self._size = printable(shown_name(name)), size
        self._read, self._next, self._written = 0, 0.0, False

    def advance(self, octets: int) -> None:
        self._read += octets
        if self._read < LARGE or not sys.stderr.isatty() or (now := time.monotonic()) < self._next:
            return
        self._next, self._written = now + EVERY, True
        sys.stderr.write(f"\rsecmail: {self._name}: {self._told()}\x1b[K")
        sys.stderr.flush()

    def _told(self) -> str:
        if not self._size:
            return f"{self._read >> 20} MiB"
        passes, octets = divmod(self._read, self._size)
        again = f", pass {passes + 1}" if passes else ""
        return f"{100 * octets // self._size} % of {self._size >> 20} MiB{again}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._written:
            sys.stderr.write("\r\x1b[K")


class _Counted:
    """A file whose reading is counted."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file, self._progress = file, progress

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._progress.advance(len(data))
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)


def counted(file: BinaryIO, progress: Progress) -> BinaryIO:
    return _Counted(file, progress)  # type: ignore[return-value]
