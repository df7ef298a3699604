"""The audit trail's one table. Rows are written by services.record and by nobody else; nothing ever changes them.

A row holds names and ids as text and no foreign key, so nothing that happens to a person or a message can cascade into
it. ``leaf`` is the event as canonical JSON bytes, kept as written: these bytes are what a proof will hash. The other
columns repeat what pages filter by; the migration adds triggers that refuse UPDATE and DELETE.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from django.db import models

from portal.fields import BytesField

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def random_id() -> str:
    """128 random bits: unique without an order, so that no two writers wait for each other's number."""
    return secrets.token_hex(16)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 in UTC, exact (a float of seconds is not)."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class Verb(models.TextChoices):
    """What was done, or tried. Values are the names of the services; a new one needs no migration."""

    SIGNED_IN = "signed_in", "Signed in"
    SIGN_IN_FAILED = "sign_in_failed", "Failed sign-in"
    SIGNED_OUT = "signed_out", "Signed out"
    SESSION_EXPIRED = "session_expired", "Session expired"
    SUBMITTED = "submitted", "Submitted"
    UNDONE = "undone", "Undone"
    SIGNED = "signed", "Signed"
    ENCRYPTED = "encrypted", "Encrypted"
    SEALED = "sealed", "Sealed"
    ACCEPTED = "accepted", "Accepted from outside"
    DELIVERED = "delivered", "Delivered"
    LABELLED = "labelled", "Took the label inside"
    ORIGIN_CHANGED = "origin_changed", "Changed an origin"
    OPENED = "opened", "Opened"
    LISTED_READERS = "listed_readers", "Listed the readers"
    DOWNLOADED = "downloaded", "Downloaded"
    ATTACHMENT_OPENED = "attachment_opened", "Opened an attachment"
    PRINTED = "printed", "Printed"
    MOVED = "moved", "Moved"
    DRAFT_SAVED = "draft_saved", "Saved a draft"
    DRAFT_REFUSED = "draft_refused", "Refused a draft"
    DRAFT_DELETED = "draft_deleted", "Deleted a draft"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"
    RELAYED = "relayed", "Handed to the outside"
    DELIVERY_NOTED = "delivery_noted", "Heard of a delivery outside"
    AUDIT_VIEWED = "audit_viewed", "Viewed the audit trail"
    EXPORTED = "exported", "Exported the audit trail"
    INVITED = "invited", "Invited"
    INVITATION_ACCEPTED = "invitation_accepted", "Accepted an invitation"
    ROLE_GIVEN = "role_given", "Gave a role"
    ROLE_TAKEN = "role_taken", "Took a role"
    USER_DISABLED = "user_disabled", "Disabled a person"
    USER_ENABLED = "user_enabled", "Enabled a person"
    CLEARANCE_GRANTED = "clearance_granted", "Granted a clearance"
    CLEARANCE_REVOKED = "clearance_revoked", "Revoked a clearance"
    RELEASE_GRANTED = "release_granted", "Allowed labels to leave to a domain"
    RELEASE_REVOKED = "release_revoked", "Ended the release of labels to a domain"
    POLICY_ACTIVATED = "policy_activated", "Activated a security policy"
    KEY_ISSUED = "key_issued", "Issued a key"
    KEY_IMPORTED = "key_imported", "Imported a key"
    KEY_EXPORTED = "key_exported", "Exported a key"
    KEY_REVOKED = "key_revoked", "Revoked a key"
    CERTIFICATE_ADDED = "certificate_added", "Added a certificate of somebody outside"
    CERTIFICATE_HELD = "certificate_held", "Held back a certificate of somebody outside"
    CERTIFICATE_CHOSEN = "certificate_chosen", "Chose between certificates of somebody outside"
    CERTIFICATE_WITHDRAWN = "certificate_withdrawn", "Withdrew a certificate of somebody outside"
    ANCHOR_ADDED = "anchor_added", "Trusted an authority outside"
    ANCHOR_WITHDRAWN = "anchor_withdrawn", "Withdrew trust in an authority outside"
    REVOCATION_LIST_ADDED = "revocation_list_added", "Took a revocation list of an authority outside"
    PASSWORD_CHANGED = "password_changed", "Changed the password"
    RECOVERY_USED = "recovery_used", "Used the recovery code"
    BACKED_UP = "backed_up", "Made a backup"
    RESTORED = "restored", "Restored from a backup"
    JOB_RETRIED = "job_retried", "Retried a job"
    JOB_CANCELLED = "job_cancelled", "Cancelled a job"


class Outcome(models.TextChoices):
    GRANTED = "granted", "Granted"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


class AppendOnly(TypeError):
    """Somebody tried to change the audit trail. A programming error: no page or service may ask for it."""


class EventQuerySet(models.QuerySet["Event"]):
    """Refuses in Python what the triggers refuse in the database, with a message that names the rule."""

    def update(self, **fields: Any) -> NoReturn:
        raise AppendOnly("audit events are never changed")

    def delete(self) -> NoReturn:
        raise AppendOnly("audit events are never deleted")


class Event(models.Model):
    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)
    at = models.BigIntegerField()  # microseconds since 1970, UTC: a third of a text date in each of seven indexes
    person = models.CharField(max_length=32)
    name = models.CharField(max_length=64)
    role = models.CharField(max_length=128)
    session = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    process = models.CharField(max_length=64)
    verb = models.CharField(max_length=32)
    kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=200)
    about = models.CharField(max_length=200)
    label = models.CharField(max_length=300)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=300)
    correlation = models.CharField(max_length=64)
    leaf = BytesField()

    objects = EventQuerySet.as_manager()

    class Meta:
        # Each index serves one filter of the page in the order of time. The columns after the time are filters that are
        # often added to it, so that events which lack them are passed over without reading their rows. Rows of one
        # microsecond are few: sorting those by id costs nothing, while the id in every index would double their size.
        indexes = [
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["correlation", "at"], name="audit_correlation_at"),
            models.Index(fields=["name", "at", "verb", "outcome", "label"], name="audit_name_at"),
            models.Index(fields=["about", "at", "verb", "outcome", "label"], name="audit_about_at"),
            models.Index(fields=["label", "at", "verb", "outcome"], name="audit_label_at"),
            models.Index(fields=["verb", "at", "outcome", "label"], name="audit_verb_at"),
            models.Index(fields=["outcome", "at", "verb", "label"], name="audit_outcome_at"),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.name} {self.verb} {self.kind} {self.object_id}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit events are never changed")
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnly("audit events are never deleted")

    @property
    def when(self) -> datetime:
        """The time of the event, in UTC."""
        return EPOCH + timedelta(microseconds=self.at)

    @property
    def verb_text(self) -> str:
        """The verb in words; a verb of an older version of the portal is shown as it was written."""
        return Verb(self.verb).label if self.verb in Verb.values else self.verb

    @property
    def outcome_text(self) -> str:
        return Outcome(self.outcome).label if self.outcome in Outcome.values else self.outcome

    @property
    def roles_text(self) -> str:
        return self.role.replace(",", ", ").replace("_", " ")

    @property
    def who(self) -> str:
        return self.name or "not signed in"
