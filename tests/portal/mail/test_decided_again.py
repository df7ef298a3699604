"""Who may send and who may have a message is asked at each of its steps, and whoever is refused is told why, in words that are true."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.services import disable, enable
from portal.audit.services import SYSTEM
from portal.keys.models import Certificate
from portal.mail import selectors
from portal.mail.models import Delivery, Draft, Message
from portal.outbox import services as outbox
from portal.policy.models import Clearance
from portal.policy.services import grant_clearance, revoke_clearance
from tests.portal.organisation import UNCLASSIFIED, events

pytestmark = pytest.mark.django_db

YESTERDAY = timezone.now() - timedelta(days=1)
CHANGES = {
    "account": (lambda alice: disable(actor=SYSTEM, user=alice), "the account is disabled"),
    "clearance": (lambda alice: revoke_clearance(actor=SYSTEM, user=alice), "there is no clearance"),
    "lower clearance": (lambda alice: grant_clearance(actor=SYSTEM, user=alice, classification=UNCLASSIFIED), "the clearance does not include CONFIDENTIAL"),
    "end of clearance": (lambda alice: Clearance.objects.filter(user=alice).update(valid_until=YESTERDAY), "the clearance is not valid at this time"),
}


@pytest.fixture(params=CHANGES)
def change(request, organisation):
    """(what happens to the originator, what they are told then)"""
    happens, reason = CHANGES[request.param]
    return lambda: happens(organisation.user("alice")), f"You may no longer send this message: {reason}."


def seal() -> None:
    outbox.run(outbox.claim())


def told(organisation, message_id: str) -> selectors.life.Steps:
    return selectors.steps(organisation.user("alice"), message_id)


def inboxes(message_id: str) -> set[str]:
    return set(Delivery.objects.filter(envelope__message=message_id, arrived_in="inbox").values_list("owner__username", flat=True))


def test_who_may_not_send_any_more_is_told_why_before_sealing(organisation, change):
    (happens, reason), (message_id, _) = change, organisation.submit("alice")
    happens()
    outbox.run_until_idle()
    steps = told(organisation, message_id)
    assert (steps.headline, steps.reason, inboxes(message_id)) == ("It did not leave", reason, set())
    assert Draft.objects.filter(id=steps.draft_id).exists()
    assert [(each.outcome, each.reason) for each in events(verb="signed")] == [("refused", reason)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"revoked_at": YESTERDAY}, "Your signing certificate was revoked on"), ({"not_after": YESTERDAY}, "Your signing certificate expired on")],
)
def test_who_cannot_sign_any_more_is_told_why(organisation, change, reason):
    message_id, _ = organisation.submit("alice")
    Certificate.objects.filter(user=organisation.user("alice"), purpose="signing").update(**change)
    outbox.run_until_idle()
    assert told(organisation, message_id).reason.startswith(reason)
    assert events(verb="signed")[0].reason.startswith(reason)


def test_what_was_sealed_before_is_delivered_to_nobody_and_its_copy_is_kept(organisation, change):
    (happens, reason), (message_id, _) = change, organisation.submit("alice", to="bob, carol")
    seal()
    happens()
    outbox.run_until_idle()
    steps = told(organisation, message_id)
    assert (steps.headline, steps.reason, steps.final, inboxes(message_id)) == ("It did not leave", reason, True, set())
    assert [each.state for each in steps.steps] == ["done", "done", "done", "failed"]
    assert steps.delivery_id == organisation.delivery("alice", message_id, "sent").id
    found = [(each.about, each.outcome, each.reason) for each in events(verb="delivered")]
    assert sorted(found) == [("bob", "refused", reason), ("carol", "refused", reason)]


def test_what_somebody_got_before_stays_with_them(organisation):
    message_id, _ = organisation.submit("alice", to="bob", bcc="carol")
    seal()
    outbox.run(outbox.claim())
    (first,) = inboxes(message_id)
    disable(actor=SYSTEM, user=organisation.user("alice"))
    outbox.run_until_idle()
    assert (inboxes(message_id), told(organisation, message_id).headline) == ({first}, "Not everybody got it")


def test_refused_is_final_whatever_comes_back(organisation):
    message_id, _ = organisation.submit("alice", to="bob", bcc="carol")
    seal()
    disable(actor=SYSTEM, user=organisation.user("alice"))
    outbox.run(outbox.claim())
    enable(actor=SYSTEM, user=organisation.user("alice"))
    outbox.run_until_idle()
    assert (inboxes(message_id), Message.objects.get(id=message_id).state) == (set(), "refused")
    assert {(each.about, each.outcome) for each in events(verb="delivered")} == {("bob", "refused"), ("carol", "refused")}


def test_a_refused_message_whose_reason_is_gone_is_still_refused(organisation):
    message_id, _ = organisation.submit("alice", to="bob")
    seal()
    Message.objects.filter(id=message_id).update(state="refused", reason="")
    outbox.run_until_idle()
    assert inboxes(message_id) == set()
    assert [(each.about, each.outcome, each.reason) for each in events(verb="delivered")] == [("bob", "refused", "It was refused.")]


def test_a_recipient_who_was_disabled_gets_nothing_and_it_is_on_record_why(organisation):
    message_id, _ = organisation.submit("alice", to="bob, carol")
    seal()
    disable(actor=SYSTEM, user=organisation.user("bob"))
    outbox.run_until_idle()
    assert (inboxes(message_id), Message.objects.get(id=message_id).state) == ({"carol"}, "delivered")
    assert [(each.outcome, each.reason) for each in events(verb="delivered", about="bob")] == [("refused", "the account is disabled")]
