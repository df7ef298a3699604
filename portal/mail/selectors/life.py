"""The life of a message of one's own: which steps are done, what became of each address outside, whether it can be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from portal.accounts.models import User
from portal.mail.models import Delivery, Envelope, Message, Outbound, undo_time
from portal.mail.outcomes import headline
from portal.mail.states import State
from portal.outbox.models import Precedence
from portal.rows import by_id

STOPPED = (State.REFUSED, State.FAILED, State.UNDONE)


@dataclass(frozen=True)
class Step:
    name: str
    state: str  # "done", "doing", "waiting", "failed"
    at: datetime | None
    note: str = ""  # in words, where the state alone does not tell


@dataclass(frozen=True)
class Steps:
    """Where a message of one's own stands."""

    steps: list[Step]
    can_undo: bool
    reason: str
    final: bool
    draft_id: str
    delivery_id: str
    headline: str

    @property
    def failures(self) -> list[str]:
        """Addresses outside that did not get it."""
        return [each.name for each in self.steps if each.note and each.state == "failed"]


def steps(user: User, message_id: str) -> Steps | None:
    """The life of a message of one's own, for the page that follows it."""
    message = by_id(Message, message_id)
    if message is None or message.originator_id != user.id:
        return None
    envelopes = list(message.envelopes.all()) if message.sealed_at else []  # none before, and nothing that would be in one
    sent = Delivery.objects.filter(owner=user, envelope__in=envelopes, arrived_in=Delivery.Folder.SENT).first() if envelopes else None
    ways = list(Outbound.objects.filter(envelope__in=envelopes).order_by("address")) if envelopes else []
    here = len({each for envelope in envelopes for each in envelope.recipients})
    return Steps(
        steps=[*_steps_here(message, here, ways), *map(_way, ways)],
        can_undo=_can_undo(message),
        reason="Taken back. What you wrote is in Drafts." if message.state == State.UNDONE else message.reason,
        final=message.state in (*STOPPED, State.DELIVERED) and not _any_on_its_way(ways),
        draft_id=message.reopened_draft,
        delivery_id=sent.id if sent else "",
        headline=_headline(message, envelopes, here, ways),
    )


def _steps_here(message: Message, here: int, ways: Sequence[Outbound]) -> list[Step]:
    """What this portal does with it, for everybody. `here` is how many of its recipients are people of this portal."""
    sealed, stopped = message.sealed_at is not None, message.state in STOPPED
    sealing = "done" if sealed else ("failed" if stopped else "doing")
    delivery = "done" if message.delivered_at else ("waiting" if not sealed else "failed" if stopped else "doing")
    return [
        Step("accepted", "done", message.submitted_at),
        Step("signed", sealing, message.sealed_at),
        Step("encrypted", "waiting" if sealing == "failed" else sealing, message.sealed_at),
        Step(
            "delivered" if not ways else ("delivered here" if here else "kept in Sent"),
            delivery,
            message.delivered_at,
        ),
    ]


def _can_undo(message: Message) -> bool:
    undo_until = message.submitted_at + undo_time(Precedence(min(message.precedence, message.copy_precedence)))
    return message.state == State.SUBMITTED and (timezone.now() < undo_until or bool(message.reason))  # or held up


def _any_on_its_way(ways: Sequence[Outbound]) -> bool:
    return any(way.state == Outbound.State.WAITING and not way.reason for way in ways)


def _headline(message: Message, envelopes: Sequence[Envelope], here: int, ways: Sequence[Outbound]) -> str:
    if message.state == State.UNDONE:
        return "Taken back"
    if message.state in STOPPED:
        return "Not everybody got it" if _anything_left(envelopes, ways) else "It did not leave"
    return headline(here=here, delivered_here=message.delivered_at is not None, ways=ways)


def _anything_left(envelopes: Sequence[Envelope], ways: Sequence[Outbound]) -> bool:
    """Whether somebody here has it, or somebody outside has it or may get it yet."""
    return any(way.state != Outbound.State.FAILED for way in ways) or Delivery.objects.filter(envelope__in=envelopes, arrived_in=Delivery.Folder.INBOX).exists()


_WAY_STATES = {
    Outbound.State.WAITING: ("doing", "waiting for the relay"),
    Outbound.State.SENT: ("done", "sent"),
    Outbound.State.DELIVERED: ("done", "delivered"),
    Outbound.State.FAILED: ("failed", "not sent"),
    Outbound.State.BOUNCED: ("failed", "not delivered"),
}


def _way(way: Outbound) -> Step:
    """What became of one address outside."""
    state, words = _WAY_STATES[Outbound.State(way.state)]
    return Step(way.address, state, way.sent_at, f"{words}. {way.reason}" if way.reason else words)
