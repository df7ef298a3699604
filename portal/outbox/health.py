"""Whether the portal can do its work: what a load balancer, the supervisor and an operator ask."""

from typing import Any

from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from portal.outbox import selectors, workers


def report() -> dict[str, Any]:
    """State of the parts; `reason` is empty when all is well."""
    parts: dict[str, Any] = {
        "database": "ok",
        "redis": "ok",
        "dispatcher": "ok",
        "workers": {},
        "oldest_waiting_job": 0,
    }
    reasons = []
    try:
        parts["oldest_waiting_job"] = round(selectors.oldest_waiting_age() or 0.0, 1)
    except DatabaseError:
        parts["database"] = "away"
        reasons.append("database")
    try:
        slots = workers.all_slots()
        parts["workers"] = {queue: slots[queue] for queue in (workers.INTERACTIVE, workers.BULK)}
        parts["dispatcher"] = "ok" if workers.dispatchers() else "away"
        reasons += [f"{queue} worker" for queue, slots in parts["workers"].items() if not slots]
        reasons += ["dispatcher"] if parts["dispatcher"] != "ok" else []
    except RedisError:
        parts["redis"] = parts["dispatcher"] = "away"
        reasons.append("Redis")
    return {**parts, "reason": "away: " + ", ".join(reasons) if reasons else ""}
