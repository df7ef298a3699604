"""Messages on their way and in mailboxes. Rows hold who, when, label and size; everything people wrote is sealed."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import random_id
from portal.fields import BytesField
from portal.keys.models import Certificate
from portal.outbox.models import Precedence
from portal.policy.models import Label


class _RandomId(models.Model):
    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.id}"


class Draft(_RandomId):
    """What somebody is writing: an object sealed to its owner's storage key. The web process can write it, not read it back."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    object_name = models.CharField(max_length=64)
    sealed_key = BytesField(max_length=256)
    summary = BytesField(max_length=2048)
    saved_at = models.DateTimeField(default=timezone.now)
    answers = models.CharField(max_length=32, blank=True)  # the delivery that is answered or forwarded
    label = models.ForeignKey(
        Label, on_delete=models.PROTECT, null=True
    )  # of what it quotes: it governs the draft, too

    class Meta:
        indexes = [models.Index(fields=["owner", "-saved_at"], name="drafts_of_owner")]


class Message(_RandomId):
    """One submission. Its id is its draft's id: however often a form is posted, it is one message."""

    class State(models.TextChoices):
        SUBMITTED = "submitted"
        SEALED = "sealed"
        DELIVERED = "delivered"
        UNDONE = "undone"
        REFUSED = "refused"
        FAILED = "failed"

    # Somebody here, or (None) somebody outside: `outside_sender` is then the address that delivered it, which proves nothing
    originator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="messages")
    outside_sender = models.CharField(max_length=320, blank=True)
    label = models.ForeignKey(Label, on_delete=models.PROTECT)
    # RFC 6477: of those who shall act (To), and of those who shall know (Cc and Bcc)
    precedence = models.PositiveSmallIntegerField(choices=Precedence.choices, default=Precedence.ROUTINE)
    copy_precedence = models.PositiveSmallIntegerField(choices=Precedence.choices, default=Precedence.ROUTINE)
    message_id = models.CharField(
        max_length=255, unique=True
    )  # RFC 5322 Message-ID; fixed at submission, like the date
    submitted_at = models.DateTimeField(default=timezone.now)
    receipt_wanted = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.SUBMITTED)
    reason = models.CharField(max_length=300, blank=True)
    reopened_draft = models.CharField(max_length=32, blank=True)  # where what was written is, if it did not leave
    sealed_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    # What the seal job needs, independent of session and slots; erased at the final state.
    content_object = models.CharField(max_length=64, blank=True)  # its draft's
    grant_wrapped_signing = BytesField(max_length=256, null=True)
    grant_sealed = BytesField(null=True)  # half of the session key, the content's key and what was decided about it, sealed to the intake key
    intake_key = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["intake_key"], name="messages_by_intake_key")]


def undo_time(precedence: Precedence) -> timedelta:
    """How long a message waits before it is signed, so that it can be taken back. Nobody waits for what is urgent."""
    return timedelta(0) if precedence.is_urgent else timedelta(seconds=settings.UNDO_SECONDS)


class Envelope(_RandomId):
    """One encrypted object and whom it is for: the originator and To and Cc here share one, To and Cc outside another, OUTSIDE, and each
    Bcc has one of its own.

    Outside are programs that open nothing where a recipient's kind of key is new to them, and nobody there needs to see how many keys
    here open a message. What came from outside is one as well, INBOUND, for all who are named here.
    """

    class Kind(models.TextChoices):
        SHARED = "shared"
        OUTSIDE = "outside"
        BCC = "bcc"
        INBOUND = "inbound"

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="envelopes")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    object_name = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    content_encryption = models.CharField(max_length=32)
    recipients = models.JSONField()  # ids of users, the originator not among them unless addressed
    copies = models.JSONField(default=list)  # those of them, and of those outside, who get a copy for information
    outside = models.JSONField(default=list)  # addresses outside, which get it by SMTP
    # Not encrypted when it came: the object is an envelope made here on arrival, and inside is the message as it came
    wrapped = models.BooleanField(default=False)
    # Came encrypted, without a proven label outside: the label is its origin's as long as nobody has looked inside
    provisional = models.BooleanField(default=False)
    # Subject and correspondents for the summaries, sealed to the intake key until `deliver` has used them.
    summary = BytesField(max_length=4096, null=True)
    intake_key = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["intake_key"], name="envelopes_by_intake_key")]


