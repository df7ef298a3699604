"""What waited for an intake key that is gone: nothing is dropped in silence, nobody gains by writing to the database."""

import pytest

from portal.keys.models import IntakeKey
from portal.keys.services import set_up
from portal.mail import selectors
from portal.mail.models import Delivery, Draft, Envelope, Message
from portal.mail.services import restored
from portal.outbox import services as outbox
from portal.outbox.models import Job
from portal.outbox.states import State

pytestmark = pytest.mark.django_db


def forget_intake_keys() -> None:
    """As after a restore."""
    IntakeKey.objects.all().delete()
    set_up("Portal")


def sealed_not_delivered(organisation) -> Envelope:
    """An envelope whose job `deliver` waits."""
    draft_id, _ = organisation.submit("alice", to="bob")
    while not Envelope.objects.exists():
        outbox.run(outbox.claim())
    return Envelope.objects.get(message=draft_id)


def subjects(organisation, name: str) -> list[str]:
    rows = selectors.folder_page(organisation.vault(name), "inbox").rows
    return [row.summary.subject for row in rows]


def test_a_message_that_was_not_signed_is_in_drafts_again(organisation) -> None:
    draft_id, _ = organisation.submit("alice", to="bob")
    assert restored.waiting()[restored.UNSIGNED] == 1
    forget_intake_keys()
    outbox.run_until_idle()
    message = Message.objects.get(id=draft_id)
    assert message.state == Message.State.REFUSED
    assert "still in Drafts" in message.reason
    assert Draft.objects.filter(id=message.reopened_draft).exists()


def test_an_envelope_that_was_as_sealed_is_delivered_without_its_subject(organisation) -> None:
    envelope = sealed_not_delivered(organisation)
    found = restored.addressed_as_sealed("default")
    assert found == [envelope.id]
    forget_intake_keys()
    restored.seal_again(found)
    outbox.run_until_idle()
    assert Delivery.objects.filter(owner=organisation.user("bob")).count() == 1
    assert subjects(organisation, "bob") == [restored.SUBJECT]


def test_recipients_changed_before_the_backup_get_nothing(organisation) -> None:
    envelope = sealed_not_delivered(organisation)
    envelope.recipients = [organisation.user("carol").id]
    envelope.save()
    found = restored.addressed_as_sealed("default")
    assert found == []
    forget_intake_keys()
    restored.seal_again(found)
    outbox.run(outbox.claim())
    assert not Delivery.objects.exists()
    assert Job.objects.get(kind="deliver").state == State.WAITING
    assert Job.objects.get(kind="deliver").reason == "SealBroken"
