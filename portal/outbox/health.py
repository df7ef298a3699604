"""Whether the portal can do its work: what a load balancer, the supervisor and an operator ask, and what every page says."""

import time
from functools import lru_cache
from typing import Any

from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from portal.outbox import selectors, workers


def report() -> dict[str, Any]:
    """State of the parts; `reason` is empty when all is well."""
    parts: dict[str, Any] = {"database": "ok", "oldest_waiting_job": 0}
    reasons = []
    try:
        parts["oldest_waiting_job"] = round(selectors.oldest_waiting_age() or 0.0, 1)
    except DatabaseError:
        parts["database"] = "away"
        reasons.append("database")
    processes, away = _processes()
    return {**parts, **processes, "reason": _words(reasons + away)}


def unwell() -> str:
    """Which processes are away, or "": for pages, which would not be there without the database.

    Looked at once a second, however many pages a process writes: what is away is missed after ten.
    """
    return _unwell(int(time.monotonic()))


@lru_cache(maxsize=1)
def _unwell(second: int) -> str:
    return _words(_processes()[1])


def _processes() -> tuple[dict[str, Any], list[str]]:
    """Their states, and the names of those that are away."""
    try:
        slots, dispatchers = workers.all_slots(), workers.dispatchers()
    except RedisError:
        return {"redis": "away", "dispatcher": "away", "workers": {}}, ["Redis"]
    queues = {queue: slots[queue] for queue in (workers.INTERACTIVE, workers.BULK)}
    away = [f"{queue} worker" for queue, number in queues.items() if not number]
    away += [] if dispatchers else ["dispatcher"]
    return {"redis": "ok", "dispatcher": "ok" if dispatchers else "away", "workers": queues}, away


def _words(away: list[str]) -> str:
    return "away: " + ", ".join(away) if away else ""
