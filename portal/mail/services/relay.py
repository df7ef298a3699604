"""The relay job: one envelope to one address outside, handed to the operator's relay by SMTP."""

from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from portal.audit.models import Outcome, Verb
from portal.audit.services import record
from portal.keys import objects
from portal.keys.known import why_not
from portal.keys.selectors import counts
from portal.mail import smtp
from portal.mail.directory import Outside
from portal.mail.models import Outbound
from portal.mail.services.finish import LONGEST_REASON
from portal.mail.services.plans import CannotSeal, decide
from portal.mail.services.seal import originator_actor
from portal.mail.states import after_relay
from portal.outbox import services as outbox
from portal.outbox.registry import Claimed
from portal.stops import stop_here

NO_CERTIFICATE = "With which certificate it was encrypted is not known any more."
NO_WAY = "The envelope was not made for this address."
HELD_UP = "Handing it over is held up. Nothing is lost: the operator has been told and can let it begin again."


def relay(job: Claimed) -> Callable[[], None] | None:
    """Hands the envelope over, at least once: when the answer to DATA is lost, it goes again, with the same Message-ID.

    What a relay refuses for good, or may no longer leave, is told to the originator. Whatever else goes wrong is tried again for two days.
    """
    way = _waiting(job.target)
    if way is None:
        return None
    if reason := _objection(way):
        return lambda: _finish(way, "refuse", reason)
    letter = smtp.Letter(
        sender=way.envelope.message.originator.address,
        recipient=way.address,
        envelope_id=way.id,
        size=way.envelope.size,
    )
    stop_here("relay.connecting")
    again = "again: it may have arrived before" if way.marked_at else ""
    try:
        with objects.open_object(way.envelope.object_name) as file:
            smtp.hand_over(letter, file, mark=lambda: _mark(way), keep=lambda: outbox.renew(job))
    except smtp.Refused as refusal:
        reason = str(refusal)
        return lambda: _finish(way, "refuse", reason)
    except smtp.Unavailable as trouble:
        raise outbox.Retry(str(trouble)) from None
    stop_here("relay.taken")
    return lambda: _finish(way, "hand_over", again)


def _waiting(way_id: str) -> Outbound | None:
    ways = Outbound.objects.select_related("certificate", "envelope__message__originator", "envelope__message__label")
    return ways.filter(id=way_id, state=Outbound.State.WAITING).first()


def _objection(way: Outbound) -> str:
    """Why it must not leave; empty if it may. Asked before each attempt: two days may have passed since it was sealed."""
    if way.address not in way.envelope.outside:
        return NO_WAY
    try:
        decide(way.envelope.message, {way.address: Outside(way.address)})
    except CannotSeal as refusal:
        return str(refusal)
    if way.certificate is None:
        return NO_CERTIFICATE
    return "" if counts(way.certificate.id) else why_not(way.certificate, way.address)


def _mark(way: Outbound) -> None:
    """Before DATA, in a transaction of its own: from here on the message may have arrived, whatever becomes of us."""
    with transaction.atomic():
        Outbound.objects.filter(id=way.id).update(marked_at=timezone.now())
    stop_here("relay.marked")


def _finish(way: Outbound, event: str, reason: str) -> None:
    """A notification that was faster than this transaction has said more already."""
    refused = event == "refuse"
    Outbound.objects.filter(id=way.id, state=way.state).update(
        state=after_relay(way.state, event),
        reason=reason[:LONGEST_REASON] if refused else "",
        sent_at=None if refused else timezone.now(),
    )
    _record(way, Outcome.REFUSED if refused else Outcome.GRANTED, reason)


def _record(way: Outbound, outcome: Outcome, reason: str) -> None:
    message = way.envelope.message
    record(
        verb=Verb.RELAYED,
        actor=originator_actor(message),
        kind="outbound",
        id=way.id,
        about=way.address,
        label=message.label.marking,
        outcome=outcome,
        reason=reason,
        correlation=message.id,
    )


def relaying_held_up(job: Claimed) -> None:
    """The job is dead: two days have passed. The operator can let it begin again; the originator sees where it stands."""
    way = _waiting(job.target)
    if way is None:
        return
    Outbound.objects.filter(id=way.id).update(reason=HELD_UP)
    _record(way, Outcome.FAILED, "given up")


def stop_relaying(way_id: str) -> None:
    """The operator decided that it shall not leave."""
    way = _waiting(way_id)
    if way is not None:
        _finish(way, "refuse", "The operator stopped it.")
