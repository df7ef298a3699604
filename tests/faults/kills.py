"""Messages go through the real pages while processes are killed at random.

    python -m tests.faults.kills --messages 3000 --kills 100 --seed 7 [--postgres]

sends them from several signed-in browsers at once, prints the counts and ends with 1 if a message is lost or delivered twice, an audit event
missing or doubled, or the backlog not drained within a minute of the last kill. Nothing is pretended: real signatures and encryption, real Redis.
"""

import argparse
import concurrent.futures
import contextlib
import os
import queue
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import redis

from tests import postgres
from tests.faults.ledger import Ledger, ledger
from tests.faults.sending import Sender, patiently, post_once, wait_until_drained
from tests.stack import Stack, wait_for

VICTIMS = ("web", "child of web", "bulk", "child of bulk", "interactive", "child of interactive", "dispatcher", "redis")
POSTMASTER = "postmaster"
EMPTIED_EVERY = 5  # kills
REPEATED_EVERY = 10  # messages
MOST_WAITING = 150  # messages: people wait for each other, too, and a minute must be enough for what is left after the last kill
SENDERS = (("alice", "bob"), ("bob", "alice"), ("sonia", "bob")) * 2
URGENT_EVERY, IMMEDIATE = 10, "2"
# A lease of an operator's installation is thirty seconds; here what a killed worker held comes back sooner.
ENVIRONMENT = {"LEASE_SECONDS": "5", "UNDO_SECONDS": "0"}


@dataclass(frozen=True)
class Report:
    seed: int
    accepted: int
    messages: int  # rows that came of them
    kills: Counter[str]
    emptied: int
    seconds: float
    drained: float
    attempts_lost: int
    ledger: Ledger

    @property
    def clean(self) -> bool:
        return self.ledger.clean and self.accepted == self.messages

    def __str__(self) -> str:
        victims = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"seed {self.seed}: {self.kills.total()} kills ({victims}), Redis emptied {self.emptied} times; {self.accepted} accepted in {self.seconds:.0f} s "
            f"as {self.messages} messages, {self.attempts_lost} attempts lost, drained {self.drained:.1f} s after the last kill: {self.ledger}"
        )


def run(stack: Stack, *, messages: int, kills: int, seed: int) -> tuple[Report, dict[str, str]]:
    """Sends and kills; the counts, and the subject of every message by its id."""
    dice, before = random.Random(seed), _count(stack, "mail_message")
    senders: queue.SimpleQueue[Sender] = queue.SimpleQueue()
    for name, to in SENDERS:
        senders.put(Sender(stack, name, to))
    sent: dict[str, str] = {}

    def send(number: int) -> None:
        sender = senders.get()
        try:
            subject = f"Message {number} of {seed}"
            wait_for(lambda: _waiting(stack) < MOST_WAITING, within=300, what="the backlog gets shorter")
            form = sender.fresh(subject, precedence=IMMEDIATE if number % URGENT_EVERY == 0 else "4")
            for _ in range(2 if number % REPEATED_EVERY == 1 else 1):
                message_id = patiently(lambda: post_once(sender.browser, form), within=120, what=f"{subject} accepted")
                sent[message_id] = subject
        finally:
            senders.put(sender)

    victims = drawn(dice, kills, with_postmaster=stack.postgres is not None)
    moments = sorted(dice.sample(range(messages), kills))
    emptied, started = 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(SENDERS)) as pool:
        accepted = [pool.submit(send, number) for number in range(messages)]
        for number, (moment, victim) in enumerate(zip(moments, victims, strict=True)):
            wait_for(lambda: len(sent) >= moment, within=300, what=f"{moment} accepted")  # noqa: B023
            strike(stack, victim, dice)
            if number % EMPTIED_EVERY == EMPTIED_EVERY - 1:
                emptied += empty_redis(stack)
        last_kill = time.monotonic()
        for future in accepted:
            future.result()
    seconds = time.monotonic() - started
    wait_until_drained(stack)
    drained = time.monotonic() - last_kill
    report = Report(
        seed=seed,
        accepted=len(sent),
        messages=_count(stack, "mail_message") - before,
        kills=Counter(victims),
        emptied=emptied,
        seconds=seconds,
        drained=drained,
        attempts_lost=stack.query("SELECT coalesce(sum(attempts - 1), 0) FROM outbox_job WHERE kind IN ('seal', 'deliver')")[0][0],
        ledger=ledger(stack, sent),
    )
    return report, sent


def drawn(dice: random.Random, kills: int, *, with_postmaster: bool) -> list[str]:
    """Who is killed, in order: everybody at least once as far as the number goes; the postmaster every fifth time, where there is one."""
    others = kills - kills // 5 if with_postmaster else kills
    victims = [*VICTIMS, *dice.choices(VICTIMS, k=max(0, others - len(VICTIMS)))][:others]
    victims += [POSTMASTER] * (kills - others)
    return dice.sample(victims, kills)


def strike(stack: Stack, victim: str, dice: random.Random) -> None:
    """SIGKILL to one process as it runs."""
    if victim == POSTMASTER:
        assert stack.postgres is not None
        stack.postgres.kill()
        stack.postgres.start()
    elif victim.startswith("child of "):
        name = victim.removeprefix("child of ")
        child = dice.choice(wait_for(lambda: stack.children(name), within=30, what=f"{name} has children"))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    else:
        wait_for(lambda: stack.kill(victim), within=30, what=f"{victim} runs")


def empty_redis(stack: Stack) -> bool:
    """Whether there was a Redis to empty."""
    try:
        return bool(redis.Redis(unix_socket_path=str(stack.data / "run" / "redis.sock")).flushall())
    except redis.RedisError:
        return False


def _waiting(stack: Stack) -> int:
    """Messages that are not sealed yet; 0 while the database is away, which whoever sends will notice."""
    try:
        return stack.query("SELECT count(*) FROM outbox_job WHERE kind = 'seal' AND state IN ('waiting', 'running')")[0][0]
    except Exception:  # of either database
        return 0


def _count(stack: Stack, table: str) -> int:
    return stack.query(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - a table's name


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--messages", type=int, default=3000)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--postgres", action="store_true")
    chosen = options.parse_args()
    if chosen.postgres and (reason := postgres.available()):
        print(f"{reason}: not run on PostgreSQL")
        return 0
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="portal-kills-")))
        server = cleanup.enter_context(postgres.Postgres()) if chosen.postgres else None
        stack = cleanup.enter_context(Stack(folder / "data", demo=True, postgres=server, **ENVIRONMENT))
        report, _ = run(stack, messages=chosen.messages, kills=chosen.kills, seed=chosen.seed)
    print(f"{'PostgreSQL' if server else 'SQLite'}, {report}", flush=True)
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
