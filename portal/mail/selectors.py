"""What mailboxes show. Every list is filtered by the labels its reader may have; subjects come opened from a worker, or not at all."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor
from portal.keys import calls
from portal.keys.vault import Vault
from portal.mail.access import access_message
from portal.mail.content import Summary
from portal.mail.directory import Outside, clearances
from portal.mail.models import Delivery, Draft, Envelope, Message, Origin, Outbound, Release, undo_time
from portal.mail.outcomes import headline
from portal.mail.states import State
from portal.outbox.calls import CallError
from portal.outbox.models import Precedence
from portal.policy.access import decide_for, decide_for_domain, readable_labels
from portal.policy.models import Label
from portal.policy.officer import holds
from portal.policy.selectors import category_references, marking_of_clearance

PAGE = 50
SUMMARIES_TIMEOUT = 0.3
OPEN_TIMEOUT = 0.9
WHOLE_TIMEOUT = 120.0  # for calls that go through all of a message, of MESSAGE_MAX_SIZE and on a busy machine
LARGE = 5_000_000  # octets: opening takes a progress page


@dataclass(frozen=True)
class Row:
    """One line of a mailbox or of Drafts. `summary` is None as long as it could not be opened."""

    id: str
    at: datetime
    unread: bool
    label: Label | None
    precedence: int
    receipt_wanted: bool
    summary: Summary | None
    state: str = ""

    @property
    def precedence_name(self) -> str:
        """In words, unless it is routine."""
        return Precedence(self.precedence).label if self.precedence != Precedence.ROUTINE else ""


@dataclass(frozen=True)
class FolderPage:
    rows: list[Row]
    next_cursor: str
    summaries_missing: bool


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

    @property
    def precedence_name(self) -> str:
        """In words, unless it is routine."""
        return Precedence(self.precedence).label if self.precedence != Precedence.ROUTINE else ""


def mailbox(user: User, folder: str, readable: Q | None = None) -> QuerySet[Delivery]:
    """A folder's deliveries that this person may read, newest first. `readable`, if that was asked already."""
    found = Delivery.objects.filter(readable or _readable(user), owner=user, folder=folder)
    return found.order_by("-delivered_at", "-id")


def _readable(user: User) -> Q:
    """Deliveries whose labels, all of them, this person may read."""
    labels = readable_labels(user)
    return Q(label_id__in=labels) & (Q(provisional_label=None) | Q(provisional_label_id__in=labels))


def folder_page(vault: Vault, folder: str, before: str = "") -> FolderPage:
    """A page of a folder with its subjects, if a worker opens them within 300 ms."""
    if folder == "drafts":
        return _drafts_page(vault, before)
    found = mailbox(vault.user, folder).select_related("label")
    rows = list(_after_cursor(found, before, "delivered_at")[: PAGE + 1])
    summaries = _open_summaries(vault, [(row.id, row.summary) for row in rows[:PAGE]])
    return _page(
        rows,
        [
            Row(
                id=row.id,
                at=row.delivered_at,
                unread=row.read_at is None,
                label=row.label,
                precedence=row.precedence,
                receipt_wanted=row.receipt_wanted,
                summary=summaries.get(row.id),
            )
            for row in rows[:PAGE]
        ],
        "delivered_at",
        missing=bool(rows) and not summaries,
    )


def _drafts_page(vault: Vault, before: str) -> FolderPage:
    quoted = Delivery.objects.filter(id=OuterRef("answers"), owner=vault.user)
    found = (
        Draft.objects.filter(Q(label=None) | Q(label_id__in=readable_labels(vault.user)), owner=vault.user)
        .exclude(Exists(quoted.exclude(_readable(vault.user))))
        .exclude(id__in=_on_their_way(vault.user))
        .order_by("-saved_at", "-id")
    )
    rows = list(_after_cursor(found, before, "saved_at")[: PAGE + 1])
    summaries = _open_summaries(vault, [(row.object_name, row.summary) for row in rows[:PAGE]])
    return _page(
        rows,
        [
            Row(
                id=row.id,
                at=row.saved_at,
                unread=False,
                label=None,
                precedence=Precedence.ROUTINE,
                receipt_wanted=False,
                summary=summaries.get(row.object_name),
                state="draft",
            )
            for row in rows[:PAGE]
        ],
        "saved_at",
        missing=bool(rows) and not summaries,
    )


