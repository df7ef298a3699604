"""Reading files and standard input: messages as sources, their armour taken off, and small things as bytes."""

import io
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from os import fstat
from typing import BinaryIO

from secmail.cli.failures import Failure, concerning
from secmail.cli.progress import Progress, counted
from secmail.errors import Malformed
from secmail.mime.encodings import Base64Reader
from secmail.streams import CHUNK, ChunkReader, FileSource, Source, copy, section

MAX_SMALL = 64 * 1024 * 1024  # octets of anything but a message
HEAD = 8192  # octets in which the armour of a message begins
# RFC 7468 has the first two; gpgsm writes the last two
CMS_ARMOUR = re.compile(rb"^-----BEGIN (CMS|PKCS7|PKCS #7 SIGNED DATA|SIGNED MESSAGE|ENCRYPTED MESSAGE)-----[ \t]*\r?\n", re.MULTILINE)
ANY_ARMOUR = re.compile(rb"\s*-----BEGIN ([A-Z0-9 #]+)-----")
EMPTY = "it is empty"
FIELD = re.compile(rb"\s*[!-9;-~]+[ \t]*:")


def small(name: str) -> bytes:
    """All of a small file (``-``: standard input)."""
    with concerning(name), _opened(name) as file:
        data = file.read(MAX_SMALL + 1)
        if len(data) > MAX_SMALL:
            raise Malformed(f"more than {MAX_SMALL} octets")
        if not data:
            raise Malformed(EMPTY)
    return data


@contextmanager
def message(name: str | None) -> Iterator[Source]:
    """A signed or encrypted message, readable again and again. From a pipe it is spooled to a file without a name."""
    with ExitStack() as stack:
        with concerning(name or "-"):
            file = stack.enter_context(_seekable(name or "-"))
            size = file.seek(0, io.SEEK_END)
            progress = stack.enter_context(Progress(name, size))
            found = _start(FileSource(counted(file, progress))) if size else _NoMessage(EMPTY)
        yield found


@contextmanager
def detached(name: str | None) -> Iterator[Source | None]:
    """The content of a signature that stands alone; None where no file is named."""
    if name is None:
        yield None
        return
    with ExitStack() as stack:
        with concerning(name):
            file = stack.enter_context(_seekable(name))
        yield FileSource(file)


@contextmanager
def content(name: str | None) -> Iterator[BinaryIO]:
    """Content to be signed or encrypted: read in one pass, never spooled."""
    with ExitStack() as stack:
        with concerning(name or "-"):
            file = stack.enter_context(_opened(name or "-"))
            size = fstat(file.fileno()).st_size if _is_regular(file) else 0
            progress = stack.enter_context(Progress(name, size))
        yield counted(file, progress)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with open(name, "rb") as file:
        yield file


@contextmanager
def _seekable(name: str) -> Iterator[BinaryIO]:
    with _opened(name) as file:
        if _is_regular(file):
            yield file
            return
        with tempfile.TemporaryFile() as spool:
            copy(file, spool)
            yield spool


def _is_regular(file: BinaryIO) -> bool:
    return stat.S_ISREG(fstat(file.fileno()).st_mode)


# Where a message begins


def _start(source: Source) -> Source:
    """A message where it begins: the line that mailboxes put before it and the armour around it taken off."""
    with source.open() as stream:
        head = stream.read(HEAD)
    if head.startswith(b"From "):
        return section(source, head.find(b"\n") + 1)
    armour = CMS_ARMOUR.search(head)
    if armour is None and (other := ANY_ARMOUR.match(head)):
        return _NoMessage(f"no message, but a PEM block {other[1].decode('ascii')}")
    if armour is None or (FIELD.match(head) and head[: armour.start()].strip()):
        return source
    return _Armoured(source, armour.end(), b"-----END " + armour[1] + b"-----")


class _NoMessage:
    """What can't be a message; whoever reads it is told so, as of anything that is malformed."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def open(self) -> BinaryIO:
        raise Malformed(self._reason)


class _Armoured:
    """The octets in a PEM block; each pass decodes them again."""

    def __init__(self, source: Source, start: int, end_line: bytes) -> None:
        self._source, self._start, self._end_line = source, start, end_line

    def open(self) -> BinaryIO:
        stream = section(self._source, self._start).open()
        return Base64Reader(ChunkReader(self._body(stream), stream))

    def _body(self, stream: BinaryIO) -> Iterator[bytes]:
        while chunk := stream.read(CHUNK):
            body, dash, rest = chunk.partition(b"-")
            yield body
            if dash:
                line = dash + rest + stream.read(len(self._end_line))
                if not line.startswith(self._end_line):
                    break
                return
        raise Malformed("the PEM armour has no end")


# Moments


def moment(text: str | None) -> datetime:
    """``--at``: ISO 8601 or RFC 3339, in UTC if it names no zone; now if there is none."""
    if text is None:
        return datetime.now(UTC)
    try:
        read = datetime.fromisoformat(text.upper())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failure(f"--at {text}: no date and time as in 2026-03-01T12:00:00Z") from None
