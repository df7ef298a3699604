"""Two workers finish two envelopes of one message at the same time: whoever is later sees that the other is done, and the message is."""

import threading
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from portal import stops
from portal.accounts.models import User
from portal.keys import intake
from portal.keys.master import create_master_key_file, master_key
from portal.keys.services import set_up
from portal.mail.content import EnvelopeSummary
from portal.mail.models import Envelope, Message
from portal.mail.services.envelopes import addressed_digest, summary_context
from portal.outbox import services as outbox
from portal.policy.models import Label, SecurityPolicy
from tests.stack import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time"),
]


@pytest.fixture
def message(tmp_path, settings) -> Iterator[Message]:
    """Sealed, with two envelopes to deliver. They are for nobody any more: the audit trail, which keeps all, is left as it is."""
    settings.MASTER_KEY_FILE, settings.IDENTITY_FILE = tmp_path / "master.key", tmp_path / "identity.fingerprint"
    create_master_key_file(settings.MASTER_KEY_FILE)
    master_key.cache_clear()
    set_up("Organisation")
    policy = SecurityPolicy.objects.create(version=1, oid="1.2.3", name="Policy", xml=b"")
    message = Message.objects.create(
        originator=User.objects.create_user("alice", address="alice@portal.example"),
        label=Label.objects.create(policy=policy, der=b"label", marking="SECRET", short_marking="S"),
        message_id="<1@portal.example>",
        state=Message.State.SEALED,
    )
    for _ in range(2):
        to_deliver(Envelope(message=message, kind=Envelope.Kind.BCC, object_name="", size=0, content_encryption="", recipients=[]))
    yield message
    stops.use(None)
    master_key.cache_clear()


def to_deliver(envelope: Envelope) -> None:
    sealed = intake.seal(EnvelopeSummary("", False, "", "", addressed_digest(envelope)).to_json(), summary_context(envelope.id))
    envelope.summary, envelope.intake_key = sealed.blob, sealed.intake_key
    envelope.save()
    with transaction.atomic():
        outbox.enqueue(kind="deliver", target=envelope.id)


class Meeting:
    """Where transactions meet before they commit. The first to come stays until it may go."""

    def __init__(self) -> None:
        self.come, self.may_go = 0, threading.Event()

    def __call__(self, point: str) -> None:
        if point == "deliver.before-commit":
            self.come += 1
            if self.come == 1:
                assert self.may_go.wait(60)


def worker() -> threading.Thread:
    def deliver() -> None:
        try:
            outbox.run(outbox.claim())
        finally:
            connection.close()

    thread = threading.Thread(target=deliver)
    thread.start()
    return thread


def somebody_waits_for_a_row() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None


def test_of_two_envelopes_that_are_finished_at_the_same_time_the_later_ends_the_message(message):
    meeting = Meeting()
    stops.use(meeting)
    first = worker()
    wait_for(lambda: meeting.come == 1, within=60, what="one has written")
    second = worker()
    wait_for(lambda: meeting.come == 2 or somebody_waits_for_a_row(), within=60, what="the other has written, or waits")
    meeting.may_go.set()
    first.join(60), second.join(60)
    message.refresh_from_db()
    assert (meeting.come, message.state, bool(message.delivered_at)) == (2, "delivered", True)