def _on_their_way(user: User) -> QuerySet[Message]:
    return Message.objects.filter(originator=user, state=State.SUBMITTED).values("id")


def _after_cursor(found: QuerySet, before: str, column: str) -> QuerySet:
    """Keyset paging: the cursor is the time and id of the last row shown; one that can't be read starts at the top."""
    at, _, last_id = before.partition("_")
    try:
        moment = datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, OverflowError):
        return found
    return found.filter(Q(**{f"{column}__lt": moment}) | Q(**{column: moment, "id__lt": last_id}))


def _page(rows: list, shown: list[Row], column: str, *, missing: bool) -> FolderPage:
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    cursor = f"{getattr(last, column).isoformat()}_{last.id}" if last else ""
    return FolderPage(shown, cursor, missing)


def _open_summaries(vault: Vault, sealed: list[tuple[str, bytes]]) -> dict[str, Summary]:
    """Opened lines by key; empty if the worker is away or slow: then the page shows grey lines and asks once more."""
    if not sealed:
        return {}
    payload = {"summaries": [[key, blob.hex()] for key, blob in sealed]}
    try:
        answer = vault.ask("open_summaries", payload, timeout=SUMMARIES_TIMEOUT)
    except (CallError, calls.CallRefused):
        return {}
    opened = {}
    for key, line in answer["lines"].items():
        with suppress(ValueError, TypeError):  # anybody who can write to the database can seal to a public key
            opened[key] = Summary.from_json(line.encode())
    return opened


def unread(user: User) -> int:
    return mailbox(user, Delivery.Folder.INBOX).filter(read_at=None).count()


def state(user: User, folder: str) -> str:
    """Changes whenever the folder's page, or the number of unread beside its name, would: what polling compares."""
    readable = _readable(user)
    found = mailbox(user, folder, readable)
    counted = found.aggregate(n=Count("id"), read=Count("read_at"))
    inbox = mailbox(user, Delivery.Folder.INBOX, readable)
    unread = counted["n"] - counted["read"] if folder == Delivery.Folder.INBOX else inbox.filter(read_at=None).count()
    first = found.values_list("id", flat=True).first()
    return f"{first}-{counted['n']}-{counted['read']}-{unread}"


def open_message(vault: Vault, actor: Actor, delivery_id: str, *, patient: bool = False) -> Opened | None:
    """Opens a message in a worker. None for absent and not permitted alike; raises the outbox's `CallError`s and `SessionOver`.

    `patient` waits as long as a large message takes; otherwise under a second.
    """
    payload = {"delivery_id": delivery_id, "actor": asdict(actor)}
    answer = vault.ask("open_message", payload, timeout=WHOLE_TIMEOUT if patient else OPEN_TIMEOUT)
    if not answer:
        return None
    row = Delivery.objects.select_related("label", "envelope__message").get(id=delivery_id, owner=vault.user)
    return Opened(
        id=row.id,
        message_id=row.envelope.message_id,
        folder=row.folder,
        label=row.label,
        at=row.delivered_at,
        precedence=row.precedence,
        receipt_wanted=row.receipt_wanted,
        encrypted_for=_encrypted_for(row.envelope),
        from_outside=row.envelope.message.outside_sender if row.envelope.kind == Envelope.Kind.INBOUND else None,
        came_in_clear=row.envelope.wrapped,
        content_encryption=row.envelope.content_encryption,
        **answer,
    )


