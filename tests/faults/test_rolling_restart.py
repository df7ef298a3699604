"""A restart under load, one process after the other: nobody is refused, nothing is lost, nothing comes twice."""

import concurrent.futures
import http.client
import os
import signal
import threading

import pytest

from tests.faults.ledger import ledger
from tests.faults.sending import patiently, signed_in, wait_until_drained
from tests.http import Browser, Refused
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

SENDERS = 2
NAMES = ("interactive", "bulk", "dispatcher", "web")


@pytest.fixture
def stack(tmp_path):
    with Stack(tmp_path / "data", demo=True, UNDO_SECONDS="0") as stack:
        wait_for(stack.idle, within=30, what="quiet")
        yield stack


class Load:
    """People who send and read as long as the block lasts, and write down what went wrong for them."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.over = stack, threading.Event()
        self.sent: dict[str, str] = {}
        self.trouble: list[str] = []

    def __enter__(self) -> "Load":
        self.bob = signed_in(self.stack, "bob")
        self.read = self._something_to_read()
        self.pool = concurrent.futures.ThreadPoolExecutor(SENDERS + 1)
        self.people = [self.pool.submit(self._send, number) for number in range(SENDERS)]
        self.people.append(self.pool.submit(self._read))
        wait_for(lambda: len(self.sent) >= SENDERS, within=60, what="a load")
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        for each in self.people:
            each.result()
        self.pool.shutdown()

    def _try(self, act):
        def once():
            try:
                return act()
            except (OSError, http.client.HTTPException, Refused) as failure:
                self.trouble.append(repr(failure))
                raise

        return patiently(once, what="done at last")

    def _send(self, number: int) -> None:
        alice, count = signed_in(self.stack, "alice"), 0
        while not self.over.is_set():
            subject = f"Message {number}.{count}"
            form = self._try(lambda: alice.compose(to="bob", subject=subject, text="Under way.", classification="RESTRICTED"))  # noqa: B023
            self.sent[subject] = self._try(lambda: alice.send_form(form))  # noqa: B023
            count += 1

    def _something_to_read(self) -> str:
        """Before the others begin to send: a page of the inbox shows fifty."""
        self.bob.send(to="bob", subject="To read", text="Under way.", classification="RESTRICTED")
        return wait_for(lambda: [each.id for each in self.bob.lines() if each.subject == "To read"], within=60, what="something to read")[0]

    def _read(self) -> None:
        """The same message again and again: those that are counted get no events but their own."""
        while not self.over.is_set():
            self._try(self.bob.lines)
            self._try(lambda: self.bob.open(self.read))

    def check(self) -> None:
        self.stack.wait_ready()
        wait_until_drained(self.stack)
        found = ledger(self.stack, self.sent.values())
        assert found.clean, str(found)


def test_nobody_notices_a_restart_by_sigusr1(stack):
    before = {name: stack.pid(name) for name in (*NAMES, "redis")}
    with Load(stack) as load:
        os.kill(stack.supervisor.pid, signal.SIGUSR1)
        wait_for(lambda: "\nrestarted\n" in stack.output.read_text(), within=120, what="restarted")
        after = {name: stack.pid(name) for name in (*NAMES, "redis")}
        sent = len(load.sent)
        wait_for(lambda: len(load.sent) > sent + SENDERS, within=60, what="it goes on")
    load.check()
    print(f"{len(load.sent)} sent meanwhile")
    assert load.trouble == []
    assert {name for name in before if before[name] != after[name]} == set(NAMES)
    assert stack.health()[1]["workers"] == {"interactive": 2, "bulk": os.cpu_count()}


def test_sigterm_to_one_after_the_other_loses_nothing(stack):
    with Load(stack) as load:
        for name in NAMES:
            pid = stack.kill(name, signal.SIGTERM)
            wait_for(lambda: stack.pid(name) not in {None, pid}, within=60, what=f"{name} runs again")  # noqa: B023
            stack.wait_ready()
    load.check()
    print(f"{len(load.sent)} sent meanwhile; {load.trouble}")
    assert not [each for each in load.trouble if "(500)" in each or "500 at" in each]


def test_a_successor_that_does_not_start_leaves_the_old_one_at_work(stack):
    """For example after a new version was put in place badly."""
    web = stack.pid("web")
    secret = stack.data / "secrets" / "django-secret-key"
    secret.rename(secret.with_suffix(".kept"))
    secret.mkdir()
    os.kill(stack.supervisor.pid, signal.SIGUSR1)
    wait_for(lambda: "does not start any more: the old one goes on" in stack.output.read_text(), within=120, what="given up")
    secret.rmdir()
    secret.with_suffix(".kept").rename(secret)
    assert stack.pid("web") == web
    assert Browser(stack.url).get("/sign-in/").status == 200
    stack.wait_ready()
