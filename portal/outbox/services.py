"""Accepting, claiming and finishing jobs: each change of a row is one conditional UPDATE on its state and fence."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction

from portal.outbox import clock, registry, selectors, wakeup
from portal.outbox.models import Job, Precedence
from portal.outbox.registry import Claimed
from portal.outbox.states import TRANSITIONS, State
from portal.rows import change, insert
from portal.stops import stop_here

logger = structlog.get_logger(__name__)
_COUNTING = 0x706F7274616C  # the number of a lock of PostgreSQL: any, as long as nobody else uses it


class Retry(Exception):
    """Raised by a service for a temporary failure. `reason` is shown to operators: a fixed text, never content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LeaseLost(Exception):
    """Somebody else has claimed the job meanwhile: what this worker did must not count."""


def enqueue(
    *, kind: str, target: str, precedence: int = Precedence.ROUTINE, not_before: datetime | None = None
) -> None:
    """Queue a step, as part of the caller's transaction. A step that was queued before stays as it is."""
    if not connection.in_atomic_block:
        raise RuntimeError("a job is queued in the transaction of the change it belongs to")
    if not_before is not None and not_before > clock.now() + selectors.LONGEST_DELAY:
        raise ValueError(f"not_before may be at most {selectors.LONGEST_DELAY} ahead")
    job = Job(
        kind=kind, target=target, precedence=Precedence(precedence), not_before=not_before, created_at=clock.now()
    )
    insert([job], unless_there=True)
    wakeup.ring()


