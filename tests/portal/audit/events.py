"""Events for the tests of the audit trail, at chosen times."""

from datetime import UTC, datetime, timedelta
from unittest import mock

from django.db import transaction

from portal.audit.models import Event, Outcome, Verb
from portal.audit.services import Actor, record

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALICE, BOB = Actor(person="a" * 32, name="alice"), Actor(person="b" * 32, name="bob")


def happened(
    verb: Verb = Verb.OPENED, *, actor: Actor = ALICE, minutes: float = 0, id: str = "m1", **more: str
) -> Event:
    """One event, `minutes` after NOON."""
    at = NOON + timedelta(minutes=minutes)
    with mock.patch("portal.audit.services.timezone.now", return_value=at), transaction.atomic():
        return record(verb=verb, actor=actor, kind="message", id=id, **more)


def refused(**more: str) -> Event:
    return happened(outcome=Outcome.REFUSED, **more)
