"""Accepted means kept: a database that is set to forget is refused at start."""

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

# What `synchronous_commit` may be on PostgreSQL: all of them wait for the local disk.
SYNCHRONOUS_COMMIT = {"on", "remote_write", "remote_apply"}
SQLITE_FULL = 2


def check() -> None:
    """Raises ImproperlyConfigured unless a committed transaction survives loss of power."""
    if connection.vendor == "sqlite":
        if _ask("PRAGMA journal_mode") != "wal" or int(_ask("PRAGMA synchronous")) < SQLITE_FULL:
            raise ImproperlyConfigured("SQLite must run with journal_mode=WAL and synchronous=FULL")
    elif connection.vendor == "postgresql":
        if _ask("SHOW synchronous_commit") not in SYNCHRONOUS_COMMIT or _ask("SHOW fsync") != "on":
            raise ImproperlyConfigured("PostgreSQL must run with synchronous_commit=on and fsync=on")
    else:
        raise ImproperlyConfigured(f"{connection.vendor} can't hold the queue: use SQLite or PostgreSQL")


def _ask(question: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return str(cursor.fetchone()[0])
