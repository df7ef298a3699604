"""Fills a portal with messages: real objects, each shared by the rows of several messages. Needs Django.

The rows are those that submitting, sealing and delivering would have left: messages, envelopes, a sealed line in every mailbox, audit events; no
jobs. What is not as in life: several messages name one object, and everything arrived since the certificates began to hold, minutes ago.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from bench.load.letters import Stored, labels, write
from bench.load.members import Member, enrol
from bench.load.names import Crowd
from portal.accounts.models import random_id
from portal.audit.leaf import leaf_bytes
from portal.audit.models import Event, Verb, microseconds
from portal.keys import intake
from portal.mail.content import EnvelopeSummary
from portal.mail.models import Delivery, Envelope, Message
from portal.mail.services.envelopes import addressed_digest, summary_context
from portal.mail.states import State
from portal.outbox import wakeup
from portal.outbox.models import Job, Precedence
from portal.rows import insert

OBJECTS = 1000
BATCH = 250  # messages in one transaction


@dataclass(frozen=True)
class Seeded:
    objects: int
    messages: int
    deliveries: int
    seconds: float
    people_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.deliveries:,} deliveries of {self.messages:,} messages share {self.objects:,} objects: {self.seconds:.1f} s, "
            f"and {self.people_seconds:.1f} s for the people"
        )


def seed(deliveries: int, *, crowd: Crowd, objects: int = OBJECTS, chance: int = 1) -> Seeded:
    """At least so many deliveries, in the mailboxes of those who will sign in; the people are made where they are missing."""
    began, dice = time.monotonic(), random.Random(chance)  # noqa: S311 - figures, not keys
    members = enrol(crowd.people)
    people_made = time.monotonic()
    stored = write(dice, min(objects, deliveries), members[: crowd.readers], labels())
    plan = list(_shared(stored, deliveries))
    moments = _moments(dice, members, len(plan))
    rows = 0
    for start in range(0, len(plan), BATCH):
        batch = zip(plan[start : start + BATCH], moments[start : start + BATCH], strict=True)
        rows += _write([_Rows(dice, each, moment) for each, moment in batch])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as the server would have done by itself long ago
    ended = time.monotonic()
    return Seeded(len(stored), len(plan), rows, ended - people_made, people_made - began)


def _shared(stored: Sequence[Stored], deliveries: int) -> Iterator[Stored]:
    """The objects by turns, until their messages have so many deliveries."""
    while deliveries > 0:
        for each in stored:
            if deliveries <= 0:
                return
            deliveries -= len(each.to) + 1
            yield each


def _moments(dice: random.Random, members: Sequence[Member], count: int) -> list[datetime]:
    """When they were delivered, in order: since everybody's certificates hold, because a reader's tick depends on that."""
    first, last = max(each.signing.not_before for each in members), timezone.now()
    return sorted(first + (last - first) * dice.random() for _ in range(count))


class _Rows:
    """All rows of one message that has arrived."""

    def __init__(self, dice: random.Random, stored: Stored, moment: datetime) -> None:
        self.stored, self.dice = stored, dice
        self.message = _message(stored, moment, State.DELIVERED)
        self.envelope = _envelope(stored, self.message)
        line = _line(stored, self.envelope)
        self.deliveries = [self._delivery(member, line) for member in stored.to]
        self.deliveries.append(self._delivery(stored.originator, line, Delivery.Folder.SENT))
        self.events = list(self._events())

    def _delivery(self, owner: Member, line: EnvelopeSummary, arrived_in: str = Delivery.Folder.INBOX) -> Delivery:
        received, moment = arrived_in == Delivery.Folder.INBOX, self.message.delivered_at
        binned = received and self.dice.random() < 0.1
        row = Delivery(
            owner=owner.user,
            envelope=self.envelope,
            arrived_in=arrived_in,
            folder=Delivery.Folder.BIN if binned else arrived_in,
            label=self.stored.label,
            precedence=self.stored.precedence,
            delivered_at=moment,
            read_at=moment if not received or self.dice.random() < 0.7 else None,
            receipt_wanted=self.stored.receipt,
            receipt_state=Delivery.ReceiptState.WANTED if received and self.stored.receipt else Delivery.ReceiptState.NONE,
        )
        summary = line.received() if received else line.sent()
        row.summary = owner.seal(summary.to_json(), "summary", row.id)
        return row

    def _events(self) -> Iterator[Event]:
        for verb in (Verb.SUBMITTED, Verb.SIGNED, Verb.ENCRYPTED):
            yield self._event(verb, "message", self.message.id)
        for row in self.deliveries[:-1]:
            yield self._event(Verb.DELIVERED, "delivery", row.id, row.owner.username)

    def _event(self, verb: Verb, kind: str, object_id: str, about: str = "") -> Event:
        user = self.stored.originator.user
        event = Event(
            at=microseconds(self.message.delivered_at),
            person=user.id,
            name=user.username,
            role="worker",
            process="worker",
            verb=verb.value,
            kind=kind,
            object_id=object_id,
            about=about,
            label=self.stored.label.marking,
            outcome="granted",
            correlation=self.message.id,
        )
        event.leaf = leaf_bytes(event)
        return event


def _message(stored: Stored, moment: datetime, state: str) -> Message:
    return Message(
        originator=stored.originator.user,
        label=stored.label,
        precedence=stored.precedence,
        copy_precedence=stored.precedence,
        message_id=f"<{random_id()}@{settings.MAIL_DOMAIN}>",
        submitted_at=moment,
        sealed_at=moment,
        delivered_at=moment if state == State.DELIVERED else None,
        receipt_wanted=stored.receipt,
        state=state,
    )


def _envelope(stored: Stored, message: Message) -> Envelope:
    return Envelope(
        message=message,
        kind=Envelope.Kind.SHARED,
        object_name=stored.made.object_name,
        size=stored.made.size,
        content_encryption=stored.made.content_encryption,
        recipients=[each.user.id for each in stored.to],
    )


def _line(stored: Stored, envelope: Envelope) -> EnvelopeSummary:
    names = ", ".join(each.user.display_name for each in stored.to)
    return EnvelopeSummary(stored.subject, stored.attachments, stored.originator.user.display_name, names, addressed_digest(envelope))


def _write(batch: Sequence[_Rows]) -> int:
    deliveries = [row for each in batch for row in each.deliveries]
    with transaction.atomic():
        insert([each.message for each in batch])
        insert([each.envelope for each in batch])
        insert(deliveries)
        insert([event for each in batch for event in each.events])
    return len(deliveries)


def queue(count: int, *, crowd: Crowd, chance: int = 2) -> int:
    """`count` ROUTINE messages, signed and encrypted, whose delivery is still to be done; they appear in the queue all at once."""
    dice = random.Random(chance)  # noqa: S311 - figures, not keys
    members = enrol(crowd.people)[: crowd.readers]
    stored = write(dice, 20, members, labels())
    rows = []
    for number in range(count):
        each, moment = stored[number % len(stored)], timezone.now() - timedelta(seconds=1)
        message = _message(each, moment, State.SEALED)
        message.precedence = message.copy_precedence = Precedence.ROUTINE
        envelope = _envelope(each, message)
        envelope.recipients = [dice.choice(each.to).user.id]
        sealed = intake.seal(_line(each, envelope).to_json(), summary_context(envelope.id))
        envelope.summary, envelope.intake_key = sealed.blob, sealed.intake_key
        rows.append((message, envelope))
    with transaction.atomic():
        insert([message for message, _ in rows])
        insert([envelope for _, envelope in rows])
        insert([Job(kind="deliver", target=envelope.id, precedence=Precedence.ROUTINE, created_at=timezone.now()) for _, envelope in rows])
        wakeup.ring()
    return len(rows)
