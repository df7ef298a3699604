"""Django's SQLite with a queue for its only write lock (docs/decisions/storage.md).

Who finds SQLite's lock taken polls, at longer and longer intervals up to a tenth of a second. Whoever comes new then wins against whoever has
waited long: under load the web's threads took every turn, and workers delivered next to nothing. So writers first wait for a lock that all of them
ask for at the same short intervals; SQLite's own still decides.
"""

import fcntl
import itertools
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import OperationalError
from django.db.backends.sqlite3 import base

_one_of_a_process = threading.Lock()
SQLITES_PATIENCE = 5.0  # where no time-out is set, as in the sqlite3 module
LOOK_AGAIN = 0.001  # seconds; a turn takes several times as long
CHECKPOINT_EVERY = 20  # commits of a process
LOG_PAGES = 16_384  # of 4 KiB; when the log is longer, whoever commits checks it, whatever comes of the above
TAKE_OVER = "PRAGMA wal_checkpoint(PASSIVE)"
_commits = itertools.count(1)
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


class Queue:
    """flock(2) on the folder of the database: nothing is written for it, and it ends with the process that holds it, however that ends.

    One for each connection, because a lock belongs to the file that was opened; opened after the fork, as connections are.
    """

    def __init__(self, folder: Path, patience: float) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._patience = patience

    def enter(self) -> None:
        """Waits for its turn. Of the threads of a process one asks at a time: the web has many, and a worker shall not wait for all of them.

        All give up after `patience` seconds, as SQLite would: whoever's turn it is may hang.
        """
        until = time.monotonic() + self._patience
        if not _one_of_a_process.acquire(timeout=self._patience):
            raise OperationalError("database is locked")
        try:
            while not self._take():
                if time.monotonic() >= until:
                    raise OperationalError("database is locked")
                time.sleep(LOOK_AGAIN)
        finally:
            _one_of_a_process.release()

    def _take(self) -> bool:
        """Whether it was nobody's turn; it is ours then."""
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def leave(self) -> None:
        """Lets the next one in; nothing if it was not its turn."""
        fcntl.flock(self._folder, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._folder)


class DatabaseWrapper(base.DatabaseWrapper):
    queue: Queue | None = None

    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        self._forget_queue()
        if not self.is_in_memory_db():
            self.queue = Queue(Path(conn_params["database"]).absolute().parent, conn_params.get("timeout", SQLITES_PATIENCE))
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        return connection

    def create_cursor(self, name=None):
        cursor = self.connection.cursor(factory=Cursor)
        cursor.queue = self.queue
        return cursor

    def _start_transaction_under_autocommit(self):
        with entered(self.queue):
            super()._start_transaction_under_autocommit()

    def _commit(self):
        super()._commit()  # where it fails, a rollback follows
        self._leave()
        if self.queue is not None and next(_commits) % CHECKPOINT_EVERY == 0:
            self._checkpoint(self.queue)

    def _rollback(self):
        try:
            super()._rollback()
        finally:
            self._leave()

    def _close(self):
        try:
            super()._close()
        finally:
            self._forget_queue()

    def _checkpoint(self, queue: Queue) -> None:
        """Takes what was committed over into the database, for which nobody waits; then, in a turn, the little that others wrote meanwhile.

        SQLite does it as part of a commit: with this queue everybody else would wait. Without the second step the log would never
        begin anew, because there is always somebody who has just written to it.
        """
        # Another one is at it, the disk is full, or the turn does not come: what was committed stays so, and the next commits come here, too
        with suppress(OperationalError, base.Database.OperationalError):
            self.connection.execute(TAKE_OVER)
            with entered(queue):
                self.connection.execute(TAKE_OVER)
            queue.leave()

    def _leave(self) -> None:
        if self.queue is not None:
            self.queue.leave()

    def _forget_queue(self) -> None:
        if self.queue is not None:
            self.queue.close()
            self.queue = None


class Cursor(base.SQLiteCursorWrapper):
    """A statement that writes, outside of a transaction, is one by itself."""

    queue: Queue | None = None

    def execute(self, query, params=None):
        with self._turn(query):
            return super().execute(query, params)

    def executemany(self, query, param_list):
        with self._turn(query):
            return super().executemany(query, param_list)

    @contextmanager
    def _turn(self, query: str) -> Iterator[None]:
        if self.queue is None or self.connection.in_transaction or not _WRITES.match(query):
            yield
            return
        with entered(self.queue):
            yield
        self.queue.leave()


@contextmanager
def entered(queue: Queue | None) -> Iterator[None]:
    """In the queue's turn, which goes on unless there is an exception."""
    if queue is not None:
        queue.enter()
    try:
        yield
    except BaseException:
        if queue is not None:
            queue.leave()
        raise
