"""What an operator sees: how deep the queue is, what was given up, which parts are there."""

import os
from dataclasses import dataclass

from django.conf import settings

from portal.outbox import health
from portal.outbox import selectors as queue
from portal.outbox.models import Job
from portal.outbox.selectors import Depth

DEAD_SHOWN = 100
# What becomes of a dead job's step if it is cancelled, for whoever decides
IF_CANCELLED = {
    "seal": "Nothing leaves. The message is a draft again, and its originator sees that.",
    "deliver": "Who has the message keeps it, nobody else gets it. Its originator sees that.",
    "relay": "It does not leave to this address. Its originator sees that.",
    "accept": "The mail is not delivered, and its sender outside is not told.",
}


@dataclass(frozen=True)
class State:
    """The queue and the parts as they are now. `reason` names what is away, or is empty."""

    depths: list[Depth]
    dead: list[tuple[Job, str]]  # with what becomes of it if it is cancelled
    dead_count: int
    parts: list[tuple[str, str]]
    reason: str
    separated: bool


def state() -> State:
    report = health.report()
    workers = [(f"{queue.capitalize()} workers", _slots(slots)) for queue, slots in report["workers"].items()]
    parts = [(name.capitalize(), _words(report[name])) for name in ("database", "redis", "dispatcher")]
    return State(
        depths=queue.depths(),
        dead=[(job, IF_CANCELLED.get(job.kind, "It is not done this time.")) for job in queue.dead()[:DEAD_SHOWN]],
        dead_count=queue.dead().count(),
        parts=[*parts, *workers],
        reason=report["reason"],
        separated=separated(),
    )


def dead_ids() -> list[int]:
    """Numbers of all jobs that were given up; `state` shows the first of them."""
    return list(queue.dead().values_list("id", flat=True))


def separated() -> bool:
    """Whether the web process can't read the master key (S1): asked of the system, not of the configuration."""
    return not os.access(settings.MASTER_KEY_FILE, os.R_OK)


def _words(state: str) -> str:
    return "there" if state == "ok" else state


def _slots(slots: int) -> str:
    return f"{slots} at a time" if slots else "away"
