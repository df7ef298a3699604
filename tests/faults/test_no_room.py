"""Where nothing can be written, nothing is said to be accepted; afterwards work goes on, and the database is whole."""

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.faults.ledger import ledger
from tests.faults.sending import Sender, patiently, post_once, wait_until_drained
from tests.http import Form, Refused
from tests.stack import Stack, wait_for

MEGABYTES = 48


def no_mounts() -> str:
    """Why a small disk can't be had here, or empty."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True).returncode:
        return "only who may mount can fill a disk"
    return ""


pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(no_mounts()), reason=no_mounts() or "-")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def whole(stack: Stack) -> bool:
    """What SQLite itself says of its file."""
    with contextlib.closing(sqlite3.connect(stack.data / "portal.sqlite3")) as database:
        return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)] and not database.execute("PRAGMA foreign_key_check").fetchall()


def try_each(sender: Sender, forms: list[Form]) -> tuple[set[str], list[Form]]:
    """(ids of those accepted, forms that were not)."""
    accepted, refused = set(), []
    for form in forms:
        try:
            accepted.add(post_once(sender.browser, form))
        except (OSError, Refused):
            refused.append(form)
    return accepted, refused


def messages(stack: Stack) -> set[str]:
    return {each for (each,) in stack.query("SELECT id FROM mail_message")}


def fill(file: Path) -> None:
    """Until nothing more fits."""
    with contextlib.suppress(OSError), file.open("ab", buffering=0) as filler:
        while filler.write(b"\0" * 4096):
            pass


def test_a_full_disk_accepts_nothing_and_what_was_accepted_goes_on_when_there_is_room(small_disk: Path) -> None:
    with Stack(small_disk / "data", demo=True, LEASE_SECONDS="2") as stack:
        alice = Sender(stack, "alice", "bob")
        stack.freeze("bulk")  # so that something waits to be done without room
        before = {alice.send(f"Before {number}") for number in range(5)}
        fill(small_disk / "filler")
        stack.thaw("bulk")
        accepted, refused = try_each(alice, [alice.fresh(f"No room {number}") for number in range(20)])
        assert refused, "the disk is full"
        assert accepted <= messages(stack)
        killed = stack.kill("dispatcher")  # whatever exits is started again without room, too
        wait_for(lambda: stack.pid("dispatcher") not in {killed, None}, within=20, what="the dispatcher runs again")
        (small_disk / "filler").unlink()
        accepted |= before | {patiently(lambda: post_once(alice.browser, form), what="accepted") for form in refused}  # noqa: B023
        wait_until_drained(stack, within=90)
        books = ledger(stack, accepted)
        print(f"{len(refused)} of 20 refused without room; {books}")
        assert books.clean, str(books)
        assert accepted == messages(stack)
        stack.wait_ready()
        assert whole(stack)


def test_a_read_only_sqlite_accepts_nothing(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", demo=True, LEASE_SECONDS="2") as stack:
        alice = Sender(stack, "alice", "bob")
        accepted = {alice.send("Before")}
        wait_until_drained(stack)
        file = stack.data / "portal.sqlite3"
        subprocess.run(["mount", "--bind", file, file], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", file], check=True)
        try:
            restart_web(stack)  # what was opened before could still write
            assert try_each(alice, [alice.fresh(f"Read only {number}") for number in range(5)])[0] == set()
        finally:
            subprocess.run(["umount", "--lazy", file], check=True)
        restart_web(stack)
        accepted |= {alice.send("After")}
        wait_until_drained(stack)
        assert ledger(stack, accepted).clean
        assert messages(stack) == accepted
        assert whole(stack)


def restart_web(stack: Stack) -> None:
    killed = stack.kill("web")
    wait_for(lambda: stack.pid("web") not in {killed, None} and stack.health()[0], within=30, what="web runs again")


@pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")
def test_a_read_only_postgresql_accepts_nothing(tmp_path: Path) -> None:
    with postgres.Postgres() as server, Stack(tmp_path / "data", demo=True, postgres=server, LEASE_SECONDS="2") as stack:
        alice = Sender(stack, "alice", "bob")
        accepted = {alice.send("Before")}
        wait_until_drained(stack)
        read_only(server, stack, on=True)
        assert try_each(alice, [alice.fresh(f"Read only {number}") for number in range(5)])[0] == set()
        read_only(server, stack, on=False)
        accepted |= {alice.send("After")}
        wait_until_drained(stack)
        assert ledger(stack, accepted).clean
        assert messages(stack) == accepted


def read_only(server: postgres.Postgres, stack: Stack, *, on: bool) -> None:
    """For everybody, also for those who are connected: they are thrown out."""
    import psycopg

    with psycopg.connect(host=str(server.folder), user="portal", dbname="postgres", autocommit=True) as database:
        database.execute(f"ALTER DATABASE {stack.database} SET default_transaction_read_only = {'on' if on else 'off'}")
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [stack.database])
