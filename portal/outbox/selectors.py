"""What waits in the queue."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Count, Min, Q, QuerySet
from django.db.models.expressions import RawSQL

from portal.outbox import clock, registry
from portal.outbox.models import Job, Precedence
from portal.outbox.states import State
from portal.rows import rows

LONGEST_DELAY = timedelta(hours=1)
# In words of SQL and not as parameters, because SQLite uses the partial index only if it reads the same condition.
IS_OPEN = RawSQL("state IN ('waiting', 'running')", (), output_field=BooleanField())
IS_RUNNING = RawSQL("state = 'running'", (), output_field=BooleanField())


_READY = (
    "(state = 'waiting' AND (not_before IS NULL OR not_before <= %s OR not_before > %s)"
    " OR state = 'running' AND (lease_until <= %s OR lease_until > %s))"
)


def _moments() -> tuple[datetime, ...]:
    """The times in `_READY`: the two between which a job waits, and the two between which it is held."""
    now = clock.now()
    return now, now + LONGEST_DELAY, now, now + 2 * settings.LEASE


def first_ready() -> Job | None:
    """The first of those that are `ready`; locked, and passing over what another worker has locked."""
    lock = " FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    found = rows(Job, f"SELECT * FROM outbox_job WHERE {IS_OPEN.sql} AND {_READY} ORDER BY precedence, id LIMIT 1{lock}", *_moments())  # noqa: S608 - constants
    return found[0] if found else None


def ready(*, urgent_only: bool = False) -> QuerySet[Job]:
    """Jobs whose time has come, in the order in which they must be taken, whether or not their kind's limit is reached.

    A time further ahead than anybody may set comes from a clock that was wrong, and counts as passed. The bound for
    leases leaves room for clocks of several machines that differ by less than a lease.
    """
    moments = [connection.ops.adapt_datetimefield_value(each) for each in _moments()]
    jobs = Job.objects.filter(IS_OPEN, RawSQL(_READY, moments, output_field=BooleanField()))  # noqa: S611 - a constant
    if urgent_only:
        jobs = jobs.filter(precedence__lte=Precedence.IMMEDIATE)
    return jobs.order_by("precedence", "id")


def claimable(*, urgent_only: bool = False, with_limited: bool = True) -> QuerySet[Job]:
    """Those of them that a worker may take now; `with_limited` also of kinds with a limit, as far as there are places."""
    now, jobs = clock.now(), ready(urgent_only=urgent_only)
    for kind, most in registry.limits().items():
        places = most - _running(kind, now) if with_limited and not urgent_only else 0
        if places <= 0:
            jobs = jobs.exclude(kind=kind)
        elif places == 1:
            jobs = jobs.exclude(kind=kind, precedence__gt=Precedence.IMMEDIATE)
    return jobs


def _running(kind: str, now: datetime) -> int:
    return Job.objects.filter(IS_RUNNING, kind=kind, lease_until__gt=now).count()


def ready_counts(limit: int) -> tuple[int, int]:
    """How many jobs may be taken now: those of IMMEDIATE and above, and all. Counts no further than `limit`."""
    moments = [connection.ops.adapt_datetimefield_value(each) for each in _moments()]
    with connection.cursor() as cursor:  # the dispatcher asks twenty times a second
        cursor.execute(f"SELECT kind, precedence FROM outbox_job WHERE {IS_OPEN.sql} AND {_READY} ORDER BY precedence, id LIMIT {limit}", moments)  # noqa: S608 - constants
        found = cursor.fetchall()
    if any(kind in registry.limits() for kind, _ in found):  # only then is it worth counting places
        urgent, every = (claimable(urgent_only=each)[:limit].count() for each in (True, False))
        return urgent, every
    return sum(precedence <= Precedence.IMMEDIATE for _, precedence in found), len(found)


def oldest_waiting_age() -> float | None:
    """Seconds since the oldest job that is not finished was accepted; None if there is none."""
    created_at = Job.objects.filter(IS_OPEN).order_by("created_at").values_list("created_at", flat=True).first()
    return None if created_at is None else max(0.0, (clock.now() - created_at).total_seconds())


@dataclass(frozen=True)
class Depth:
    """The open jobs of one kind and precedence: ready, waiting for their time, in work, and the age of the oldest in seconds."""

    kind: str
    precedence: int
    waiting: int
    delayed: int
    running: int
    oldest: float

    @property
    def precedence_name(self) -> str:
        return Precedence(self.precedence).label


def depths() -> list[Depth]:
    """How much lies in the queue, the most urgent first."""
    now = clock.now()
    delayed = Q(state=State.WAITING, not_before__gt=now)
    found = (
        Job.objects.filter(IS_OPEN)
        .values("kind", "precedence")
        .annotate(
            open=Count("id"),
            delayed=Count("id", filter=delayed),
            running=Count("id", filter=Q(state=State.RUNNING)),
            first=Min("created_at"),
        )
        .order_by("precedence", "kind")
    )
    return [
        Depth(
            kind=row["kind"],
            precedence=row["precedence"],
            waiting=row["open"] - row["delayed"] - row["running"],
            delayed=row["delayed"],
            running=row["running"],
            oldest=max(0.0, (now - row["first"]).total_seconds()),
        )
        for row in found
    ]


def dead() -> QuerySet[Job]:
    """Jobs that were given up and wait for an operator's decision, the most urgent first."""
    return Job.objects.filter(state=State.DEAD).order_by("precedence", "id")


def dead_by_kind() -> list[tuple[str, int]]:
    """(kind, how many of it were given up)."""
    return list(dead().order_by("kind").values_list("kind").annotate(Count("id")))
