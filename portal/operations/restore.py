"""A portal from a backup: nothing is put in place before all of the archive has been found whole and this portal's."""

import fcntl
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from portal.audit.models import Verb
from portal.audit.services import Actor, record
from portal.keys import intake, master, objects
from portal.mail.services import restored
from portal.operations import archive, snapshot

_PIECE = 1024 * 1024


class Refused(Exception):
    """Nothing was changed. The text is for the operator."""


def restore(*, file: Path, force: bool, actor: Actor) -> archive.Manifest:
    """Puts objects and database of a backup in place and sets up a new intake key. Raises `Refused`."""
    _check_target(force)
    with file.open("rb") as opened:
        try:
            manifest = archive.verify(opened)
            _check_fits(manifest, force)
            _put(opened, manifest, replace=force)
        except (archive.BadArchive, master.MasterKeyUnavailable, snapshot.NoTool) as reason:
            raise Refused(str(reason)) from None
    call_command("migrate", interactive=False, verbosity=0)
    if not settings.IDENTITY_FINGERPRINT:
        settings.IDENTITY_FILE.write_text(manifest.fingerprint + "\n", encoding="ascii")
    with transaction.atomic():
        intake.rotate()
        restored.seal_again(manifest.addressed)
        record(verb=Verb.RESTORED, actor=actor, kind="portal", id=manifest.made_at)
    return manifest


def _check_target(force: bool) -> None:
    if _is_running():
        raise Refused("The portal is running. Stop it first.")
    if force:
        return
    if not snapshot.database_is_empty():
        raise Refused("There is a database already. --force replaces it.")
    if next(iter(objects.names_before(timezone.now())), None) is not None:
        raise Refused("There are sealed objects already. --force goes on all the same.")


def _is_running() -> bool:
    """Whether `serve` holds its lock here; processes on other machines can't be seen."""
    try:
        with (settings.REDIS_SOCKET.parent / "redis.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _check_fits(manifest: archive.Manifest, force: bool) -> None:
    if manifest.vendor != connection.vendor:
        raise Refused(f"This backup is of a portal on {manifest.vendor}; DATABASE_URL names {connection.vendor}.")
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if set(manifest.schema) - known:
        raise Refused("This backup was made by a newer version of the portal. Install that one first.")
    if settings.IDENTITY_FINGERPRINT and manifest.fingerprint != settings.IDENTITY_FINGERPRINT:
        raise Refused("IDENTITY_FINGERPRINT is not that of the portal in this backup.")
    file = settings.IDENTITY_FILE
    if not force and file.exists() and file.read_text(encoding="ascii").strip() != manifest.fingerprint:
        raise Refused(f"{file} is not that of the portal in this backup. --force replaces it.")


def _put(opened: BinaryIO, manifest: archive.Manifest, *, replace: bool) -> None:
    """Objects first, as everywhere: a row never names what is not there. What is put is digested once more."""
    settings.DATA_DIR.mkdir(mode=0o777 & ~settings.UMASK, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="restore.", dir=settings.DATA_DIR) as folder, archive.damage_told():
        database = Path(folder) / "database"
        for name, content in archive.members(opened):
            if found := archive.OBJECT.fullmatch(name):
                with objects.create(found[1]) as (_, file):
                    _copy(content, file, manifest.members[name])
            elif name == archive.DATABASE:
                with database.open("wb") as file:
                    _copy(content, file, manifest.members[name])
                    file.flush()
                    os.fsync(file.fileno())
        snapshot.put(database, replace=replace)


def _copy(content: archive.Digested, file: BinaryIO, digest: str) -> None:
    while piece := content.read(_PIECE):
        file.write(piece)
    if content.hexdigest != digest:
        raise archive.BadArchive("The archive changed while it was read. The database was not replaced.")
