"""What an operator sees: how deep the queue is, what was given up, which parts are there."""

import os
from dataclasses import dataclass

from django.conf import settings

from portal.outbox import health
from portal.outbox import selectors as queue
from portal.outbox.models import Job
from portal.outbox.selectors import Depth

DEAD_SHOWN = 100


@dataclass(frozen=True)
class State:
    """The queue and the parts as they are now. `reason` names what is away, or is empty."""

    depths: list[Depth]
    dead: list[Job]
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
        dead=list(queue.dead()[:DEAD_SHOWN]),
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
