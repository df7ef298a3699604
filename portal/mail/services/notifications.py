"""What comes back about mail that has left: delivered, or not and why. Shown to its originator as what it is: another system's word."""

from collections.abc import Callable

from portal.audit.models import Outcome, Verb
from portal.audit.services import record
from portal.keys.chunks import SealedSource
from portal.mail import engine
from portal.mail.models import Outbound
from portal.mail.services.arrive import outside_actor
from portal.mail.states import RELAY_TRANSITIONS

_WORDS = {"delayed": "It is delayed there, and tried again.", "relayed": "Handed on to a system that tells no more."}


def note_delivery_status(source: SealedSource, recipients: list[str]) -> Callable[[], None] | None:
    """Reads a notification that came for these people; what is returned writes what it says to the ways it is about."""
    found = engine.notifications(source)
    return (lambda: _note_all(found, recipients)) if found else None


def _note_all(found: list[engine.Notified], recipients: list[str]) -> None:
    for each in sorted(found, key=lambda one: one.action != "failed"):
        way = _way(each, recipients)
        if way is not None:
            _note(way, each)


def _way(notified: engine.Notified, recipients: list[str]) -> Outbound | None:
    """The way it is about, if the notification came to the originator of that message.

    By the envelope's id, which only relays on the way have seen; else by the Message-ID with the address, once a relay has taken it: the
    other recipients know these, too, and whoever made them up could keep a message that still waits from ever being sent.
    """
    ways = Outbound.objects.select_for_update(of=("self",)).select_related("envelope__message__label")
    ways = ways.filter(envelope__message__originator__in=recipients)
    if notified.envelope_id:
        return ways.filter(id=notified.envelope_id.lower(), marked_at__isnull=False).first()
    same = ways.exclude(state=Outbound.State.WAITING).filter(envelope__message__message_id=notified.message_id, address__iexact=notified.address)
    return same.first() if notified.message_id else None


def _note(way: Outbound, notified: engine.Notified) -> None:
    """What does not fit any more (a delay after the delivery) changes nothing."""
    state = RELAY_TRANSITIONS.get((way.state, notified.action))
    if state is None:
        return
    failed = notified.action == "failed"
    said = f"{notified.status} {notified.reason}".strip() if failed else _WORDS.get(notified.action, "")
    Outbound.objects.filter(id=way.id).update(state=state, reason=said[:300])
    record(
        verb=Verb.DELIVERY_NOTED,
        actor=outside_actor(),
        kind="outbound",
        id=way.id,
        about=way.address,
        label=way.envelope.message.label.marking,
        outcome=Outcome.FAILED if failed else Outcome.GRANTED,
        reason=f"{notified.action} {notified.status}".strip(),
        correlation=way.envelope.message_id,
    )
