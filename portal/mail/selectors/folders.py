"""The lines of a mailbox and of Drafts, page by page, and what polling compares."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.accounts.models import User
from portal.keys import calls
from portal.keys.vault import Vault
from portal.mail.content import Summary
from portal.mail.models import Delivery, Draft, Message
from portal.mail.states import State
from portal.outbox.calls import CallError
from portal.outbox.models import Precedence
from portal.policy.access import readable_labels, standing
from portal.policy.models import Label

PAGE = 50
SUMMARIES_TIMEOUT = 0.3


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
    provisional: bool = False  # nobody has looked inside, so the label is the one for where it came from

    @property
    def precedence_name(self) -> str:
        """In words, unless it is routine."""
        return Precedence(self.precedence).label if self.precedence != Precedence.ROUTINE else ""


@dataclass(frozen=True)
class FolderPage:
    rows: list[Row]
    next_cursor: str
    summaries_missing: bool
    digest: str  # of what its rows show


class Mailbox:
    """Somebody's mail as they may see it at this moment: for one page and never kept.

    What they hold and which labels it opens is asked once for all that the page shows.
    """

    def __init__(self, user: User) -> None:
        self.user, self.held = user, standing(user)

    @cached_property
    def labels(self) -> frozenset[str]:
        return readable_labels(self.user, self.held)

    @property
    def readable(self) -> Q:
        """Deliveries whose labels, all of them, this person may read."""
        return Q(label_id__in=self.labels) & (Q(provisional_label=None) | Q(provisional_label_id__in=self.labels))

    def folder(self, folder: str) -> QuerySet[Delivery]:
        """A folder's deliveries, newest first."""
        return Delivery.objects.filter(self.readable, owner=self.user, folder=folder).order_by("-delivered_at", "-id")

    @cached_property
    def unread(self) -> int:
        return Delivery.objects.filter(self.readable, owner=self.user, folder=Delivery.Folder.INBOX, read_at=None).count()

    def digest(self, folder: str) -> str:
        """Changes whenever the rows on the folder's first page would: what polling compares."""
        return _digest(self.folder(folder).values_list(*_SEEN)[: PAGE + 1])


# Rows are read as tuples: fifty deliveries with their labels as objects take longer to make than to ask for.
_SEEN = ("id", "label_id", "provisional", "read_at")
_COLUMNS = (*_SEEN, "delivered_at", "precedence", "receipt_wanted", "summary")


def _digest(seen: Iterable[tuple[object, ...]]) -> str:
    return hashlib.sha256(repr(list(seen)).encode()).hexdigest()[:16]


def folder_page(vault: Vault, folder: str, before: str = "", *, box: Mailbox | None = None) -> FolderPage:
    """A page of a folder with its subjects, if a worker opens them within 300 ms. `box` is this person's mailbox, if the page has asked already."""
    box = box or Mailbox(vault.user)
    if folder == "drafts":
        return _drafts_page(vault, box, before)
    rows = list(_after_cursor(box.folder(folder), before, "delivered_at").values_list(*_COLUMNS, named=True)[: PAGE + 1])
    labels = Label.objects.in_bulk({row.label_id for row in rows})
    summaries = _open_summaries(vault, [(row.id, row.summary) for row in rows[:PAGE]])
    return _page(
        rows,
        [
            Row(
                id=row.id,
                at=row.delivered_at,
                unread=row.read_at is None,
                label=labels[row.label_id],
                precedence=row.precedence,
                receipt_wanted=row.receipt_wanted,
                summary=summaries.get(row.id),
                provisional=row.provisional,
            )
            for row in rows[:PAGE]
        ],
        "delivered_at",
        missing=bool(rows) and not summaries,
        digest=_digest(row[: len(_SEEN)] for row in rows),
    )


def _drafts_page(vault: Vault, box: Mailbox, before: str) -> FolderPage:
    quoted = Delivery.objects.filter(id=OuterRef("answers"), owner=vault.user)
    found = (
        Draft.objects.filter(Q(label=None) | Q(label_id__in=box.labels), owner=vault.user)
        .exclude(Exists(quoted.exclude(box.readable)))
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
            )
            for row in rows[:PAGE]
        ],
        "saved_at",
        missing=bool(rows) and not summaries,
        digest=_digest([]),  # no polling looks for drafts
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


def _page(rows: list, shown: list[Row], column: str, *, missing: bool, digest: str) -> FolderPage:
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    cursor = f"{getattr(last, column).isoformat()}_{last.id}" if last else ""
    return FolderPage(shown, cursor, missing, digest)


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

