"""Whom outside the compose page offers: works first, then whom it does not."""

import pytest
from django.utils import timezone

from portal.audit.services import SYSTEM
from portal.keys.models import Certificate
from portal.keys.services import add_certificate
from portal.mail.correspondents import correspondents
from portal.mail.models import Delivery, Message, Outbound
from portal.policy.services import revoke_clearance
from tests.portal import outsiders
from tests.portal.organisation import SECRET

OLGA, EVE = "olga@elsewhere.example", "eve@elsewhere.example"


@pytest.fixture
def known(organisation):
    """Two people outside to whom mail can be encrypted."""
    outsiders.trust(outsiders.authority())
    for address in (OLGA, EVE):
        add_certificate(actor=SYSTEM, address=address, data=outsiders.person(address).pem)


@pytest.fixture
def in_touch(organisation, known):
    """alice has written SECRET to OLGA; bob has mail from EVE."""
    message_id = organisation.send("alice", to="alice", classification=SECRET)
    Outbound.objects.create(envelope=Message.objects.get(id=message_id).envelopes.get(), address="Olga@elsewhere.example", state="sent")
    to_bob = organisation.send("alice", to="bob")
    Message.objects.filter(id=to_bob).update(outside_sender="Eve@Elsewhere.example")


def offered(organisation, name: str) -> list[str]:
    return correspondents(organisation.user(name))


def test_those_one_has_written_to_or_has_mail_from_are_offered(organisation, in_touch):
    assert offered(organisation, "alice") == [OLGA]
    assert offered(organisation, "bob") == [EVE]


def test_the_page_offers_them(organisation, in_touch):
    page = organisation.browser("bob").get("/mail/new/", secure=True).text
    assert f'<option value="{EVE}">outside</option>' in page
    assert OLGA not in page


def test_with_whom_others_are_in_touch_is_not_said(organisation, in_touch):
    assert offered(organisation, "carol") == []


def test_whose_mail_one_may_not_read_any_more_is_not_offered(organisation, in_touch):
    revoke_clearance(actor=SYSTEM, user=organisation.user("alice"))
    assert offered(organisation, "alice") == []


def test_who_has_no_certificate_that_counts_now_is_not_offered(organisation, in_touch):
    Certificate.objects.filter(address=OLGA).update(revoked_at=timezone.now())
    assert offered(organisation, "alice") == []


def test_mail_in_the_bin_offers_nobody(organisation, in_touch):
    Delivery.objects.filter(owner__username="bob").update(folder="bin")
    assert offered(organisation, "bob") == []
