"""The deliver job: one envelope into the mailboxes it is for, in batches, each mailbox once."""

from collections.abc import Callable, Iterator

from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import record, record_all
from portal.keys import intake
from portal.keys.vault import sealers
from portal.mail.content import EnvelopeSummary
from portal.mail.models import Delivery, Envelope, Message
from portal.mail.services.envelopes import addressed_digest, summary_context
from portal.mail.services.finish import LONGEST_REASON
from portal.mail.services.plans import objection
from portal.mail.services.seal import originator_actor, whole_message
from portal.mail.states import State, after
from portal.outbox.registry import Claimed
from portal.policy.access import decide_for_all
from portal.rows import by_id, change, insert, keep, rows
from portal.stops import stop_here

BATCH = 500
HELD_UP = "Delivery is held up. Nothing is lost: the operator has been told and can let it begin again."


class Readdressed(Exception):
    """Label, originator or recipients are not those this envelope was sealed with: somebody wrote to the database."""


def deliver(job: Claimed) -> Callable[[], None] | None:
    """Writes a delivery with its sealed summary for every mailbox, and asks again who may have it, and whether its originator may send it.

    If not, nobody gets it. The originator's own copy is kept in any case: by now nothing else holds what they wrote.
    """
    envelope = by_id(Envelope, job.target)
    if envelope is None or envelope.summary is None:
        return None
    message = envelope.message = whole_message(envelope.message_id)
    opened = intake.unseal(intake.Sealed(envelope.intake_key, envelope.summary), summary_context(envelope.id))
    line = EnvelopeSummary.from_json(opened)
    stop_here("deliver.opened")
    if line.addressed != addressed_digest(envelope):
        raise Readdressed
    people = rows(User, "SELECT * FROM accounts_user WHERE id IN %s", envelope.recipients)
    originator = [message.originator] if people and message.originator else []  # nobody here decides about somebody outside
    decisions = decide_for_all([*people, *originator], message.label)
    stopped = "".join(objection(message, decisions[each.id]) for each in originator)
    refused = [(user, stopped or decisions[user.id].reason) for user in people if stopped or not decisions[user.id].granted]
    mailboxes = [(user, Delivery.Folder.INBOX) for user in people if not stopped and decisions[user.id].granted]
    if envelope.kind == Envelope.Kind.SHARED:
        mailboxes.append((message.originator, Delivery.Folder.SENT))
    seals = sealers({owner.id for owner, _ in mailboxes})
    deliveries = [_delivery(envelope, owner, folder, line, seals[owner.id]) for owner, folder in mailboxes]
    stop_here("deliver.made")
    return lambda: _finish(envelope, deliveries, refused, stopped)


def _delivery(envelope: Envelope, owner: User, folder: str, line: EnvelopeSummary, seal: Callable[..., bytes]) -> Delivery:
    message = envelope.message
    row = Delivery(
        owner=owner,
        envelope=envelope,
        arrived_in=folder,
        folder=folder,
        label=message.label,
        precedence=message.copy_precedence if owner.id in envelope.copies else message.precedence,
        receipt_wanted=message.receipt_wanted,
    )
    received = folder == Delivery.Folder.INBOX
    if received and message.receipt_wanted:
        row.receipt_state = Delivery.ReceiptState.WANTED
    row.provisional = received and envelope.provisional
    if not received:
        row.read_at = timezone.now()
    summary = line.received() if received else line.sent()
    row.summary = seal(summary.to_json(), "summary", row.id)
    return row


def _finish(envelope: Envelope, rows: list[Delivery], refused: list[tuple[User, str]], stopped: str) -> None:
    message = envelope.message
    # Locked: of two envelopes that are finished at the same time, the later one must see that the other is done.
    message.state = by_id(Message, message.id, locked=True).state
    for batch in _batches(rows):
        insert(batch)
        stop_here("deliver.batch")
    common = {
        "actor": originator_actor(message),
        "kind": "delivery",
        "label": message.label.marking,
        "correlation": message.id,
    }
    received = [row for row in rows if row.arrived_in == Delivery.Folder.INBOX]
    record_all({"verb": Verb.DELIVERED, "id": row.id, "about": row.owner.username, **common} for row in received)
    for user, reason in refused:
        record(
            verb=Verb.DELIVERED,
            id="",
            about=user.username,
            outcome=Outcome.REFUSED,
            reason=reason,
            **common,
        )
    change(Envelope, {"summary": None, "intake_key": ""}, id=envelope.id)
    if message.state == State.SEALED and (stopped or not _waits(message)):
        message.state = after(message.state, "refuse" if stopped else "deliver")
        message.delivered_at = None if stopped else timezone.now()
        message.reason = stopped[:LONGEST_REASON]
        keep(message, "state", "delivered_at", "reason")


def _waits(message: Message) -> bool:
    """Whether one of its envelopes is not delivered yet."""
    return bool(rows(Envelope, "SELECT id FROM mail_envelope WHERE message_id = %s AND summary IS NOT NULL LIMIT 1", message.id))


def _batches(rows: list[Delivery]) -> Iterator[list[Delivery]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def delivery_held_up(job: Claimed) -> None:
    """The job is dead: the operator can retry it; nothing is dropped, and the originator sees where it stands."""
    envelope = _undelivered(job.target)
    if envelope is None:
        return
    message = envelope.message
    Message.objects.filter(id=message.id, state=State.SEALED).update(reason=HELD_UP)
    record(
        verb=Verb.FAILED,
        actor=originator_actor(message),
        kind="envelope",
        id=envelope.id,
        label=message.label.marking,
        outcome=Outcome.FAILED,
        reason="deliver",
        correlation=message.id,
    )


def stop_delivery(envelope_id: str) -> None:
    """The operator decided that this envelope shall not be delivered. What others got stays with them."""
    envelope = _undelivered(envelope_id)
    if envelope is None:
        return
    message = envelope.message
    if message.state == State.SEALED:
        message.state = after(message.state, "fail")
        message.reason = "The operator stopped the delivery: not everybody got this message."
        message.save(update_fields=["state", "reason"])
    Envelope.objects.filter(id=envelope.id).update(summary=None, intake_key="")


def _undelivered(envelope_id: str) -> Envelope | None:
    found = Envelope.objects.select_related("message__originator", "message__label")
    return found.filter(id=envelope_id, summary__isnull=False).first()
