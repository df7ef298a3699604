"""A step that is given up holds a message up and loses nothing: the operator lets it begin again, or its draft opens again."""

import pytest

from portal.audit.models import Event
from portal.mail import selectors, services
from portal.mail.models import Delivery, Draft, Envelope, Message
from portal.operations.services import cancel_job, retry_job
from portal.outbox import services as outbox
from portal.outbox.models import Job
from portal.outbox.states import State
from tests.portal.organisation import actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch):
    """A step of the line that fails until it is mended, without waits between its attempts."""
    from portal.outbox import registry

    def break_(kind: str):
        entry = registry.find(kind)

        def fails(job: object) -> None:
            raise OSError

        monkeypatch.setitem(
            registry._entries, kind, registry.Entry(fails, entry.on_dead, entry.on_cancelled, delays=())
        )
        return lambda: monkeypatch.setitem(registry._entries, kind, entry)

    return break_


def the_dead() -> Job:
    return Job.objects.get(state=State.DEAD)


def test_sealing_begins_again_when_the_operator_says_so(organisation, broken) -> None:
    mend = broken("seal")
    draft_id, _ = organisation.submit("alice", to="bob")
    outbox.run_until_idle()
    steps = selectors.steps(organisation.user("alice"), draft_id)
    assert "held up" in steps.reason
    assert not steps.final
    mend()
    assert retry_job(actor=actor(organisation.user("alice")), job_id=the_dead().id) is None
    outbox.run_until_idle()
    assert Message.objects.get(id=draft_id).state == Message.State.DELIVERED
    assert Delivery.objects.filter(owner=organisation.user("bob")).count() == 1


def test_a_message_held_up_can_be_taken_back(organisation, broken) -> None:
    broken("seal")
    draft_id, _ = organisation.submit("alice", to="bob")
    outbox.run_until_idle()
    assert selectors.steps(organisation.user("alice"), draft_id).can_undo
    assert services.undo(actor(organisation.user("alice")), organisation.user("alice"), draft_id)
    assert Draft.objects.filter(owner=organisation.user("alice")).count() == 1
    assert Job.objects.get(kind="seal").state == State.CANCELLED


def test_a_sealing_that_is_cancelled_opens_the_draft_again(organisation, broken) -> None:
    broken("seal")
    draft_id, _ = organisation.submit("alice", to="bob")
    outbox.run_until_idle()
    assert cancel_job(actor=actor(organisation.user("alice")), job_id=the_dead().id) is None
    message = Message.objects.get(id=draft_id)
    assert (message.state, message.grant_sealed) == (Message.State.FAILED, None)
    assert Draft.objects.filter(id=message.reopened_draft).exists()


def test_a_delivery_begins_again_and_the_reason_is_gone(organisation, broken) -> None:
    mend = broken("deliver")
    draft_id, _ = organisation.submit("alice", to="bob")
    outbox.run_until_idle()
    assert "held up" in Message.objects.get(id=draft_id).reason
    mend()
    retry_job(actor=actor(organisation.user("alice")), job_id=the_dead().id)
    outbox.run_until_idle()
    message = Message.objects.get(id=draft_id)
    assert (message.state, message.reason) == (Message.State.DELIVERED, "")
    assert Event.objects.filter(verb="failed", correlation=draft_id).count() == 1


def test_a_delivery_that_is_stopped_leaves_what_others_got(organisation, broken) -> None:
    mend = broken("deliver")
    draft_id, _ = organisation.submit("alice", to="bob", bcc="carol")
    outbox.run_until_idle()
    shared = Envelope.objects.get(message_id=draft_id, kind="shared")
    cancel_job(actor=actor(organisation.user("alice")), job_id=Job.objects.get(target=shared.id).id)
    mend()
    retry_job(actor=actor(organisation.user("alice")), job_id=the_dead().id)
    outbox.run_until_idle()
    message = Message.objects.get(id=draft_id)
    assert message.state == Message.State.FAILED
    assert "not everybody" in message.reason
    assert [row.owner.username for row in Delivery.objects.all()] == ["carol"]
