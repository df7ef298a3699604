"""The seal job: decide once more, sign once, encrypt for everybody or for nobody."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record, record_all
from portal.keys import objects
from portal.mail.models import Draft, Envelope, Message, Outbound, Upload
from portal.mail.services.envelopes import envelopes_for
from portal.mail.services.finish import finish_message
from portal.mail.services.plans import CannotSeal, Plan, decide, people_of, plans_for
from portal.mail.services.signing import make, open_submission
from portal.mail.states import State
from portal.outbox import services as outbox
from portal.outbox.models import Precedence
from portal.outbox.registry import Claimed
from portal.policy.models import Label
from portal.rows import by_id, insert, remove, rows
from portal.stops import stop_here

Finish = Callable[[], None]


HELD_UP = "Signing is held up. Nothing is lost: the operator has been told and can let it begin again."


def seal(job: Claimed) -> Finish | None:
    """Makes the signed and encrypted objects of a message. Every attempt has its own keys, nonces and object names."""
    message = _submitted(job.target)
    if message is None:
        return None
    try:
        half, submission = open_submission(message)
        stop_here("seal.grant-opened")
        people = people_of(message, submission)
        decide(message, people)
        plans = plans_for(message, submission, people)
        made = make(message, submission, people, plans, half, progress=outbox.keeper(job))
        envelopes = envelopes_for(message, submission, people, plans, made)
    except CannotSeal as refusal:
        return _refuse(message, str(refusal))
    stop_here("seal.made")
    return lambda: _finish(message, plans, envelopes)


def _refuse(message: Message, reason: str) -> Finish:
    def finish() -> None:
        finish_message(message, "refuse", reason)
        record(**_event(message, Verb.SIGNED, "message", message.id, reason=reason, outcome=Outcome.REFUSED))

    return finish


def _finish(message: Message, plans: list[Plan], envelopes: list[Envelope]) -> None:
    """The only place that names the objects made. The draft goes now, not earlier."""
    events = [_event(message, Verb.SIGNED, "message", message.id)]
    for plan, envelope in zip(plans, envelopes, strict=True):
        insert([envelope])
        outbox.enqueue(kind="deliver", target=envelope.id, precedence=min(_precedences(message, envelope)))
        for who in plan.outside:
            way = Outbound.objects.create(envelope=envelope, address=who.address, certificate=plan.certificate_of(who))
            outbox.enqueue(kind="relay", target=way.id, precedence=_precedence(message, envelope, who.address))
        events.append(_event(message, Verb.ENCRYPTED, "envelope", envelope.id, reason=envelope.content_encryption))
        stop_here("seal.envelope-named")
    record_all(events)
    leftovers = _taken(Draft, "SELECT * FROM mail_draft WHERE id = %s AND owner_id = %s", message)
    leftovers += _taken(Upload, "SELECT * FROM mail_upload WHERE draft_id = %s AND owner_id = %s", message)  # also those of a form posted twice
    message.sealed_at = timezone.now()
    finish_message(message, "seal")
    transaction.on_commit(lambda: objects.delete(*leftovers))


def _taken(model: type[Draft] | type[Upload], sql: str, message: Message) -> list[str]:
    """The objects of the message's rows of this kind, which go."""
    found = rows(model, sql, message.id, message.originator_id)
    if found:
        remove(model, id=[each.id for each in found])
    return [each.object_name for each in found]


def _precedences(message: Message, envelope: Envelope) -> list[int]:
    """Those of the people an envelope is for; one that only holds the originator's own copy is ROUTINE."""
    return [_precedence(message, envelope, each) for each in envelope.recipients] or [Precedence.ROUTINE]


def _precedence(message: Message, envelope: Envelope, recipient: str) -> int:
    return message.copy_precedence if recipient in envelope.copies else message.precedence


def sealing_held_up(job: Claimed) -> None:
    """The job is dead: all attempts failed. Content and grant are kept, so that the operator can let it begin again."""
    message = _submitted(job.target)
    if message is None:
        return
    message.reason = HELD_UP
    message.save(update_fields=["reason"])
    record(**_event(message, Verb.FAILED, "message", message.id, reason="seal", outcome=Outcome.FAILED))


def fail(message_id: str) -> None:
    """The operator decided that the message shall not leave: its draft opens again."""
    message = _submitted(message_id)
    if message is None:
        return
    finish_message(message, "fail", "The portal could not sign this message. It is in Drafts again.")


def _submitted(message_id: str) -> Message | None:
    message = whole_message(message_id)
    return message if message and message.state == State.SUBMITTED else None


def whole_message(message_id: str) -> Message | None:
    """A message with its label, and its originator if that is somebody here."""
    message = by_id(Message, message_id)
    if message is not None:
        message.label = by_id(Label, message.label_id)
        message.originator = by_id(User, message.originator_id) if message.originator_id else None
    return message


def _event(
    message: Message, verb: Verb, kind: str, object_id: str, *, reason: str = "", outcome: Outcome = Outcome.GRANTED
) -> dict[str, Any]:
    return {
        "verb": verb,
        "actor": originator_actor(message),
        "kind": kind,
        "id": object_id,
        "label": message.label.marking,
        "outcome": outcome,
        "reason": reason,
        "correlation": message.id,
    }


def originator_actor(message: Message) -> Actor:
    """Workers act for the originator; somebody outside has no name here."""
    if message.originator is None:
        return Actor(name="outside", role="worker")
    return Actor(person=message.originator_id, name=message.originator.username, role="worker")
