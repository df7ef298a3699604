"""R1 to R4 of the queue, with the real processes: accepted means kept, once, whatever dies.

A longer run: FAULT_JOBS=600 FAULT_KILLS=60 pytest tests/faults/test_nothing_lost.py -s
"""

import concurrent.futures
import http.client
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest
import redis

from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

JOBS = int(os.environ.get("FAULT_JOBS", "200"))
KILLS = int(os.environ.get("FAULT_KILLS", "14"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
VICTIMS = ("web", "bulk", "interactive", "dispatcher", "redis", "child of bulk", "contents of redis")
DRAIN_SECONDS = 60


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    with Stack(tmp_path / "data", LEASE_SECONDS="2") as stack:
        yield stack


def accept(stack: Stack, target: str) -> None:
    """Ask until the answer is 201, as a browser's user would."""

    def accepted() -> bool:
        try:
            return stack.request("POST", f"/testing/count/{target}")[0] == 201
        except (OSError, http.client.HTTPException):
            return False

    wait_for(accepted, within=60, what=f"{target} accepted")


def strike(stack: Stack, victim: str, dice: random.Random) -> None:
    """Kill one process as it runs, or empty Redis."""
    if victim == "contents of redis":
        try:
            redis.Redis(unix_socket_path=str(stack.data / "run" / "redis.sock")).flushall()
        except redis.RedisError:
            return  # it was killed just before: empty enough
    elif victim == "child of bulk":
        for child in stack.children("bulk"):
            if dice.random() < 0.5:
                os.kill(child, signal.SIGKILL)
    else:
        wait_for(lambda: stack.kill(victim), within=20, what=f"{victim} runs again")


def test_600_jobs_count_once_while_everything_is_killed(stack):
    """Nothing lost, nothing twice, and the backlog drains by itself."""
    dice = random.Random(SEED)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(accept, stack, f"job{number}") for number in range(JOBS)]
        for strike_number in range(1, KILLS + 1):
            share = strike_number * JOBS // (KILLS + 1)
            wait_for(lambda: sum(f.done() for f in accepted) >= share, within=120, what=f"{share} accepted")  # noqa: B023
            strike(stack, dice.choice(VICTIMS), dice)
        for future in accepted:
            future.result()
    started = time.monotonic()
    wait_for(
        lambda: not stack.query("SELECT 1 FROM outbox_job WHERE kind = 'count' AND state IN ('waiting', 'running')"),
        within=DRAIN_SECONDS,
        what="all jobs finished",
    )
    again = stack.query("SELECT count(*) FROM outbox_job WHERE kind = 'count' AND attempts > 1")[0][0]
    print(f"{KILLS} strikes, {JOBS} accepted, {again} begun again, drained in {time.monotonic() - started:.1f} s")
    assert stack.query("SELECT state, count(*) FROM outbox_job WHERE kind = 'count' GROUP BY state") == [("done", JOBS)]
    assert stack.query("SELECT times, count(*) FROM counting_count GROUP BY times") == [(1, JOBS)]
    stack.wait_ready()
