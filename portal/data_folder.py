"""The data folder: who may read what is in it is settled when it is made."""

import contextlib
import os
from pathlib import Path
from typing import IO

from django.conf import settings

LOG_BYTES = 10_000_000  # a log that is larger at start is put aside, once


def prepare() -> None:
    """Makes the folder and what all processes write to, for whom SHARED_GROUP lets in. Repeating it changes nothing.

    Raises OSError if the folder, or one above it, is not ours to write to.
    """
    os.umask(settings.UMASK)
    for folder in (settings.DATA_DIR, settings.DATA_DIR / "run", settings.DATA_DIR / "log"):
        folder.mkdir(mode=0o777, parents=True, exist_ok=True)
    database = settings.DATABASES["default"]["NAME"]
    if isinstance(database, Path):  # SQLite would make it with 0644 at most, and web and workers both write to it
        os.close(os.open(database, os.O_RDONLY | os.O_CREAT, 0o666))


def open_log(path: Path) -> IO[bytes]:
    """For appending. With a shared folder, the user of another role must not make us write elsewhere: no links."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o666))
