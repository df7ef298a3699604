"""What the page of a sent message says at its top: never more than is known, and what to do where it failed."""

import pytest

from portal.mail import services
from portal.mail.models import Message, Outbound
from portal.mail.outcomes import headline
from tests.portal.organisation import CONFIDENTIAL, actor

State = Outbound.State


def said(here: int, *states: str, delivered_here: bool = True) -> str:
    return headline(here=here, delivered_here=delivered_here, ways=[Outbound(state=each) for each in states])


@pytest.mark.parametrize(
    ("here", "states", "words"),
    [
        (2, [], "Delivered"),
        (1, [State.DELIVERED], "Delivered"),
        (1, [State.SENT], "Sent"),
        (0, [State.SENT, State.DELIVERED], "Sent"),
        (1, [State.WAITING], "On its way"),
        (1, [State.WAITING, State.FAILED], "On its way, failed for 1 of 3"),
        (1, [State.DELIVERED, State.FAILED], "Delivered to 2 of 3"),
        (1, [State.SENT, State.BOUNCED], "Sent to 2 of 3"),
        (1, [State.BOUNCED, State.FAILED], "Delivered to 1 of 3"),
        (0, [State.BOUNCED, State.FAILED], "Not delivered"),
    ],
)
def test_the_headline_counts_who_got_it(here, states, words):
    assert said(here, *states) == words


def test_nothing_is_delivered_before_it_is():
    assert said(2, delivered_here=False) == "On its way"
    assert said(0, State.DELIVERED, delivered_here=False) == "On its way"


@pytest.fixture
def sent(organisation):
    """A message to bob and two people outside, as if relays had answered."""
    message_id = organisation.send("alice", to="bob", classification=CONFIDENTIAL)
    envelope = Message.objects.get(id=message_id).envelopes.get()
    Outbound.objects.create(envelope=envelope, address="olga@elsewhere.example", state=State.DELIVERED)
    Outbound.objects.create(envelope=envelope, address="eve@elsewhere.example", state=State.BOUNCED, reason="5.1.1 unknown user")
    return message_id


def page(organisation, message_id: str, more: str = "") -> str:
    return organisation.browser("alice").get(f"/mail/messages/{message_id}/{more}", secure=True).text


def test_the_page_says_who_did_not_get_it_why_and_what_to_do(organisation, sent):
    shown = page(organisation, sent)
    assert '<p class="outcome">Delivered to 2 of 3</p>' in shown
    assert "<bdi>eve@elsewhere.example</bdi>: not delivered. 5.1.1 unknown user" in shown
    assert "<bdi>eve@elsewhere.example</bdi> did not get it." in shown
    assert '<p class="outcome">Delivered to 2 of 3</p>' in page(organisation, sent, "steps")


def test_where_all_is_well_nothing_is_to_do(organisation, sent):
    Outbound.objects.update(state=State.DELIVERED, reason="")
    shown = page(organisation, sent)
    assert '<p class="outcome">Delivered</p>' in shown
    assert "did not get it" not in shown


def test_a_message_for_nobody_here_does_not_say_that_it_was_delivered_here(organisation, sent):
    Message.objects.get(id=sent).envelopes.update(recipients=[])
    assert "Kept in Sent" in page(organisation, sent)
    assert "Delivered here" not in page(organisation, sent)


def test_a_delivery_that_the_operator_stopped_is_not_called_one_that_did_not_leave(organisation, sent):
    Message.objects.filter(id=sent).update(state="failed", reason="The operator stopped the delivery.")
    assert '<p class="outcome">Not everybody got it</p>' in page(organisation, sent)


def test_what_was_taken_back_says_so(organisation):
    message_id, _ = organisation.submit("alice")
    alice = organisation.user("alice")
    services.undo(actor(alice), alice, message_id)
    assert '<p class="outcome">Taken back</p>' in page(organisation, message_id)
