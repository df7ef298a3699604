"""One portal under load: filled, used by fifty people, then by writers alone, then asked for a FLASH behind ten thousand others."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.load.names import Crowd
from bench.load.users import Pace, Said, User, live
from bench.load.watch import TOKEN, Watch
from tests.faults.sending import wait_until_drained
from tests.postgres import Postgres
from tests.stack import ROOT, Stack, wait_for

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "portal.settings",
    "UNDO_SECONDS": "0",
    "WEB_PROCESSES": "2",
    "METRICS_TOKEN": TOKEN,
    "SLOT_MEMORY_KIB": "64",  # signing in is not what is measured
    "SLOT_PASSES": "1",
}
DRAIN_SECONDS = 600.0
FLASH, ROUTINE = "1", "4"


def stack_in(folder: Path, postgres: Postgres | None = None, **environment: str) -> Stack:
    """A portal that is set up and not started."""
    return Stack(folder, demo=True, postgres=postgres, **ENVIRONMENT, **environment)


def fill(stack: Stack, crowd: Crowd, **options: int) -> str:
    """Runs the seeder with these options on the portal's data, in a process of its own; what it printed."""
    chosen = [f"--{name}={value}" for name, value in {**asdict(crowd), **options}.items()]
    command = [sys.executable, "-m", "bench.load", "seed", *chosen]
    return subprocess.run(command, cwd=ROOT, env=stack.environment, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@dataclass(frozen=True)
class Run:
    """What came of it. `delivered` counts the messages that reached their mailboxes while people were there; it is watched until all have."""

    pace: Pace
    seconds: float
    said: Said
    watch: Watch
    delivered: int
    drained: float  # seconds afterwards until nothing was left to do
    lost: int  # accepted, and not delivered even then


def run(stack: Stack, users: Sequence[User], pace: Pace, seconds: float) -> Run:
    said = Said()
    for user in users:
        user.said = said
    before = _delivered(stack)
    with Watch(stack) as watch:
        began = time.monotonic()
        live(users, pace, seconds)
        lasted, delivered = time.monotonic() - began, _delivered(stack) - before
        drained = wait_until_drained(stack, within=DRAIN_SECONDS)
    return Run(pace, lasted, said, watch, delivered, drained, len(said.accepted) - (_delivered(stack) - before))


@dataclass(frozen=True)
class Flash:
    waiting: int  # ROUTINE jobs at the moment it was posted
    seconds: float  # from the click until it lay in the mailbox


def flashes(stack: Stack, user: User, waiting: int, times: int = 5) -> list[Flash]:
    """FLASH messages, one after the other, while so many ROUTINE ones wait (fewer with each, because the workers go on)."""
    user.said = Said()
    fill(stack, user.crowd, deliveries=0, waiting=waiting)
    return [_flash(stack, user) for _ in range(times)]


def _flash(stack: Stack, user: User) -> Flash:
    waiting, began = _waiting(stack), time.monotonic()
    message_id = user.write(1, precedence=FLASH)
    if not message_id:
        raise RuntimeError(f"not accepted: {user.said.wrong}")
    wait_for(lambda: _is_delivered(stack, message_id), within=60, what="the FLASH message delivered")
    return Flash(waiting, time.monotonic() - began)


def restart(stack: Stack, **environment: str) -> None:
    stack.stop()
    stack.environment |= environment
    stack.start()


def _delivered(stack: Stack) -> int:
    return stack.query("SELECT count(*) FROM mail_message WHERE state = 'delivered'")[0][0]


def _waiting(stack: Stack) -> int:
    return stack.query(f"SELECT count(*) FROM outbox_job WHERE state = 'waiting' AND precedence = {ROUTINE}")[0][0]  # noqa: S608 - a constant


def _is_delivered(stack: Stack, message_id: str) -> bool:
    return bool(stack.query("SELECT 1 FROM mail_message WHERE id = ? AND state = 'delivered'", message_id))
