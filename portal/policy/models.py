"""Security policies, labels and clearances as rows. What they mean is computed in ``secmail.labels``, never here or in SQL."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import random_id
from portal.fields import BytesField


class SecurityPolicy(models.Model):
    """One version of a security policy as its SPIF. Rows are never changed but for ``active``; a new text is a new version.

    ``version`` counts all activations, whatever the OID: it names the colours of a label in the policy's style sheet.
    """

    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)
    version = models.PositiveIntegerField(unique=True)
    oid = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    xml = BytesField()
    active = models.BooleanField(default=True)
    activated_at = models.DateTimeField(default=timezone.now)
    activated_by = models.CharField(max_length=128)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["active"], condition=Q(active=True), name="one_active_policy")]

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"


class Label(models.Model):
    """A security label that some message has: one row for each distinct DER, so that a decision is made once for all of them.

    ``policy`` is the version from which the words come. When a new version of the same policy becomes active, the words
    of every label it still knows are read again from it; a label it no longer knows keeps its old words (and opens for
    nobody, because the decision asks the active policy only).
    """

    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)
    policy = models.ForeignKey(SecurityPolicy, on_delete=models.PROTECT, related_name="labels")
    der = BytesField(unique=True)
    classification = models.PositiveIntegerField(null=True)
    marking = models.TextField()
    short_marking = models.TextField()
    colour_class = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return self.marking


class Clearance(models.Model):
    """What a person may read, as a Clearance attribute (RFC 5755 section 4.4.6). Each grant is a row of its own.

    Only ``revoked_at`` is ever written again, so the random ``id`` is also the version under which decisions are cached.
    """

    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="clearances")
    der = BytesField()
    valid_until = models.DateTimeField(null=True)
    granted_by = models.CharField(max_length=128)
    granted_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(revoked_at=None), name="one_current_clearance")
        ]

    def __str__(self) -> str:
        return f"clearance {self.id}"
