"""An event is written in the transaction of its act, as canonical JSON that never changes."""

import json
from unittest import mock

import pytest
from django.db import connections, transaction

from portal.audit import services
from portal.audit.leaf import leaf_bytes
from portal.audit.models import Event, Outcome, Verb
from portal.audit.services import Actor, OutsideTransaction, record
from tests.portal.audit.events import ALICE, NOON, happened

pytestmark = pytest.mark.django_db


def test_the_leaf_of_an_event_is_these_bytes_for_ever() -> None:
    event = Event(
        id="00112233445566778899aabbccddeeff",
        at=1_772_452_800_000_007,
        person="a1", name="älice", role="auditor", session="s1", address="192.0.2.1", process="web",
        verb="opened", kind="message", object_id="m1", about="bob", label='SECRET "A"', outcome="refused",
        reason="not cleared\n", correlation="m1",
    )  # fmt: skip
    expected = (
        '{"about":"bob","correlation":"m1","from":{"address":"192.0.2.1","process":"web"},'
        '"id":"00112233445566778899aabbccddeeff","label":"SECRET \\"A\\"","on":{"id":"m1","kind":"message"},'
        '"outcome":"refused","reason":"not cleared\\n","v":1,"what":"opened","when":"2026-03-02T12:00:00.000007Z",'
        '"who":{"name":"älice","person":"a1","role":"auditor","session":"s1"}}'
    )
    assert leaf_bytes(event) == expected.encode()


def test_the_stored_leaf_is_the_leaf_of_the_stored_row() -> None:
    stored = Event.objects.get(id=happened(about="bob", label="SECRET", reason="x", correlation="m1").id)
    assert stored.leaf == leaf_bytes(stored)
    assert json.loads(stored.leaf)["who"]["name"] == "alice"
    assert stored.when == NOON


def test_what_no_column_and_no_json_can_hold_is_replaced_and_too_long_texts_are_cut() -> None:
    event = happened(id="a\x00b\ud800" + "x" * 500, reason="r" * 500)
    assert event.object_id.startswith("a\ufffdb\ufffdx")
    assert len(event.object_id) == 200
    assert event.reason.endswith("r…")
    assert Event.objects.get().leaf == event.leaf


def test_an_event_outside_a_transaction_is_an_error() -> None:
    outside = mock.patch.object(connections["default"], "in_atomic_block", new=False)  # the test itself runs inside one
    with outside, pytest.raises(OutsideTransaction):
        record(verb=Verb.OPENED, actor=ALICE, kind="message", id="m1")


def test_an_event_goes_with_its_act_when_the_transaction_is_undone() -> None:
    def act_that_fails() -> None:
        with transaction.atomic():
            record(verb=Verb.OPENED, actor=ALICE, kind="message", id="m1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act_that_fails()
    assert not Event.objects.exists()


def test_a_refusal_is_one_event_and_an_answer() -> None:
    with transaction.atomic():
        answer = services.refuse("not cleared", verb=Verb.OPENED, actor=ALICE, kind="message", id="m1", about="bob")
    assert answer == services.Refused("not cleared")
    event = Event.objects.get()
    assert (event.outcome, event.reason, event.about) == (Outcome.REFUSED, "not cleared", "bob")


def test_a_verb_that_is_not_in_the_enumeration_is_an_error() -> None:
    with pytest.raises(ValueError, match="made_up"):
        happened("made_up")  # type: ignore[arg-type]


def test_an_actor_knows_its_process() -> None:
    assert Actor().process == "manage"
