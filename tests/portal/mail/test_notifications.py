"""Delivery status notifications, as Postfix 3.7 writes them: matched to the way they are about, believed no further than that."""

import pytest
from django.db import transaction

from portal.audit.services import SYSTEM
from portal.keys import objects
from portal.keys.chunks import ChunkWriter, SealedSource
from portal.keys.sealing import new_key
from portal.keys.services import add_certificate
from portal.mail import selectors
from portal.mail.models import Message, Outbound
from portal.mail.services.notifications import note_delivery_status
from portal.mail.services.release import release
from tests.portal import outsiders
from tests.portal.organisation import CONFIDENTIAL, events

pytestmark = pytest.mark.django_db

OLGA = "olga@elsewhere.example"
NOTIFICATION = """\
Date: Wed, 25 Nov 2026 13:35:04 +0000 (UTC)
From: Mail Delivery System <MAILER-DAEMON@mx.elsewhere.example>
Subject: Undelivered Mail Returned to Sender
To: alice@portal.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="69E12222A72.1795613704/mx.elsewhere.example"
Content-Transfer-Encoding: 8bit
Message-Id: <20261125133504.8559E222A78@mx.elsewhere.example>

This is a MIME-encapsulated message.

--69E12222A72.1795613704/mx.elsewhere.example
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

This is the mail system at host mx.elsewhere.example.

--69E12222A72.1795613704/mx.elsewhere.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.elsewhere.example
{envelope_id}X-Postfix-Queue-ID: 69E12222A72
X-Postfix-Sender: rfc822; alice@portal.example
Arrival-Date: Wed, 25 Nov 2026 13:35:04 +0000 (UTC)

Final-Recipient: rfc822; {address}
Original-Recipient: rfc822;{address}
Action: {action}
Status: {status}
Diagnostic-Code: X-Postfix; {reason}

--69E12222A72.1795613704/mx.elsewhere.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 8bit

Return-Path: <alice@portal.example>
From: alice@portal.example
Message-ID: {message_id}
Subject: [...]

--69E12222A72.1795613704/mx.elsewhere.example--
"""


@pytest.fixture
def way(organisation, settings) -> Outbound:
    """A message of alice's that a relay has taken."""
    outsiders.trust(outsiders.authority())
    settings.RELAY_HOST, settings.RELAY_TLS = "127.0.0.1", "none"
    add_certificate(actor=SYSTEM, address=OLGA, data=outsiders.person(OLGA).pem)
    release(actor=SYSTEM, domain="elsewhere.example", classification=CONFIDENTIAL)
    with outsiders.relay() as relay:
        settings.RELAY_PORT = relay.port
        message_id = organisation.send("alice", to=OLGA)
    return Outbound.objects.get(envelope__message=message_id, state=Outbound.State.SENT)


def notification(way: Outbound, **fields: str) -> bytes:
    known = {
        "envelope_id": f"Original-Envelope-Id: {way.id}\n",
        "message_id": Message.objects.get(id=way.envelope.message_id).message_id,
        "address": OLGA,
        "action": "failed",
        "status": "5.1.1",
        "reason": 'unknown user: "olga@elsewhere.example"',
    }
    return NOTIFICATION.format(**(known | fields)).replace("\n", "\r\n").encode()


def note(message: bytes, organisation, to: str = "alice") -> None:
    key = new_key()
    with objects.create() as (name, file):
        writer = ChunkWriter(file, key)
        writer.write(message)
        writer.close()
    with objects.open_object(name) as file:
        finish = note_delivery_status(SealedSource(file, key), [organisation.user(to).id])
    if finish:
        with transaction.atomic():
            finish()


def state_of(way: Outbound) -> tuple[str, str]:
    way.refresh_from_db()
    return way.state, way.reason


def test_a_bounce_is_told_to_the_originator_with_its_reason(organisation, way):
    note(notification(way), organisation)
    assert state_of(way) == ("bounced", '5.1.1 unknown user: "olga@elsewhere.example"')
    step = selectors.steps(organisation.user("alice"), way.envelope.message_id).steps[-1]
    assert (step.state, step.note) == ("failed", 'not delivered. 5.1.1 unknown user: "olga@elsewhere.example"')
    (event,) = events(verb="delivery_noted")
    assert (event.outcome, event.reason, event.about) == ("failed", "failed 5.1.1", OLGA)


def test_a_delivery_is_told_to_the_originator(organisation, way):
    note(notification(way, action="delivered", status="2.0.0"), organisation)
    assert state_of(way) == ("delivered", "")


def test_a_delay_leaves_it_sent_and_says_so(organisation, way):
    note(notification(way, action="delayed", status="4.4.1"), organisation)
    assert state_of(way) == ("sent", "It is delayed there, and tried again.")
    note(notification(way, action="delivered", status="2.0.0"), organisation)
    note(notification(way, action="delayed", status="4.4.1"), organisation)
    assert state_of(way) == ("delivered", "")


def test_where_the_envelopes_id_is_not_repeated_message_id_and_address_count(organisation, way):
    note(notification(way, envelope_id=""), organisation)
    assert state_of(way)[0] == "bounced"


@pytest.mark.parametrize(
    "fields",
    [
        {"envelope_id": f"Original-Envelope-Id: {'0' * 32}\n"},
        {"envelope_id": "", "message_id": "<other@portal.example>"},
        {"envelope_id": "", "address": "oscar@elsewhere.example"},
        {"action": "lost"},
    ],
)
def test_a_notification_about_something_else_changes_nothing(organisation, way, fields):
    note(notification(way, **fields), organisation)
    assert state_of(way) == ("sent", "")
    assert events(verb="delivery_noted") == []


def test_a_notification_that_comes_to_somebody_else_changes_nothing(organisation, way):
    note(notification(way), organisation, to="bob")
    assert state_of(way) == ("sent", "")


@pytest.mark.parametrize("action", ["delivered", "failed"])
def test_nobody_who_knows_a_message_can_keep_it_from_being_sent_to_others(organisation, way, action):
    """Another recipient knows its Message-ID; that a message waits for the relay does not make it the time to believe him."""
    Outbound.objects.filter(id=way.id).update(state="waiting")
    note(notification(way, envelope_id="", action=action), organisation)
    assert state_of(way)[0] == "waiting"


def test_what_has_not_left_can_not_have_arrived(organisation, way):
    Outbound.objects.filter(id=way.id).update(state="waiting", marked_at=None)
    note(notification(way, action="delivered"), organisation)
    assert state_of(way)[0] == "waiting"


def test_a_notification_may_be_faster_than_the_answer_to_data(organisation, way):
    Outbound.objects.filter(id=way.id).update(state="waiting")
    note(notification(way, action="delivered"), organisation)
    assert state_of(way)[0] == "delivered"


def test_what_the_other_side_writes_is_cleaned(organisation, way):
    note(notification(way, reason="\x1b[31mno\u202e such user"), organisation)
    assert state_of(way)[1] == "5.1.1 [31mno such user"


@pytest.mark.parametrize("damage", [b"", b"\x00" * 500, b"Content-Type: multipart/report\r\n\r\nx", b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\r\n--x--"])
def test_what_is_no_notification_says_nothing(organisation, damage):
    note(damage, organisation)


def test_the_page_of_the_message_shows_it(organisation, way):
    note(notification(way), organisation)
    page = organisation.browser("alice")
    shown = page.get(f"/mail/messages/{way.envelope.message_id}/", secure=True).content.decode()
    assert "not delivered. 5.1.1 unknown user: &quot;olga@elsewhere.example&quot;" in shown