def _encrypted_for(envelope: Envelope) -> int:
    """For how many; 0 where nobody here knows: mail from outside may be for others, too."""
    if envelope.kind == Envelope.Kind.INBOUND:
        return 0
    return len(set(envelope.recipients)) + len(envelope.outside) + (envelope.kind == Envelope.Kind.SHARED)


def is_large(user: User, delivery_id: str) -> bool:
    """Whether opening takes a page of its own; for what this person may not read it is never said."""
    return Delivery.objects.filter(_readable(user), id=delivery_id, owner=user, envelope__size__gt=LARGE).exists()


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
        envelopes = envelopes.filter(Q(kind=Envelope.Kind.SHARED) | Q(id=access.delivery.envelope_id))
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


def steps(user: User, message_id: str) -> Steps | None:
    """The life of a message of one's own, for the page that follows it."""
    message = Message.objects.filter(id=message_id, originator=user).first()
    if message is None:
        return None
    stopped = message.state in (State.REFUSED, State.FAILED, State.UNDONE)
    sealed = message.sealed_at is not None
    undo_until = message.submitted_at + undo_time(Precedence(min(message.precedence, message.copy_precedence)))
    sealing = "failed" if stopped else ("done" if sealed else "doing")
    sent = Delivery.objects.filter(owner=user, envelope__message=message, arrived_in=Delivery.Folder.SENT).first()
    ways = list(Outbound.objects.filter(envelope__message=message).order_by("address"))
    waiting = any(way.state == Outbound.State.WAITING and not way.reason for way in ways)
    here = len({each for envelope in message.envelopes.all() for each in envelope.recipients})
    if stopped:
        words = "Taken back" if message.state == State.UNDONE else ("Not everybody got it" if sealed else "It did not leave")
    else:
        words = headline(here=here, delivered_here=message.delivered_at is not None, ways=ways)
    return Steps(
        steps=[
            Step("accepted", "done", message.submitted_at),
            Step("signed", sealing, message.sealed_at),
            Step("encrypted", "waiting" if sealing == "failed" else sealing, message.sealed_at),
            Step(
                "delivered" if not ways else ("delivered here" if here else "kept in Sent"),
                "done" if message.delivered_at else ("doing" if sealed else "waiting"),
                message.delivered_at,
            ),
            *map(_way, ways),
        ],
        can_undo=message.state == State.SUBMITTED and (timezone.now() < undo_until or bool(message.reason)),  # or held up
        reason="Taken back. What you wrote is in Drafts." if message.state == State.UNDONE else message.reason,
        final=stopped or (message.state == State.DELIVERED and not waiting),
        draft_id=message.reopened_draft,
        delivery_id=sent.id if sent else "",
        headline=words,
    )


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


def origins() -> list[Origin]:
    """All origins by domain, "*" first."""
    return list(Origin.objects.select_related("label", "provisional_label").order_by("domain"))


@dataclass(frozen=True)
class ReleaseRow:
    """A domain outside, and the marking of what may leave to it ("": nothing)."""

    domain: str
    marking: str


def releases() -> list[ReleaseRow]:
    """All domains to which something may leave, or expressly nothing, "*" first."""
    found = Release.objects.order_by("domain")
    return [ReleaseRow(each.domain, marking_of_clearance(each.clearance) if each.clearance else "") for each in found]


def origin_choices(domain: str) -> dict[str, object]:
    """The initial values of the form for one of them; for an unknown domain just that."""
    origin = Origin.objects.select_related("label", "provisional_label").filter(domain=domain).first()
    values: dict[str, object] = {"domain": domain}
    for name, label in (("unlabelled", origin and origin.label), ("encrypted", origin and origin.provisional_label)):
        if label:
            values |= {name: label.classification, f"{name}_category": category_references(label)}
    return values


def release_choices(domain: str) -> dict[str, object]:
    """The same for what may be sent to one of them."""
    released = Release.objects.filter(domain=domain).first()
    return {"domain": domain, **(holds(released.clearance) if released and released.clearance else {})}
