"""The accept job: what came by SMTP becomes envelopes for the mailboxes it is for. Nothing unencrypted is stored."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import record
from portal.keys import intake, objects
from portal.keys import selectors as keys_selectors
from portal.keys.chunks import SealedSource
from portal.keys.models import Certificate, PrivateKey
from portal.keys.services.outside import Proven, remember_certificate
from portal.mail import engine
from portal.mail.content import EnvelopeSummary
from portal.mail.models import Arrival, Envelope, Message
from portal.mail.services.arrive import arrival_context, outside_actor, queued_as, sender_named, trust_outside
from portal.mail.services.envelopes import addressed_digest, summary_context
from portal.mail.states import State
from portal.outbox import services as outbox
from portal.outbox.registry import Claimed

Finish = Callable[[], None]

# Who wants to see notifications (mail with an empty reverse path, RFC 5321 section 4.5.5): called with the message and the ids of those it is
# for; what they return is done in the transaction that finishes.
notification_readers: list[Callable[[SealedSource, list[str]], Finish | None]] = []


class NoKey(Exception):
    """Somebody this is for has no valid encryption key at this moment; the operator can let it begin again."""


def accept(job: Claimed) -> Finish | None:
    """Encrypts what was not encrypted, and names the objects in rows. Every attempt makes its own."""
    arrival = Arrival.objects.select_related("label").filter(id=job.target).exclude(object_name="").first()
    if arrival is None:
        return None
    key = intake.unseal(intake.Sealed(arrival.intake_key, arrival.sealed_key), arrival_context(arrival.id))
    with objects.open_object(arrival.object_name) as file:
        source = SealedSource(file, key)
        seen = engine.look_at(source, trust=trust_outside(), now=arrival.arrived_at)
        message = _message(arrival)
        envelopes = _envelopes(message, seen, _plans(arrival, seen), source, outbox.keeper(job))
        noted = [] if arrival.sender else [read(source, arrival.recipients) for read in notification_readers]
        noted.append(_remember(seen.proven))
    return lambda: _finish(arrival, message, envelopes, [each for each in noted if each])


def _remember(proven: Proven | None) -> Finish | None:
    return (lambda: remember_certificate(actor=outside_actor(), proven=proven) and None) if proven else None


def _message(arrival: Arrival) -> Message:
    return Message(
        id=arrival.id,
        originator=None,
        outside_sender=arrival.sender,
        label=arrival.label,
        precedence=arrival.precedence,
        copy_precedence=arrival.precedence,
        message_id=f"<{arrival.id}@arrival.{settings.MAIL_DOMAIN}>",  # ours: that of the message is inside, and not ours to keep unique
        submitted_at=arrival.arrived_at,
        sealed_at=timezone.now(),
        state=State.SEALED,
    )


def _plans(arrival: Arrival, seen: engine.Seen) -> list[list[User]]:
    """Those that To and Cc name share an envelope; everybody else was a Bcc and has one of their own."""
    people = list(User.objects.filter(id__in=arrival.recipients, is_active=True).order_by("username"))
    named = [each for each in people if each.address in seen.addressed]
    plans = [named] if named else []
    return plans + [[each] for each in people if each not in named]


@dataclass(frozen=True)
class _Stored:
    made: engine.Made
    wrapped: bool


def _envelopes(
    message: Message, seen: engine.Seen, plans: list[list[User]], source: SealedSource, progress: Callable[[], None]
) -> list[Envelope]:
    kept = engine.keep(source, seen.content_encryption, progress=progress) if seen.kind == "encrypted" and plans else None
    certificates = {} if kept else _certificates(plans)
    rows = []
    for people in plans:
        made = kept or _wrap(source, [certificates[each.id] for each in people], progress)
        rows.append(_envelope(message, seen, people, _Stored(made, wrapped=kept is None)))
    return rows


def _wrap(source: SealedSource, certificates: list[Certificate], progress: Callable[[], None]) -> engine.Made:
    return engine.wrap(source, certificates, cbc_only=settings.CONTENT_ENCRYPTION == "cbc", progress=progress)


def _certificates(plans: list[list[User]]) -> dict[str, Certificate]:
    people = [each for plan in plans for each in plan]
    found = keys_selectors.valid_certificates(people, PrivateKey.Purpose.ENCRYPTION)
    if len(found) < len(people):
        raise NoKey
    return found


def _envelope(message: Message, seen: engine.Seen, people: list[User], stored: _Stored) -> Envelope:
    row = Envelope(
        message=message,
        kind=Envelope.Kind.INBOUND,
        object_name=stored.made.object_name,
        size=stored.made.size,
        content_encryption=stored.made.content_encryption,
        recipients=[each.id for each in people],
        wrapped=stored.wrapped,
        provisional=seen.kind == "encrypted" and seen.label_der != message.label.der,
    )
    line = EnvelopeSummary(
        subject=seen.subject,
        attachments=seen.attachments,
        # What can be seen was refused in the name of people here, unless they have signed it or it is our relay's own notification
        from_name=sender_named(seen.from_address, message.outside_sender, proven=seen.kind != "encrypted"),
        to_names="",
        addressed=addressed_digest(row),
    )
    sealed = intake.seal(line.to_json(), summary_context(row.id))
    row.summary, row.intake_key = sealed.blob, sealed.intake_key
    return row


def _finish(arrival: Arrival, message: Message, envelopes: list[Envelope], noted: list[Finish]) -> None:
    for note in noted:
        note()
    message.save(force_insert=True)
    for envelope in envelopes:
        envelope.save(force_insert=True)
        outbox.enqueue(kind="deliver", target=envelope.id, precedence=queued_as(message.precedence))
        if envelope.wrapped:
            record(
                verb=Verb.ENCRYPTED,
                actor=outside_actor(),
                kind="envelope",
                id=envelope.id,
                label=message.label.marking,
                reason=envelope.content_encryption,
                correlation=message.id,
            )
    close_arrival(arrival.id)


def close_arrival(arrival_id: str) -> None:
    """What was sealed on arrival is not needed any more. The row stays, so that a repeat is known."""
    arrival = Arrival.objects.filter(id=arrival_id).first()
    if arrival is None or not arrival.object_name:
        return
    object_name = arrival.object_name
    Arrival.objects.filter(id=arrival_id).update(object_name="", sealed_key=b"", intake_key="")
    transaction.on_commit(lambda: objects.delete(object_name))


def acceptance_held_up(job: Claimed) -> None:
    """The job is dead: everything is kept, so that the operator can let it begin again."""
    arrival = Arrival.objects.select_related("label").filter(id=job.target).first()
    if arrival is not None:
        record(
            verb=Verb.FAILED,
            actor=outside_actor(arrival.peer),
            kind="message",
            id=arrival.id,
            label=arrival.label.marking,
            outcome=Outcome.FAILED,
            reason="accept",
            correlation=arrival.id,
        )


