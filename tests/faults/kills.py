"""Messages go through the real pages, come in by SMTP and leave through a relay, while processes are killed at random.

    python -m tests.faults.kills --messages 3000 --kills 100 --seed 7 [--postgres]

sends them from several signed-in browsers at once and from outside, prints the counts and ends with 1 if a message is lost or delivered twice, an
audit event missing or doubled, one for the outside not handed over, or the backlog not drained within a minute of the last kill. Nothing is
pretended: real signatures and encryption, real Redis, real SMTP on both sides.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import operator
import os
import queue
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests import postgres
from tests.faults.ledger import KINDS, LIFE, LIFE_ABROAD, Ledger, ledger
from tests.faults.outside import OLGA, Handed, Outside, arrival, hand_in, handed, outside
from tests.faults.sending import Sender, patiently, post_once, wait_until_drained
from tests.stack import Stack, wait_for

VICTIMS = ("web", "child of web", "bulk", "child of bulk", "interactive", "child of interactive", "dispatcher", "smtpd", "redis")
POSTMASTER = "postmaster"
EMPTIED_EVERY = 5  # kills
MOST_WAITING = 150  # messages: people wait for each other, too, and a minute must be enough for what is left after the last kill
SENDERS = (("alice", "bob"), ("bob", "alice"), ("sonia", "bob")) * 2
IMMEDIATE = "2"
# What the last digit of a message's number makes of it; all others go from one person here to another
URGENT, REPEATED, LETTER, ALONE, SEALED, BOTH = 0, 1, 3, 4, 6, 8
# A lease of an operator's installation is thirty seconds; here what a killed worker held comes back sooner.
ENVIRONMENT = {"LEASE_SECONDS": "5", "UNDO_SECONDS": "0"}


@dataclass(frozen=True)
class Kind:
    """What must have become of a message: these events, and a place in one mailbox of each folder."""

    life: tuple[str, ...]
    folders: tuple[str, ...]


HERE = Kind(LIFE, ("inbox", "sent"))
ABROAD = {ALONE: Kind(LIFE_ABROAD, ("sent",)), BOTH: Kind((*LIFE_ABROAD, "delivered"), ("inbox", "sent"))}
FROM_ABROAD = {LETTER: Kind(("accepted", "encrypted", "delivered"), ("inbox",)), SEALED: Kind(("accepted", "delivered"), ("inbox",))}


@dataclass
class Sent:
    """What was accepted: subjects of the messages written here by their ids, and letters from outside by their Message-IDs."""

    subjects: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    letters: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    broken_off: int = 0

    def __len__(self) -> int:
        return len(self.subjects) + len(self.letters)

    def abroad(self) -> list[str]:
        return [each for each, number in self.numbers.items() if number % 10 in ABROAD]

    def by_kind(self, stack: Stack) -> Iterator[tuple[Kind, list[str]]]:
        """Ids, as they must have fared."""
        yield HERE, [each for each, number in self.numbers.items() if number % 10 not in ABROAD]
        for digit, kind in ABROAD.items():
            yield kind, [each for each, number in self.numbers.items() if number % 10 == digit]
        for digit, kind in FROM_ABROAD.items():
            yield kind, [arrival(stack, each, content) for each, (number, content) in self.letters.items() if number % 10 == digit]


@dataclass(frozen=True)
class Report:
    seed: int
    sent: Sent
    messages: int  # rows that came of them
    kills: Counter[str]
    emptied: int
    seconds: float
    drained: float
    attempts_lost: int
    ledger: Ledger
    handed: Handed

    @property
    def clean(self) -> bool:
        return self.ledger.clean and self.handed.clean and len(self.sent) == self.messages

    def __str__(self) -> str:
        victims = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"seed {self.seed}: {self.kills.total()} kills ({victims}), Redis emptied {self.emptied} times; {len(self.sent)} accepted in {self.seconds:.0f} s "
            f"as {self.messages} messages, {self.attempts_lost} attempts lost, drained {self.drained:.1f} s after the last kill: {self.ledger}; "
            f"{len(self.sent.letters)} came by SMTP, {self.sent.broken_off} of them also over connections that broke; "
            f"{len(self.sent.abroad())} left by the relay: {self.handed}"
        )


@contextlib.contextmanager
def town(folder: Path, server: postgres.Postgres | None = None) -> Iterator[tuple[Stack, Outside]]:
    """A portal and the world around it."""
    with outside(folder) as around, Stack(folder / "data", demo=True, postgres=server, **ENVIRONMENT, **around.environment) as stack:
        around.introduce(stack)
        yield stack, around


class Senders:
    """People here, who take turns, and eve outside."""

    def __init__(self, stack: Stack, around: Outside, seed: int) -> None:
        self.stack, self.around, self.seed, self.sent = stack, around, seed, Sent()
        self._free: queue.SimpleQueue[Sender] = queue.SimpleQueue()
        for name, to in SENDERS:
            self._free.put(Sender(stack, name, to))

    def send(self, number: int) -> None:
        """Until it is accepted."""
        wait_for(lambda: _waiting(self.stack) < MOST_WAITING, within=300, what="the backlog gets shorter")
        if number % 10 in FROM_ABROAD:
            self._from_abroad(number)
        else:
            self._from_here(number)

    def _from_here(self, number: int) -> None:
        sender, subject, digit = self._free.get(), f"Message {number} of {self.seed}", number % 10
        try:
            form = sender.fresh(subject, precedence=IMMEDIATE if digit == URGENT else "4")
            if digit in ABROAD:
                form.fill(to=OLGA if digit == ALONE else f"{dict(form.fields)['to']}, {OLGA}")
            for _ in range(2 if digit == REPEATED else 1):
                message_id = patiently(lambda: post_once(sender.browser, form), within=120, what=f"{subject} accepted")
                self.sent.subjects[message_id], self.sent.numbers[message_id] = subject, number
        finally:
            self._free.put(sender)

    def _from_abroad(self, number: int) -> None:
        """Every other time the connection breaks before the answer, and the letter is given again."""
        message_id, subject = f"<{number}.{self.seed}@outside.example>", f"Letter {number} of {self.seed}"
        if number % 10 == SEALED:
            content = self.around.sealed_letter(message_id, subject)
        else:
            content = self.around.letter(message_id, subject)
        if number % 20 >= 10:
            with contextlib.suppress(OSError):
                hand_in(self.stack, content, break_off=True)
                self.sent.broken_off += 1
        patiently(lambda: hand_in(self.stack, content), within=120, what=f"{subject} accepted")
        self.sent.letters[message_id] = number, content


def run(stack: Stack, around: Outside, *, messages: int, kills: int, seed: int) -> Report:
    """Sends and kills; the counts."""
    dice, before = random.Random(seed), _count(stack, "mail_message")
    senders = Senders(stack, around, seed)
    victims = drawn(dice, kills, with_postmaster=stack.postgres is not None)
    moments = sorted(dice.sample(range(messages), kills))
    emptied, started = 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(SENDERS)) as pool:
        accepted = [pool.submit(senders.send, number) for number in range(messages)]
        for number, (moment, victim) in enumerate(zip(moments, victims, strict=True)):
            wait_for(lambda: len(senders.sent) >= moment, within=300, what=f"{moment} accepted")  # noqa: B023
            strike(stack, victim, dice)
            if number % EMPTIED_EVERY == EMPTIED_EVERY - 1:
                emptied += empty_redis(stack)
        last_kill = time.monotonic()
        for future in accepted:
            future.result()
    seconds = time.monotonic() - started
    with contextlib.suppress(AssertionError):  # then the ledger says what is not done
        wait_until_drained(stack)
    drained = time.monotonic() - last_kill
    books = [ledger(stack, ids, life=kind.life, folders=kind.folders) for kind, ids in senders.sent.by_kind(stack)]
    return Report(
        seed=seed,
        sent=senders.sent,
        messages=_count(stack, "mail_message") - before,
        kills=Counter(victims),
        emptied=emptied,
        seconds=seconds,
        drained=drained,
        attempts_lost=stack.query(f"SELECT coalesce(sum(attempts - 1), 0) FROM outbox_job WHERE kind IN {KINDS}")[0][0],  # noqa: S608
        ledger=functools.reduce(operator.add, books),
        handed=handed(stack, around.relay, senders.sent.abroad()),
    )


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
    """Messages that are not sealed or not handed over yet; 0 while the database is away, which whoever sends will notice."""
    try:
        return stack.query("SELECT count(*) FROM outbox_job WHERE kind IN ('seal', 'accept', 'relay') AND state IN ('waiting', 'running')")[0][0]
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
        stack, around = cleanup.enter_context(town(folder, server))
        report = run(stack, around, messages=chosen.messages, kills=chosen.kills, seed=chosen.seed)
    print(f"{'PostgreSQL' if server else 'SQLite'}, {report}", flush=True)
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
