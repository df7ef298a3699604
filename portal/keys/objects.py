"""Sealed objects: files under random names that are written once, durable before any row names them, and removed by a sweeper.

Nothing unsealed is ever given to this storage. The same interface (Django's storage API) serves S3-compatible stores (s3.py).
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import transaction
from django.utils import timezone

from portal.keys.models import Hold
from portal.rows import rows
from portal.stops import stop_here

HELD_FOR = timedelta(days=1)  # at most: who is killed does not say that it is over


class _DurableFile(File):
    """On close: bytes on disk first, then the name (pipeline rule 8: a sealed file is fsynced before the row that names it)."""

    def __init__(self, path: str) -> None:
        os.makedirs(os.path.dirname(path), mode=0o770, exist_ok=True)
        self._path, self._draft = path, f"{path}.part"
        super().__init__(open(self._draft, "wb"), name=path)  # noqa: SIM115 - closed by close()

    def close(self) -> None:
        if self.file.closed:
            return
        self.file.flush()
        stop_here("object.before-fsync")
        os.fsync(self.file.fileno())
        self.file.close()
        stop_here("object.before-rename")
        os.rename(self._draft, self._path)
        stop_here("object.after-rename")
        folder = os.open(os.path.dirname(self._path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        stop_here("object.durable")

    def discard(self) -> None:
        self.file.close()
        os.unlink(self._draft)


class SealedObjects(FileSystemStorage):
    """The embedded default: a folder on this machine. There is no URL: every read goes through a decision."""

    def __init__(self) -> None:
        super().__init__(location=settings.SEALED_OBJECTS_DIR, base_url=None)

    def _open(self, name: str, mode: str = "rb") -> File:
        return _DurableFile(self.path(name)) if mode == "wb" else super()._open(name, mode)

    def free(self) -> int:
        """Octets that there is room for."""
        return shutil.disk_usage(settings.DATA_DIR).free

    def names_before(self, moment: datetime) -> Iterator[str]:
        """The objects that were written before `moment`."""
        folders, _ = self.listdir("") if self.exists("") else ([], [])
        for folder in folders:
            for file in self.listdir(folder)[1]:
                name = f"{folder}/{file}"
                if self.get_modified_time(name) < moment:
                    yield name


def random_name() -> str:
    name = secrets.token_hex(16)
    return f"{name[:2]}/{name[2:]}"


@contextmanager
def create(name: str = "") -> Iterator[tuple[str, BinaryIO]]:
    """(name, file) of a new object. Durable when the block ends well; gone when it ends with an exception.

    Only a restore gives the name: the one the object had.
    """
    name = name or random_name()
    file = default_storage.open(name, "wb")
    try:
        yield name, file
    except BaseException:
        discard = getattr(file, "discard", file.close)
        discard()
        raise
    file.close()


def open_object(name: str) -> BinaryIO:
    """The object's sealed bytes, seekable."""
    return default_storage.open(name, "rb").file


def stream(name: str) -> Iterator[bytes]:
    """The object's sealed bytes in pieces; the file is closed when the last was taken."""
    with open_object(name) as file:
        while piece := file.read(64 * 1024):
            yield piece


def names_before(moment: datetime) -> Iterator[str]:
    """All objects that were written before `moment`, named by a row or not."""
    return default_storage.names_before(moment)


def room_for(octets: int) -> bool:
    """Whether so much would fit. A store that can't tell is believed to have room until it says no."""
    free = getattr(default_storage, "free", None)
    return free is None or free() >= octets


@contextmanager
def held() -> Iterator[None]:
    """While it lasts nobody deletes objects, on no machine: what rows name at a moment within it is there until it ends."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        Hold.objects.filter(until__lte=now).delete()
        hold = Hold.objects.create(until=now + HELD_FOR)
    try:
        yield
    finally:
        hold.delete()


def delete(*names: str) -> None:
    """Removes objects; those that are gone already are fine. While they are held, they are left to the sweeper.

    To be called when what made their rows name them no more is committed: a hold that is not seen here began later than that.
    """
    if rows(Hold, "SELECT id FROM keys_hold WHERE until > %s LIMIT 1", timezone.now()):
        return
    for name in names:
        default_storage.delete(name)
        stop_here("object.deleted")
