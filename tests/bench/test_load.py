"""The measurement of load works in small: stored messages are real, people read and write, figures are printed. How fast, no test judges."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load import report, runs
from bench.load.names import Crowd
from bench.load.users import Pace, User, sign_in
from tests.faults.sending import signed_in, wait_until_drained
from tests.stack import ROOT, Stack, wait_for

CROWD = Crowd(people=8, readers=3)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = runs.stack_in(tmp_path_factory.mktemp("load") / "data")
    runs.fill(stack, CROWD, deliveries=300, objects=8)
    with stack:
        yield stack


@pytest.fixture(scope="module")
def users(stack: Stack) -> list[User]:
    return sign_in(stack, CROWD)


def seeding(folder: Path) -> tuple[int, list[str]]:
    """How filling this folder ends, and the lines it says."""
    command = [sys.executable, "-m", "bench.load", "seed", "--data", str(folder), "--deliveries", "10"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


def test_where_no_portal_is_set_up_one_line_says_so_and_nothing_is_made(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        assert seeding(folder) == (1, [f"There is no portal in {folder} yet: run manage.py setup there first."])
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_is_said_in_one_line(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "portal.sqlite3") as database:
        database.execute("PRAGMA journal_mode=WAL")
    code, (line,) = seeding(tmp_path)
    assert (code, line) == (1, f"The database of the portal in {tmp_path} can't be read: no such table: keys_identity.")


def test_the_stored_messages_share_objects_and_leave_no_jobs(stack: Stack) -> None:
    rows, objects = stack.query("SELECT count(*), count(DISTINCT object_name) FROM mail_envelope")[0]
    deliveries = stack.query("SELECT count(*) FROM mail_delivery")[0][0]
    assert deliveries >= 300
    assert objects == 8 < rows
    assert stack.query("SELECT 1 FROM outbox_job WHERE kind IN ('seal', 'deliver')") == []


def test_a_stored_message_opens_and_its_signature_holds(stack: Stack) -> None:
    reader = signed_in(stack, "load000")
    first = wait_for(lambda: next((each for each in reader.lines() if each.subject), None), within=60, what="subjects")
    page = reader.open(first.id)
    assert page.select("//*[contains(@class, 'assurance verified')]")
    assert page.text_of("//h1[@id='subject']") == first.subject


def test_people_read_and_write_and_all_of_it_arrives(stack: Stack, users: list[User]) -> None:
    found = runs.run(stack, users, Pace(every=1.0), seconds=3)
    assert found.said.accepted
    assert (found.lost, found.said.wrong) == (0, [])
    printed = report.of(found)
    for row in ("list", "open", "submit", "web", "bulk", "interactive", "redis", "clients"):
        assert any(line.startswith(row) for line in printed.splitlines())


def test_a_message_that_is_delivered_when_the_answer_is_made_counts_as_accepted(stack: Stack, users: list[User]) -> None:
    form = users[0].form(1, {})
    message_id = users[0].post(*form)
    wait_until_drained(stack)
    assert message_id
    assert users[0].post(*form) == message_id  # the page of the same message, which has nothing left to ask for


def test_flash_is_delivered_while_routine_waits(stack: Stack, users: list[User]) -> None:
    flashes = runs.flashes(stack, users[0], waiting=600, times=1)
    assert flashes[0].waiting > 0
    assert "FLASH in its mailbox" in report.of_flashes(flashes)
