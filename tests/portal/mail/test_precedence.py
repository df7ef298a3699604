"""Precedence (RFC 6477): of those who shall act and of those who shall know, in the signature, in mailboxes and in the queue."""

import pytest

from portal.keys import objects
from portal.mail import selectors
from portal.mail.models import Delivery, Envelope, Message
from portal.outbox.models import Job, Precedence
from tests.portal.organisation import CONFIDENTIAL

pytestmark = pytest.mark.django_db
URGENT = {"precedence": Precedence.FLASH, "copy_precedence": Precedence.PRIORITY}


def outside(message_id: str) -> str:
    """The header sections of a message's objects, which anybody on the way may read."""
    names = Envelope.objects.filter(message=message_id).values_list("object_name", flat=True)
    return "".join(objects.open_object(name).read().split(b"\r\n\r\n")[0].decode() for name in names)


def test_action_and_info_recipients_each_have_their_own(organisation) -> None:
    message_id = organisation.send("alice", to="bob", cc="carol", **URGENT)
    rows = {row.owner.username: row.precedence for row in Delivery.objects.filter(envelope__message=message_id)}
    assert rows == {"bob": Precedence.FLASH, "carol": Precedence.PRIORITY, "alice": Precedence.FLASH}


def test_rfc6477_both_fields_are_signed(organisation) -> None:
    message_id = organisation.send("alice", to="bob", **URGENT)
    opened = organisation.read("bob", organisation.delivery("bob", message_id).id)
    assert (opened.verdict, opened.precedence_name) == ("verified", "Flash")
    assert "MMHS-Primary-Precedence: flash" in outside(message_id)
    assert "MMHS-Copy-Precedence: priority" in outside(message_id)


def test_a_bcc_shows_in_no_field(organisation) -> None:
    """RFC 6477 section 3.9 wants the copies' precedence where there is a Bcc: so it is always there."""
    with_bcc, without = (organisation.send("alice", to="bob", **more) for more in ({"bcc": "carol"}, {}))
    names = [{line.split(":")[0] for line in outside(each).splitlines()} for each in (with_bcc, without)]
    assert names[0] == names[1]


def test_nobody_waits_for_what_is_urgent_to_be_taken_back(organisation, settings) -> None:
    settings.UNDO_SECONDS = 5
    flash, _ = organisation.submit("alice", to="bob", **URGENT)
    routine, _ = organisation.submit("alice", to="bob")
    jobs = {job.target: job for job in Job.objects.filter(kind="seal")}
    assert (jobs[flash].precedence, jobs[flash].not_before) == (Precedence.FLASH, None)
    assert jobs[routine].not_before is not None
    assert not selectors.steps(organisation.user("alice"), flash).can_undo


def test_each_envelope_is_delivered_with_the_precedence_of_its_recipients(organisation) -> None:
    message_id = organisation.send("alice", to="bob", bcc="carol", **URGENT)
    kinds = dict(Envelope.objects.filter(message=message_id).values_list("id", "kind"))
    jobs = {kinds[job.target]: job.precedence for job in Job.objects.filter(kind="deliver")}
    assert jobs == {"shared": Precedence.FLASH, "bcc": Precedence.PRIORITY}


def test_a_message_for_information_only_has_the_precedence_of_copies(organisation) -> None:
    message_id = organisation.send("alice", to="", cc="bob", precedence=Precedence.FLASH)
    assert Message.objects.get(id=message_id).precedence == Precedence.ROUTINE
    assert "MMHS-Primary-Precedence" not in outside(message_id)


def test_the_form_takes_a_precedence_and_says_so_before_sending(organisation) -> None:
    browser = organisation.browser("alice")
    form = {"to": "bob", "subject": "Fuel", "text": "Ten tons.", "classification": CONFIDENTIAL, "precedence": 1, "copy_precedence": 4}
    checked = browser.post("/mail/drafts/" + "a" * 32 + "/check", form, secure=True)
    assert "precedence FLASH." in checked.text
    assert '<option value="4" selected>Routine</option>' in browser.get("/mail/new/", secure=True).text


@pytest.mark.parametrize("posted", ["", "6", "-1", "urgent", "999999999999"])
def test_a_precedence_that_there_is_not_is_routine(posted: str) -> None:
    from django.http import QueryDict

    from portal.mail.forms import draft_content

    assert draft_content(QueryDict(f"precedence={posted}")).precedence == Precedence.ROUTINE


def test_lists_show_what_is_not_routine(organisation) -> None:
    organisation.send("alice", to="bob", **URGENT)
    page = selectors.folder_page(organisation.vault("bob"), "inbox")
    assert [row.precedence_name for row in page.rows] == ["Flash"]
