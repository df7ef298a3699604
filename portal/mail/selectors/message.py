"""One message: opened for reading, as it is stored, and who can read it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db.models import Q

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor
from portal.keys.vault import Vault
from portal.mail.access import access_message
from portal.mail.directory import Outside, clearances
from portal.mail.models import Delivery, Envelope
from portal.mail.selectors.folders import Mailbox
from portal.outbox.models import Precedence
from portal.policy.access import decide_for, decide_for_domain
from portal.policy.models import Label

OPEN_TIMEOUT = 0.9
WHOLE_TIMEOUT = 120.0  # for calls that go through all of a message, of MESSAGE_MAX_SIZE and on a busy machine
NAMED = (Envelope.Kind.SHARED, Envelope.Kind.OUTSIDE)  # for those in To and Cc, who know of each other
LARGE = 5_000_000  # octets: opening takes a progress page


@dataclass(frozen=True)
class Reader:
    """Somebody a message is for, and whether they may read it now."""

    name: str
    address: str
    may_read: bool


@dataclass(frozen=True)
class Opened:
    """What the reading page shows of one message."""

    id: str
    message_id: str
    folder: str
    label: Label
    at: datetime
    precedence: int
    receipt_wanted: bool
    unread: bool
    encrypted_for: int
    content_encryption: str
    subject: str
    from_name: str
    from_address: str
    to: list[str]
    cc: list[str]
    verdict: str
    sentence: str
    layers: list[dict[str, object]]
    text: str
    text_cut: bool
    html_hidden: bool
    attachments: list[dict[str, object]] = field(default_factory=list)
    from_outside: str | None = None  # the address that delivered it, "" where that is empty; None for mail of this portal
    came_in_clear: bool = False  # it was encrypted here, on arrival
    provisional: bool = False  # nobody could look inside, so the label is the one for where it came from
    accepted_under: Label | None = None  # that label, where the one inside is another

    @property
    def precedence_name(self) -> str:
        """In words, unless it is routine."""
        return Precedence(self.precedence).label if self.precedence != Precedence.ROUTINE else ""


def open_message(vault: Vault, actor: Actor, delivery_id: str, *, patient: bool = False) -> Opened | None:
    """Opens a message in a worker. None for absent and not permitted alike; raises the outbox's `CallError`s and `SessionOver`.

    `patient` waits as long as a large message takes; otherwise under a second.
    """
    payload = {"delivery_id": delivery_id, "actor": asdict(actor)}
    answer = vault.ask("open_message", payload, timeout=WHOLE_TIMEOUT if patient else OPEN_TIMEOUT)
    if not answer:
        return None
    row = Delivery.objects.select_related("label", "provisional_label", "envelope__message").get(id=delivery_id, owner=vault.user)
    return Opened(
        id=row.id,
        message_id=row.envelope.message_id,
        folder=row.folder,
        label=row.label,
        at=row.delivered_at,
        precedence=row.precedence,
        receipt_wanted=row.receipt_wanted,
        unread=row.read_at is None,
        encrypted_for=_encrypted_for(row.envelope),
        from_outside=row.envelope.message.outside_sender if row.envelope.kind == Envelope.Kind.INBOUND else None,
        came_in_clear=row.envelope.wrapped,
        provisional=row.provisional,
        accepted_under=row.provisional_label,
        content_encryption=row.envelope.content_encryption,
        **answer,
    )


def _encrypted_for(envelope: Envelope) -> int:
    """For how many: the originator, To and Cc, or a Bcc alone; 0 where nobody here knows: mail from outside may be for others, too."""
    if envelope.kind == Envelope.Kind.INBOUND:
        return 0
    if envelope.kind == Envelope.Kind.BCC:
        return 1
    named = Envelope.objects.filter(message=envelope.message_id, kind__in=NAMED)
    return 1 + sum(len(set(each.recipients)) + len(each.outside) for each in named)


def is_large(box: Mailbox, delivery_id: str) -> bool:
    """Whether opening takes a page of its own; for what this person may not read it is never said."""
    return Delivery.objects.filter(box.readable, id=delivery_id, owner=box.user, envelope__size__gt=LARGE).exists()


def original(user: User, actor: Actor, delivery_id: str) -> tuple[str, int] | None:
    """(object name, octets) of the message as it is stored and would leave: sealed, for download."""
    access = access_message(user, delivery_id, Verb.DOWNLOADED, actor)
    return (access.delivery.envelope.object_name, access.delivery.envelope.size) if access else None


def readers(user: User, actor: Actor, delivery_id: str) -> list[Reader] | None:
    """Who can read a message: those it is encrypted for, and what the decision says about each now.

    A Bcc is seen by the originator and by the one it names, by nobody else.
    """
    access = access_message(user, delivery_id, Verb.LISTED_READERS, actor)
    if access is None:
        return None
    message = access.delivery.envelope.message
    envelopes = Envelope.objects.filter(message=message)
    if message.originator_id is None:
        envelopes = envelopes.filter(id=access.delivery.envelope_id)
    elif message.originator_id != user.id:
        envelopes = envelopes.filter(Q(kind__in=NAMED) | Q(id=access.delivery.envelope_id))
    ids = [*filter(None, [message.originator_id]), *(each for envelope in envelopes for each in envelope.recipients)]
    here = [_reader(each, access.delivery.labels) for each in _users(dict.fromkeys(ids))]
    return here + _readers_outside([each for envelope in envelopes for each in envelope.outside], message.label)


def _readers_outside(addresses: Iterable[str], label: Label) -> list[Reader]:
    people = [Outside(each) for each in addresses]
    held = clearances(people)
    return [Reader(each.address, each.address, decide_for_domain(held[each.domain], label).granted) for each in people]


def _users(ids: Iterable[str]) -> list[User]:
    found = User.objects.in_bulk(list(ids))
    return [found[each] for each in ids if each in found]


def _reader(user: User, labels: list[Label]) -> Reader:
    return Reader(user.display_name, user.address, decide_for(user, *labels).granted)
