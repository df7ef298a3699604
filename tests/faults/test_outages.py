"""While Redis is away, a message fails for ever, or the clock jumps: what was accepted is kept, and the rest goes on.

A longer run: FAULT_REDIS_SECONDS=30 FAULT_MESSAGES=500 pytest tests/faults/test_outages.py -s
"""

import os
import shutil
import signal
import statistics
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.ledger import ledger
from tests.faults.sending import DRAIN_SECONDS, Sender, patiently, post_once, signed_in, wait_until_drained
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults
REDIS_SECONDS = float(os.environ.get("FAULT_REDIS_SECONDS", "4"))
MESSAGES = int(os.environ.get("FAULT_MESSAGES", "50"))
DAY = 86_400


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the seconds by which the queue's clock is wrong."""
    file = tmp_path_factory.mktemp("clock") / "wrong-by"
    set_wrong(file, 0)
    return file


def set_wrong(clock: Path, seconds: float) -> None:
    """In one step: processes read it all the time."""
    new = clock.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(clock)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, clock: Path) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("outages") / "data", demo=True, LEASE_SECONDS="5", UNDO_SECONDS="1", PORTAL_CLOCK_FILE=str(clock)) as stack:
        yield stack


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def timed_posts(sender: Sender, *, seconds: float) -> tuple[set[str], list[float]]:
    """(ids of the messages accepted, how long each answer took in seconds): one post after the other, none repeated."""
    ids, times, end = set(), [], time.monotonic() + seconds
    while time.monotonic() < end or len(times) < 20:
        form, started = sender.fresh("Timed"), time.monotonic()
        ids.add(post_once(sender.browser, form))
        times.append(time.monotonic() - started)
    return ids, times


def test_without_redis_messages_are_accepted_as_fast_and_reading_says_at_once_that_it_waits(stack: Stack) -> None:
    alice, bob = Sender(stack, "alice", "bob"), Sender(stack, "bob", "alice")
    bob.send("To be read")
    wait_until_drained(stack)
    letter = wait_for(lambda: [each.id for each in alice.browser.lines() if each.subject == "To be read"], within=30, what="it arrived")[0]
    before, with_redis = timed_posts(alice, seconds=1)
    os.kill(stack.pid("supervisor"), signal.SIGSTOP)  # it would start Redis again
    try:
        stack.kill("redis")
        ids, without = timed_posts(alice, seconds=REDIS_SECONDS)
        started = time.monotonic()
        page = alice.browser.get(f"/mail/inbox/{letter}/")
        told = time.monotonic() - started
    finally:
        os.kill(stack.pid("supervisor"), signal.SIGCONT)
    wait_until_drained(stack)
    books = ledger(stack, before | ids)
    print(f"p95 of {len(without)} posts without Redis {p95(without) * 1000:.0f} ms, of {len(with_redis)} with it {p95(with_redis) * 1000:.0f} ms; told in {told * 1000:.0f} ms; {books}")
    assert p95(without) < max(0.3, 2 * p95(with_redis))  # a busy machine is slow in both
    assert "not answering" in page.text
    assert told < 1
    assert books.clean, str(books)


def test_a_message_that_always_fails_dies_after_five_attempts_and_holds_up_nobody(stack: Stack, clock: Path) -> None:
    """Its attachment's object is gone. When that has been mended, the operator lets it begin again."""
    alice, bob = Sender(stack, "alice", "bob"), Sender(stack, "bob", "alice")
    stack.freeze("dispatcher")
    form = alice.fresh("Poison")
    form.files = [("files", "plan.bin", b"x" * 100_000)]
    poison = post_once(alice.browser, form)
    ((name,),) = stack.query("SELECT object_name FROM mail_upload WHERE draft_id = ?", poison)
    lost = stack.data / "objects" / name
    shutil.move(lost, stack.data / "lost")
    stack.thaw("dispatcher")
    others = [sender.send(f"Other {number}") for number in range((MESSAGES - 1) // 2) for sender in (alice, bob)]
    started = time.monotonic()
    wait_for(lambda: ledger(stack, others).clean, within=DRAIN_SECONDS, what="the others delivered")
    drained = time.monotonic() - started

    def dead() -> list[tuple[int, str]]:
        """Lets the waits between attempts pass."""
        (state, attempts, reason, not_before), *_ = job()
        if state == "waiting" and not_before is not None:
            set_wrong(clock, moment(not_before) - time.time() + 1)
        return [(attempts, reason)] if state == "dead" else []

    def job() -> list[tuple[str, int, str, str]]:
        return stack.query("SELECT state, attempts, reason, not_before FROM outbox_job WHERE kind = 'seal' AND target = ?", poison)

    assert wait_for(dead, within=60, what="dead") == [(5, "FileNotFoundError")]
    set_wrong(clock, 0)
    print(f"{len(others)} others delivered {drained:.1f} s after the last was accepted")
    assert "held up" in alice.browser.get(f"/mail/messages/{poison}/").text
    shutil.move(stack.data / "lost", lost)
    olga = signed_in(stack, "olga")
    olga.post(olga.get("/operations/").expect().form("/retry/")).expect()
    wait_until_drained(stack)
    events = stack.query("SELECT verb FROM audit_event WHERE correlation = ? ORDER BY at", poison)
    assert [verb for (verb,) in events] == ["submitted", "failed", "job_retried", "signed", "encrypted", "delivered"]
    (arrived,) = patiently(lambda: [each.id for each in bob.browser.lines() if each.subject == "Poison"], what="listed")
    assert bob.browser.open(arrived).select("//section[@class='enclosures']//li")


def moment(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_jumps_a_day_neither_loses_nor_repeats_nor_delays_for_long(stack: Stack, clock: Path, jump: int) -> None:
    """While messages wait to be signed, and again when it is put right."""
    alice, accepted = Sender(stack, "alice", "bob"), []
    for wrong in (0, jump, 0):
        set_wrong(clock, wrong)
        accepted += [alice.send(f"Clock wrong by {wrong}") for _ in range(5)]
    seconds = wait_until_drained(stack, within=30)
    books = ledger(stack, accepted)
    print(f"clock wrong by {jump} s and back: drained in {seconds:.1f} s, {books}")
    assert books.clean, str(books)