def enqueue_periodic() -> None:
    """Queue what is due in the present period; a period's job exists once, whoever asks and however often."""
    now = clock.now().timestamp()
    for kind, every in registry.periodic().items():
        target = str(int(now // every.total_seconds()))
        if not Job.objects.filter(kind=kind, target=target).exists():
            with transaction.atomic():
                enqueue(kind=kind, target=target)


def cancel(kind: str, target: str) -> bool:
    """Take back a job that waits or is dead. False if a worker has it, or had it: then it happens."""
    return _change("cancel", kind=kind, target=target)


def retry_dead(job: Job) -> bool:
    """Let a dead job begin again, in the caller's transaction. False if somebody else has decided meanwhile."""
    return _change("retry", id=job.id, set={"attempts": 0, "not_before": None, "reason": ""})


def cancel_dead(job: Job) -> bool:
    """A dead job shall not happen any more, in the caller's transaction. False if somebody else has decided meanwhile."""
    if not Job.objects.filter(id=job.id, state=State.DEAD).exists() or not cancel(job.kind, job.target):
        return False
    on_cancelled = registry.find(job.kind).on_cancelled
    if on_cancelled is not None:
        on_cancelled(job.target)
    return True


def claim(*, urgent_only: bool = False) -> Claimed | None:
    """Take the first job that is ready, for one lease; None if there is none.

    Two workers never get the same one: SQLite's transaction holds the only write lock from its start
    (BEGIN IMMEDIATE), PostgreSQL locks the row and lets the others skip it.
    """
    with transaction.atomic():
        claimed = take(urgent_only=urgent_only)
    if claimed is not None:
        stop_here(f"{claimed.kind}.claimed")
    return claimed


def take(*, urgent_only: bool = False) -> Claimed | None:
    """`claim`, in the caller's transaction."""
    job = None if urgent_only else selectors.first_ready()
    if urgent_only or (job is not None and job.kind in registry.limits()):  # only then is it worth counting places
        jobs = selectors.claimable(urgent_only=urgent_only, with_limited=_counts_alone())
        job = jobs.select_for_update(skip_locked=True).first()
    if job is None:
        return None
    claimed = Claimed(
        id=job.id,
        kind=job.kind,
        target=job.target,
        precedence=job.precedence,
        attempts=job.attempts + 1,
        fence=job.fence + 1,
        created_at=job.created_at,
    )
    lease_until = clock.now() + settings.LEASE
    _change("claim", id=job.id, set={"fence": claimed.fence, "attempts": claimed.attempts, "lease_until": lease_until})
    stop_here(f"{claimed.kind}.before-claim-commit")
    return claimed


def _counts_alone() -> bool:
    """Whether nobody else can take the last place of a kind with a limit at this moment. Who can't be sure takes another job."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_COUNTING])
        return bool(cursor.fetchone()[0])


def finish(
    job: Claimed, results: Callable[[], None] | None = None, then: Callable[[], Claimed | None] | None = None
) -> Claimed | None:
    """Write the results and close the job in one transaction; raises LeaseLost if it is no longer ours.

    What `then` takes is taken in the same transaction, and returned: one commit for each job instead of two.
    """
    with transaction.atomic():
        _change_claimed("finish", job, lease_until=None)
        if results is not None:
            results()
        taken = then() if then is not None else None
        stop_here(f"{job.kind}.before-commit")
    stop_here(f"{job.kind}.committed")
    if taken is not None:
        stop_here(f"{taken.kind}.claimed")
    return taken


def renew(job: Claimed) -> None:
    """Hold the job for another lease; long work calls it as it goes on. Raises LeaseLost: then stop working."""
    held = Job.objects.filter(id=job.id, fence=job.fence, state__in=TRANSITIONS["finish"][0])
    if not held.update(lease_until=clock.now() + settings.LEASE):
        raise LeaseLost


def keeper(job: Claimed) -> Callable[[], None]:
    """`renew` for work that calls it as often as it likes: it renews when a third of the lease is over. Raises LeaseLost."""
    renewed = time.monotonic()

    def keep() -> None:
        nonlocal renewed
        if time.monotonic() - renewed >= settings.LEASE.total_seconds() / 3:
            renew(job)
            renewed = time.monotonic()

    return keep


def run_ready(*, limit_seconds: float, urgent_only: bool = False) -> int:
    """Do job after job until none is ready or the time is over. Returns how many were taken."""
    end = time.monotonic() + limit_seconds
    count = 0
    following: Claimed | None = None

    def then() -> Claimed | None:
        return take(urgent_only=urgent_only) if time.monotonic() < end else None

    while (job := following or claim(urgent_only=urgent_only)) is not None:
        count += 1
        following = run(job, then)
        if following is None and time.monotonic() >= end:
            break
    return count


def run_until_idle() -> int:
    """Do everything that is ready, and what comes of it, in this process (for tests and commands)."""
    count = 0
    while (more := run_ready(limit_seconds=60)) > 0:
        count += more
    return count


def run(job: Claimed, then: Callable[[], Claimed | None] | None = None) -> Claimed | None:
    """One attempt. Whatever goes wrong, the job is finished, waits for its next attempt, or is dead and kept.

    Returns what `then` took as the job was finished; None if there was nothing, or if the attempt failed.
    """
    log = logger.bind(kind=job.kind, target=job.target, attempt=job.attempts)
    if job.attempts > _most_attempts(job.kind):  # its last worker died with it: not once more
        _give_up(job, "worker lost")
        return None
    try:
        return finish(job, registry.find(job.kind).service(job), then)
    except LeaseLost:
        log.warning("job_lease_lost")
    except Retry as failure:
        log.warning("job_put_back", reason=failure.reason)
        _put_back(job, failure.reason)
    except Exception as failure:
        log.exception("job_failed", reason=type(failure).__name__)
        _put_back(job, type(failure).__name__)
    return None


def _delays(kind: str) -> tuple[timedelta, ...]:
    """A kind that no app here has registered waits like any other: a newer worker may know it."""
    try:
        return registry.find(kind).delays
    except registry.UnknownKind:
        return registry.RETRY_DELAYS


def _most_attempts(kind: str) -> int:
    return len(_delays(kind)) + 1


def _put_back(job: Claimed, reason: str) -> None:
    if job.attempts >= _most_attempts(job.kind):
        _give_up(job, reason)
        return
    not_before = clock.now() + _delays(job.kind)[job.attempts - 1]
    try:
        _change_claimed("put_back", job, lease_until=None, not_before=not_before, reason=reason[:200])
    except LeaseLost:
        logger.warning("job_lease_lost", kind=job.kind, target=job.target)


def _give_up(job: Claimed, reason: str) -> None:
    """Dead is a state, not a deletion: an operator sees the job and decides."""
    logger.error("job_dead", kind=job.kind, target=job.target, reason=reason)
    try:
        with transaction.atomic():
            _change_claimed("bury", job, lease_until=None, reason=reason[:200])
            _tell_of_death(job)
    except LeaseLost:
        logger.warning("job_lease_lost", kind=job.kind, target=job.target)


def _tell_of_death(job: Claimed) -> None:
    try:
        on_dead = registry.find(job.kind).on_dead
        if on_dead is not None:
            with transaction.atomic():
                on_dead(job)
    except Exception:  # the job must die all the same, or it would come back for ever
        logger.exception("job_death_unnoticed", kind=job.kind, target=job.target)


def _change_claimed(event: str, job: Claimed, **values: object) -> None:
    if not _change(event, id=job.id, fence=job.fence, set=values):
        raise LeaseLost


def _change(event: str, *, set: dict[str, object] | None = None, **where: object) -> bool:
    sources, state = TRANSITIONS[event]
    return change(Job, {"state": state, **(set or {})}, **where, state=sources) == 1
