"""The one way into the audit trail."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from portal.audit.leaf import leaf_bytes
from portal.audit.models import Event, Outcome, Verb, microseconds
from portal.rows import insert

# What no JSON text and no PostgreSQL column can hold. It only comes from outside: a forged form, say.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Actor:
    """Who acts: ids and names as text, as they are at that moment.

    ``person`` is the user's id, ``name`` the user name, ``role`` the roles in force (comma-separated), ``session`` a
    public id of the session (never its cookie), ``address`` the network address, ``process`` the kind of process.
    """

    person: str = ""
    name: str = ""
    role: str = ""
    session: str = ""
    address: str = ""
    process: str = field(default_factory=lambda: settings.PROCESS)


SYSTEM = Actor(name="system", role="system")


class OutsideTransaction(RuntimeError):
    """record() was called outside transaction.atomic(): the act and its event could part."""


def record(
    *,
    verb: Verb,
    actor: Actor,
    kind: str,
    id: str,
    label: str = "",
    outcome: Outcome = Outcome.GRANTED,
    reason: str = "",
    correlation: str = "",
    about: str = "",
) -> Event:
    """Write one event into the transaction of the act it tells about; if it cannot be written, the act fails with it.

    ``kind`` and ``id`` say on what; ``about`` is the user name of the person concerned, if another than the actor;
    ``label`` is the marking; ``correlation`` is the message's id for everything in a message's life. Nothing here may
    hold content, a subject or a key. Texts longer than their column are cut, because they may come from outside.
    """
    _needs_transaction()
    event = _event(
        verb=verb, actor=actor, kind=kind, id=id, label=label, outcome=outcome, reason=reason, correlation=correlation,
        about=about,
    )  # fmt: skip
    insert([event])
    return event


def record_all(entries: Iterable[dict[str, Any]]) -> None:
    """`record` with each of these as its arguments, in one statement: for an act that concerns many people."""
    _needs_transaction()
    insert([_event(**each) for each in entries])


def _needs_transaction() -> None:
    if not connection.in_atomic_block:
        raise OutsideTransaction("an audit event belongs into the transaction of its act")


def _event(
    *, verb: Verb, actor: Actor, kind: str, id: str, label: str = "", outcome: Outcome = Outcome.GRANTED,
    reason: str = "", correlation: str = "", about: str = "",
) -> Event:  # fmt: skip
    event = Event(
        at=microseconds(timezone.now()),
        person=_text("person", actor.person),
        name=_text("name", actor.name),
        role=_text("role", actor.role),
        session=_text("session", actor.session),
        address=_text("address", actor.address),
        process=_text("process", actor.process),
        verb=Verb(verb).value,
        kind=_text("kind", kind),
        object_id=_text("object_id", id),
        about=_text("about", about),
        label=_text("label", label),
        outcome=Outcome(outcome).value,
        reason=_text("reason", reason),
        correlation=_text("correlation", correlation),
    )
    event.leaf = leaf_bytes(event)
    return event


@dataclass(frozen=True)
class Refused:
    """What a service answers when it did nothing but write the event of its refusal; ``reason`` is a sentence for people.

    Returned and not raised, because raising through atomic() would take the event back.
    """

    reason: str


def refuse(
    reason: str, *, verb: Verb, actor: Actor, kind: str, id: str, about: str = "", correlation: str = ""
) -> Refused:
    """Write the event of a refusal; for ``return refuse(...)`` inside the transaction that would have held the act."""
    record(
        verb=verb, actor=actor, kind=kind, id=id, outcome=Outcome.REFUSED, reason=reason, about=about,
        correlation=correlation,
    )  # fmt: skip
    return Refused(reason)


def record_view(*, actor: Actor, what: str, about: str = "") -> None:
    """Somebody looked at the audit trail: ``what`` is the filter, ``about`` the person it asks for.

    One event per question, not per page of its answer: further pages are reached only through a cursor that the first
    page has signed for the same person, session and filter (views.py).
    """
    with transaction.atomic():
        record(verb=Verb.AUDIT_VIEWED, actor=actor, kind="audit", id=what, about=about)


def record_event_view(*, actor: Actor, id: str, found: bool) -> None:
    """Somebody opened one event, or asked for one that there is not."""
    outcome, reason = (Outcome.GRANTED, "") if found else (Outcome.FAILED, "there is no such event")
    with transaction.atomic():
        record(verb=Verb.AUDIT_VIEWED, actor=actor, kind="event", id=id, outcome=outcome, reason=reason)


def record_export(*, actor: Actor, what: str, form: str, about: str = "") -> None:
    """Somebody takes the events of a filter out of the portal; written before the first of them leaves."""
    with transaction.atomic():
        record(verb=Verb.EXPORTED, actor=actor, kind=f"audit as {form}", id=what, about=about)


def _text(column: str, value: object) -> str:
    clean = UNSTORABLE.sub("\ufffd", str(value))
    limit = LENGTHS[column]
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


LENGTHS = {column.name: column.max_length for column in Event._meta.get_fields() if getattr(column, "max_length", None)}
