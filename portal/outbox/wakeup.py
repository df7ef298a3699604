"""When the dispatcher looks: every 50 ms on SQLite; on PostgreSQL when a transaction that queued a job tells (NOTIFY), or its time has come.

A notification carries nothing and may be lost: the dispatcher looks every quarter of a second in any case, for leases that are over and jobs
whose time has come. However many transactions tell, it looks no more often than on SQLite.
"""

import contextlib
import threading
import time

from django.db import connection

CHANNEL = "portal_jobs"
LOOK_EVERY_SECONDS = 0.05
LOOK_AT_LEAST_EVERY_SECONDS = 0.25


def ring() -> None:
    """Part of the caller's transaction: PostgreSQL tells the listeners when, and only if, it commits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


class Alarm:
    """Waits for the next moment to look. It never raises: without the database there is nothing to see, and the next look says so."""

    def __init__(self) -> None:
        self._listener = None
        self._looked_at = float("-inf")

    def wait(self, stop: threading.Event) -> None:
        """Until a job was queued, the longest pause is over, or `stop` is set."""
        if connection.vendor != "postgresql":
            stop.wait(LOOK_EVERY_SECONDS)
            return
        import psycopg

        try:
            self._listen()
            for _ in self._listener.notifies(timeout=LOOK_AT_LEAST_EVERY_SECONDS, stop_after=1):
                pass
            stop.wait(max(0.0, self._looked_at + LOOK_EVERY_SECONDS - time.monotonic()))
            self._looked_at = time.monotonic()
        except psycopg.Error:
            self.close()
            stop.wait(LOOK_AT_LEAST_EVERY_SECONDS)

    def _listen(self) -> None:
        """On a connection of its own, outside of Django's: it is never in a transaction, so it hears at once."""
        if self._listener is None:
            import psycopg

            wanted = connection.get_connection_params()
            wanted = {name: value for name, value in wanted.items() if name not in ("cursor_factory", "context", "prepare_threshold")}
            self._listener = psycopg.connect(**wanted, autocommit=True)
            self._listener.execute(f"LISTEN {CHANNEL}")

    def close(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(Exception):
                self._listener.close()
            self._listener = None
