"""The queue is this table; what Celery carries only rings the bell."""

from django.db import models
from django.db.models import Q

from portal.outbox.states import OPEN, State


class Precedence(models.IntegerChoices):
    """RFC 6477 and STANAG 4406: the smaller overtakes the larger."""

    OVERRIDE = 0
    FLASH = 1
    IMMEDIATE = 2
    PRIORITY = 3
    ROUTINE = 4
    DEFERRED = 5

    @property
    def is_urgent(self) -> bool:
        """IMMEDIATE and above: a worker is kept for these, and they don't wait for somebody to change their mind."""
        return self <= Precedence.IMMEDIATE


class Job(models.Model):
    """One durable step. `(kind, target)` names it, so that asking for it twice is asking for it once.

    Its `fence` grows with every claim: who claimed earlier can no longer finish. Age is the order of `id`, not a
    time, because clocks jump.
    """

    kind = models.CharField(max_length=32)
    target = models.CharField(max_length=64)
    precedence = models.PositiveSmallIntegerField(choices=Precedence)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    reason = models.CharField(
        max_length=200, blank=True
    )  # of the last failure: a class name or a fixed text, no content

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "target"], name="one_job_per_step")]
        indexes = [
            # The claim walks it from the left and stops at the first row that is ready; finished jobs are not in it.
            models.Index(
                fields=["precedence", "id", "state", "not_before", "lease_until", "kind"],
                name="claim_order",
                condition=Q(state__in=OPEN),
            ),
            models.Index(fields=["precedence", "id"], name="dead_jobs", condition=Q(state=State.DEAD)),
            models.Index(fields=["kind", "lease_until"], name="running_jobs", condition=Q(state=State.RUNNING)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"