class Delivery(_RandomId):
    """A message in one mailbox."""

    class Folder(models.TextChoices):
        INBOX = "inbox"
        SENT = "sent"
        BIN = "bin"

    class ReceiptState(models.TextChoices):
        NONE = ""
        WANTED = "wanted"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deliveries")
    envelope = models.ForeignKey(Envelope, on_delete=models.PROTECT, related_name="deliveries")
    arrived_in = models.CharField(max_length=8, choices=Folder.choices)
    folder = models.CharField(max_length=8, choices=Folder.choices)
    label = models.ForeignKey(Label, on_delete=models.PROTECT)
    # What encrypted mail from outside was accepted under, once its opening has shown another label inside: both govern
    provisional_label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    provisional = models.BooleanField(default=False)  # `label` is its origin's, until the first opening
    precedence = models.PositiveSmallIntegerField(choices=Precedence.choices)
    delivered_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    summary = BytesField(max_length=2048)  # {subject, people, attachments}, sealed to the owner's storage key
    receipt_wanted = models.BooleanField(default=False)
    receipt_state = models.CharField(max_length=16, choices=ReceiptState.choices, default=ReceiptState.NONE, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "envelope", "arrived_in"], name="delivered_once"),
        ]
        indexes = [
            models.Index(fields=["owner", "folder", "-delivered_at", "-id"], name="mailbox_order"),
            # Counted for every page: all that the count looks at, so that it needs no row
            models.Index(fields=["owner", "folder", "label", "provisional_label"], name="unread_in_mailbox", condition=Q(read_at=None)),
        ]

    @property
    def labels(self) -> list[Label]:
        """All that govern it; its own first."""
        return [self.label, self.provisional_label] if self.provisional_label else [self.label]


class Upload(_RandomId):
    """An attachment that was sealed while it arrived. It belongs to a draft until the message is sealed."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    draft_id = models.CharField(max_length=32, db_index=True)
    object_name = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    uploaded_at = models.DateTimeField(default=timezone.now)
    sealed = BytesField(max_length=2048)  # {file_key, name, content_type} for the worker, sealed to the intake key
    sealed_for_owner = BytesField(max_length=2048)  # {name, content_type} for the page, sealed to the storage key
    intake_key = models.CharField(max_length=32)

    class Meta:
        indexes = [models.Index(fields=["intake_key"], name="uploads_by_intake_key")]


class Outbound(_RandomId):
    """An envelope on its way to one address outside. SMTP can't be exactly once (RFC 1047): `marked_at` is written before DATA."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"  # a relay has taken it
        FAILED = "failed"  # refused for good, by a relay or before one was asked
        DELIVERED = "delivered"  # a delivery status notification says so
        BOUNCED = "bounced"  # a delivery status notification says so

    envelope = models.ForeignKey(Envelope, on_delete=models.PROTECT, related_name="outbound")
    address = models.CharField(max_length=320)
    # With which it was encrypted for this address. Without one that counts it does not leave
    certificate = models.ForeignKey(Certificate, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=300, blank=True)  # for the originator: what the relay or the notification said, or why it did not leave
    marked_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["envelope", "address"], name="one_way_to_each_address")]


class Origin(models.Model):
    """Where mail from outside comes from, by the domain of its sender ("*": any other), and which labels it gets.

    An unlabelled message gets `label`, or is refused if there is none; encrypted mail, whose label nobody can see before its recipient opens it,
    gets `provisional_label`, or is refused.
    """

    domain = models.CharField(max_length=255, unique=True)
    label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    provisional_label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return self.domain


class Release(models.Model):
    """What may be sent to a domain outside ("*": to any that has no row of its own): what its clearance (DER) allows, or nothing (None)."""

    domain = models.CharField(max_length=255, unique=True)
    clearance = BytesField(null=True)

    def __str__(self) -> str:
        return self.domain


class Arrival(_RandomId):
    """A message that SMTP has accepted: sealed to the intake key while it came in, until the job `accept` is done; the row stays.

    `repeat_of` is a digest of sender, Message-ID, content and recipient set: the same message given to us twice is one.
    """

    object_name = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField()
    sealed_key = BytesField(max_length=256)
    intake_key = models.CharField(max_length=32, blank=True)
    sender = models.CharField(max_length=320, blank=True)  # the reverse path; empty for notifications
    peer = models.CharField(max_length=64)
    recipients = models.JSONField()  # ids of users
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    precedence = models.PositiveSmallIntegerField(choices=Precedence.choices, default=Precedence.ROUTINE)
    repeat_of = models.CharField(max_length=64, unique=True)
    arrived_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["intake_key"], name="arrivals_by_intake_key")]
