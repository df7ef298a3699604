"""A snapshot of the database while others go on writing, without what no backup may hold.

Left out are the intake keys (only their private halves are secret, but without these the rows are of no use), all sessions, and the backup's own
hold on the objects.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from portal.accounts.models import User
from portal.audit.models import Event
from portal.keys.models import Hold, Identity, IntakeKey, UnlockedSession
from portal.mail.models import Delivery, Draft, Message
from portal.mail.services import housekeeping, restored

LEFT_OUT = tuple(model._meta.db_table for model in (IntakeKey, UnlockedSession, Session, Hold))
COUNTED = {"people": User, "messages": Message, "deliveries": Delivery, "drafts": Draft, "audit events": Event}
_COPY = "snapshot"  # its alias, while it is looked at


class NoTool(Exception):
    """A program of PostgreSQL's that is needed is not here, or said no. The text is for the operator."""


@dataclass(frozen=True)
class Contents:
    """What a snapshot names and holds."""

    vendor: str
    schema: list[str]
    public: bytes  # the portal's identity
    objects: set[str]
    counts: dict[str, int]
    waiting: dict[str, int]
    addressed: list[str]


def take(file: Path) -> Contents:
    """Writes what the database holds at one moment to `file`, which must not exist, and says what that is."""
    return _of_sqlite(file) if connection.vendor == "sqlite" else _of_postgresql(file)


def _of_sqlite(file: Path) -> Contents:
    """SQLite's online backup, in one step: a reader of the write-ahead log, for whom no writer waits."""
    connection.ensure_connection()
    with closing(sqlite3.connect(file, isolation_level=None)) as copy:
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        for table in LEFT_OUT:
            copy.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own
        copy.execute("VACUUM")  # what was deleted, now or earlier, is still in the pages that are free
    with _looking_at(file):
        return _contents(_COPY)


@contextmanager
def _looking_at(file: Path) -> Iterator[None]:
    connections.databases[_COPY] = {**connections.databases[DEFAULT_DB_ALIAS], "NAME": str(file), "OPTIONS": {}}
    try:
        yield
    finally:
        connections[_COPY].close()
        del connections[_COPY]
        del connections.databases[_COPY]


def _of_postgresql(file: Path) -> Contents:
    """`pg_dump` and what is read here see the same moment: one of us exports it, the other takes it over."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        exported = cursor.fetchone()[0]
        left_out = [f"--exclude-table-data={table}" for table in LEFT_OUT]
        run_tool("pg_dump", "--format=custom", f"--snapshot={exported}", f"--file={file}", *left_out)
        return _contents(DEFAULT_DB_ALIAS)


def put(file: Path, *, replace: bool) -> None:
    """Makes the snapshot in `file` the database, for both kinds whole or not at all. The file may be gone afterwards."""
    connections.close_all()
    if connection.vendor == "sqlite":
        _put_sqlite(file)
    else:
        more = ["--clean", "--if-exists"] if replace else []
        name = connection.get_connection_params()["dbname"]
        run_tool("pg_restore", "--single-transaction", "--exit-on-error", *more, f"--dbname={name}", str(file))


def _put_sqlite(file: Path) -> None:
    """What was there is put aside, with what its write-ahead log still holds."""
    place = Path(connection.settings_dict["NAME"])
    number = 1
    while (aside := place.with_name(f"{place.name}.before-restore-{number}")).exists():
        number += 1
    for ending in ("-wal", "-shm", ""):
        if (old := place.with_name(place.name + ending)).exists():
            old.rename(aside.with_name(aside.name + ending))
    file.rename(place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def database_is_empty() -> bool:
    """Whether there is nothing that a restore would replace."""
    if connection.vendor == "sqlite":
        place = Path(connection.settings_dict["NAME"])
        return not place.exists() or place.stat().st_size == 0
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)


def run_tool(name: str, *arguments: str) -> None:
    """A program of PostgreSQL's on our database, with our privileges and without its owners. Raises `NoTool`."""
    program = shutil.which(name)
    if program is None:
        raise NoTool(f"{name} is not on the PATH. Install PostgreSQL's client programs, not older than the server.")
    command = [program, "--no-owner", "--no-privileges", *arguments]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoTool(f"{name} failed: {done.stderr.strip()[:500]}")


def _environment() -> dict[str, str]:
    """Where the database is, and its password, in libpq's variables: arguments can be read by all."""
    from psycopg.pq import Conninfo

    variables = {each.keyword.decode(): each.envvar.decode() for each in Conninfo.get_defaults() if each.envvar}
    given = connection.get_connection_params()
    return {**os.environ, **{variables[name]: str(value) for name, value in given.items() if name in variables}}


def _contents(database: str) -> Contents:
    applied = MigrationRecorder(connections[database]).applied_migrations()
    return Contents(
        vendor=connections[database].vendor,
        schema=sorted(f"{app}.{name}" for app, name in applied),
        public=Identity.objects.using(database).get().public,
        objects=housekeeping.named(database) - {""},
        counts={name: model.objects.using(database).count() for name, model in COUNTED.items()},
        waiting=restored.waiting(database),
        addressed=restored.addressed_as_sealed(database),
    )
