"""A backup while everything runs: a snapshot of the database, and all sealed objects it names.

Objects never change, so they are copied after the snapshot that names them. Until that is done nobody deletes any.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.audit.models import Verb
from portal.audit.services import Actor, record
from portal.keys import intake, master, objects
from portal.keys.models import Identity
from portal.keys.sealing import SealBroken
from portal.mail.services import restored
from portal.operations import archive, snapshot
from portal.stops import stop_here

LOOK_SECONDS = 0.1


class Refused(Exception):
    """No backup was made. The text is for the operator."""


def back_up(*, file: Path, wait: float, actor: Actor) -> archive.Manifest:
    """Writes a backup to `file`, which must not exist and appears when it is whole. Raises `Refused`.

    Waits up to `wait` seconds for a moment at which nothing is on its way. `missing` of the manifest names objects that are gone.
    """
    _check(file)
    _wait_for_quiet(wait)
    with _appearing(file) as out, tempfile.TemporaryDirectory(prefix=f"{file.name}.", dir=file.parent) as folder:
        try:
            manifest = _write(archive.Writer(out, master.traces()), Path(folder) / "database")
        except archive.MasterKeyInside:
            raise Refused("The master key is in what would be copied. Take it out of there and make a new one.") from None
        except snapshot.NoTool as reason:
            raise Refused(str(reason)) from None
    with transaction.atomic():
        record(verb=Verb.BACKED_UP, actor=actor, kind="portal", id=manifest.made_at)
    return manifest


def _check(file: Path) -> None:
    if file.exists():
        raise Refused(f"{file} exists.")
    if settings.MASTER_KEY_FILE.resolve().is_relative_to(settings.SEALED_OBJECTS_DIR.resolve()):
        raise Refused("The master key lies among the sealed objects, which are copied. Move it and set MASTER_KEY_FILE.")
    try:
        intake.sign_as_portal(b"")
    except (master.MasterKeyUnavailable, SealBroken, Identity.DoesNotExist):
        raise Refused("The portal's master key is not at hand: without it nobody could restore this backup.") from None


def _wait_for_quiet(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(restored.waiting()[each] for each in restored.QUEUED):
        time.sleep(LOOK_SECONDS)


def _write(writer: archive.Writer, file: Path) -> archive.Manifest:
    with objects.held():
        made_at = timezone.now()
        found = snapshot.take(file)
        stop_here("backup.snapshot")
        missing = _copy(writer, found.objects)
    with file.open("rb") as opened:
        writer.add(archive.DATABASE, opened)
    manifest = archive.Manifest(
        made_at=made_at.isoformat(),
        vendor=found.vendor,
        schema=found.schema,
        fingerprint=intake.fingerprint(found.public),
        counts={**found.counts, "objects": len(found.objects) - len(missing)},
        waiting=found.waiting,
        addressed=found.addressed,
        missing=sorted(missing),
        members=writer.members.copy(),
    )
    writer.close(manifest)
    return manifest


def _copy(writer: archive.Writer, names: set[str]) -> set[str]:
    """Adds the objects; returns those that are not there."""
    missing = set()
    for name in sorted(names):
        member = f"objects/{name}"
        if not archive.OBJECT.fullmatch(member):
            raise Refused("A row names an object that can't be one of ours: somebody wrote to the database.")
        try:
            with objects.open_object(name) as file:
                writer.add(member, file)
        except FileNotFoundError:
            missing.add(name)
    return missing


@contextmanager
def _appearing(file: Path) -> Iterator[BinaryIO]:
    """A new file, for its owner only, that has its name when it is whole and on disk."""
    descriptor, draft = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.rename(draft, file)
    except BaseException:
        os.unlink(draft)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
