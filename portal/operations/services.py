"""What an operator decides about jobs that were given up. Each decision is an event, whether it came in time or not."""

from collections.abc import Callable

from django.db import transaction

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.outbox import selectors as queue
from portal.outbox import services as outbox
from portal.outbox.models import Job

TOO_LATE = "There is no such job any more: somebody else has decided about it, or it went on by itself."


def retry_job(*, actor: Actor, job_id: int) -> Refused | None:
    """Let a dead job begin again with all its attempts."""
    return _decide(actor, job_id, Verb.JOB_RETRIED, outbox.retry_dead)


def cancel_job(*, actor: Actor, job_id: int) -> Refused | None:
    """Let a dead job never happen; what it was for is told and kept as far as it can be."""
    return _decide(actor, job_id, Verb.JOB_CANCELLED, outbox.cancel_dead)


def _decide(actor: Actor, job_id: int, verb: Verb, change: Callable[[Job], bool]) -> Refused | None:
    with transaction.atomic():
        job = queue.dead().filter(id=job_id).first()
        if job is None or not change(job):
            return refuse(TOO_LATE, verb=verb, actor=actor, kind="job", id=str(job_id))
        record(verb=verb, actor=actor, kind=f"{job.kind} job", id=job.target, correlation=job.target)
        return None
