"""Writing results: to standard output, or to a file that appears complete or not at all."""

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from secmail.cli.failures import Failure, printable


@contextmanager
def output(name: str | None) -> Iterator[BinaryIO]:
    """Where a result goes: a file beside the target, with mode 0600, that takes its name at the end; it vanishes if the block raises."""
    if name in (None, "-"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(str(name)))
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            with target.open("wb") as device:  # such as /dev/null, which a rename would replace
                yield device
            return
        handle, temporary = tempfile.mkstemp(prefix=".secmail-", dir=target.parent)
    except OSError as error:
        raise Failure(f"{name}: {error.strerror}") from error
    try:
        with open(handle, "wb") as file:
            yield file
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def print_json(value: object, name: str | None = None) -> None:
    """One object as a result. All but ASCII is escaped, so that foreign text can't play with the terminal."""
    with output(name) as out:
        out.write(json.dumps(value, indent=2).encode("ascii") + b"\n")


def print_lines(lines: Iterable[str], name: str | None = None) -> None:
    """A result for people."""
    with output(name) as out:
        for each in lines:
            out.write(printable(each).encode("utf-8", "backslashreplace") + b"\n")


def note(text: str) -> None:
    """One line for people on standard error."""
    line = f"secmail: {printable(text)}"
    encoding = sys.stderr.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)
