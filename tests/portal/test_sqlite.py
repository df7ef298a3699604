"""Writers of SQLite queue: a process that dies with its turn holds up nobody, and one that hangs nobody for ever."""

import functools
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from portal.accounts.models import random_id
from portal.sqlite import base
from portal.sqlite.base import Queue
from tests.counting.models import Count

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL locks rows"),
]
HOLD = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"


def folder() -> Path:
    return Path(connection.settings_dict["NAME"]).parent


@contextmanager
def holder():
    """Another process whose turn it is."""
    command = [sys.executable, "-c", HOLD, str(folder())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def is_free() -> bool:
    """Whether it is nobody's turn: another process can have it."""
    script = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    return subprocess.run([sys.executable, "-c", script, str(folder())], check=False, stderr=subprocess.DEVNULL).returncode == 0


def in_a_thread(act) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def soon(act):
    """What another thread, with a connection of its own, returns or raises; TimeoutError if it hangs."""

    def run():
        try:
            return act()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(run).result(timeout=10)
    finally:
        pool.shutdown(wait=False)


def in_a_transaction() -> None:
    with transaction.atomic():
        Count.objects.create(target="a")


WRITES = [in_a_transaction, lambda: Count.objects.create(target="a"), lambda: Count.objects.bulk_create([Count(target="a")])]


@pytest.mark.parametrize("write", WRITES)
def test_whoever_writes_waits_for_the_turn_and_gets_it_when_its_holder_is_killed(write):
    with holder() as process:
        thread = in_a_thread(write)
        thread.join(0.3)
        assert thread.is_alive()
        assert not Count.objects.exists()  # reading waits for nobody
        process.kill()
        thread.join(10)
    assert Count.objects.count() == 1


def test_the_turn_lasts_as_long_as_the_transaction():
    with transaction.atomic():
        Count.objects.create(target="a")
        assert not is_free()
    assert is_free()


def test_a_transaction_that_fails_ends_the_turn():
    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError
    assert is_free()


def test_a_statement_that_fails_ends_the_turn():
    Count.objects.create(target="a")
    with pytest.raises(IntegrityError):
        Count.objects.create(target="a")
    assert is_free()


def test_a_connection_that_is_closed_within_its_transaction_ends_the_turn():
    with transaction.atomic():
        connection.close()
    assert is_free()


def test_every_one_of_many_writers_has_its_turn():
    def write(number: int) -> None:
        for again in range(10):
            Count.objects.create(target=f"{number}/{again}")

    for thread in [in_a_thread(functools.partial(write, number)) for number in range(8)]:
        thread.join(30)
    assert Count.objects.count() == 80


@pytest.fixture
def impatient(monkeypatch):
    """Connections that are new wait no longer than a tenth of a second."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.1)


@pytest.mark.parametrize("write", WRITES)
def test_behind_a_process_that_hangs_whoever_writes_gives_up_as_sqlite_would(impatient, write):
    with holder():
        for _ in range(2):  # giving up leaves nothing behind
            with pytest.raises(OperationalError, match="database is locked"):
                soon(write)
    soon(write)
    assert Count.objects.count() == 1


def test_the_threads_of_a_process_give_up_together_and_not_one_after_the_other(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1.0)
    with holder(), ThreadPoolExecutor(15) as pool:
        began = time.monotonic()
        assert all(isinstance(each.exception(), OperationalError) for each in [pool.submit(soon, in_a_transaction) for _ in range(15)])
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(("method", "lost"), [("GET", False), ("POST", True)])
def test_a_request_that_gave_up_says_that_the_database_is_busy_and_whether_something_may_be_lost(impatient, client, method, lost):
    client.raise_request_exception = False
    with holder():
        answer = soon(lambda: client.generic(method, "/testing/count/a", secure=True))
    assert (answer.status_code, "The database is busy" in answer.text, "what you did last may not be saved" in answer.text) == (503, True, lost)


def test_a_queue_needs_no_right_to_write(tmp_path):
    tmp_path.chmod(0o500)
    queue = Queue(tmp_path, patience=1)
    queue.enter()
    queue.leave()
    queue.close()


def test_the_log_begins_anew_while_everybody_writes():
    """What is committed goes over into the database again and again, although there is no moment in which nobody has just written."""
    log = folder() / f"{Path(connection.settings_dict['NAME']).name}-wal"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def write() -> None:
        for _ in range(300):
            with transaction.atomic():
                Count.objects.create(target=random_id())

    writers = [in_a_thread(write) for _ in range(2)]
    for each in writers:
        each.join()
    assert Count.objects.count() == 600
    assert log.stat().st_size < 1_000_000  # each of them wrote three pages


def test_a_turn_that_does_not_come_after_a_commit_makes_no_error_of_it(monkeypatch, request):
    """Whoever was told of an error would believe that nothing was kept."""
    monkeypatch.setattr(base, "CHECKPOINT_EVERY", 1)
    connection.ensure_connection()
    monkeypatch.setattr(connection.queue, "_patience", 0.1)
    with transaction.atomic():
        Count.objects.create(target="a")
        base._one_of_a_process.acquire()
        request.addfinalizer(base._one_of_a_process.release)
    assert Count.objects.count() == 1
