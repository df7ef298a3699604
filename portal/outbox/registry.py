"""Which service does which kind of job. Apps register their kinds in `AppConfig.ready()`; outbox imports nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Claimed:
    """A job as its worker holds it: it is ours as long as the row still has this fence."""

    id: int
    kind: str
    target: str
    precedence: int
    attempts: int
    fence: int
    created_at: datetime


RETRY_DELAYS = tuple(timedelta(seconds=s) for s in (1, 5, 30, 180))  # after attempt 1, 2, 3, 4

Finish = Callable[[], None]
Service = Callable[[Claimed], Finish | None]


@dataclass(frozen=True)
class Entry:
    service: Service
    on_dead: Callable[[Claimed], None] | None = None
    on_cancelled: Callable[[str], None] | None = None
    every: timedelta | None = None
    delays: tuple[timedelta, ...] = RETRY_DELAYS
    at_once: int | None = None


class UnknownKind(Exception):
    """No app of this process has registered the job's kind."""


_entries: dict[str, Entry] = {}


def register(
    kind: str,
    service: Service,
    *,
    on_dead: Callable[[Claimed], None] | None = None,
    on_cancelled: Callable[[str], None] | None = None,
    every: timedelta | None = None,
    delays: tuple[timedelta, ...] = RETRY_DELAYS,
    at_once: int | None = None,
) -> None:
    """`service(job)` works outside any transaction and returns what the finishing transaction shall do (or None).

    `on_dead(job)` runs in the transaction that gives a job up for an operator to decide, `on_cancelled(target)` in the one
    in which the operator decides that it shall not happen. A kind with `every` is queued by the dispatcher, once in each
    period of that length. `delays` are the waits between attempts; after one more attempt than these the job is dead.
    A kind that waits for somebody else's server has `at_once`: no more of its jobs are in work at the same time, the last
    place is kept for IMMEDIATE and above, and the worker that is kept for these does none of them.
    """
    if kind in _entries and _entries[kind].service is not service:
        raise ValueError(f"two services for jobs of kind {kind}")
    _entries[kind] = Entry(service, on_dead, on_cancelled, every, delays, at_once)


def find(kind: str) -> Entry:
    """The entry of a kind; raises UnknownKind."""
    try:
        return _entries[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def periodic() -> dict[str, timedelta]:
    """The kinds that come back by themselves, and how often."""
    return {kind: entry.every for kind, entry in _entries.items() if entry.every is not None}


def limits() -> dict[str, int]:
    """The kinds that wait for others, and how many jobs of each may be in work."""
    return {kind: entry.at_once for kind, entry in _entries.items() if entry.at_once is not None}
