"""The straight line of a message, without a browser: submitted, sealed, delivered, read, answered."""

import sys

import pytest

from portal.audit.services import SYSTEM
from portal.keys import objects
from portal.keys.chunks import ChunkWriter
from portal.keys.intake import IntakeUnavailable
from portal.keys.models import IntakeKey
from portal.keys.sealing import KEY_LENGTH, new_key
from portal.keys.uploads import SealedUpload
from portal.keys.vault import Grant, open_grant
from portal.mail import selectors, services
from portal.mail.content import DraftContent
from portal.mail.models import Delivery, Draft, Envelope, Message, Upload
from portal.mail.services import problems
from portal.outbox import services as outbox
from portal.policy.services import grant_clearance, revoke_clearance
from tests.portal.organisation import CONFIDENTIAL, SECRET, UNCLASSIFIED, actor, events

pytestmark = pytest.mark.django_db


def test_a_message_arrives_signed_and_encrypted_under_its_label(organisation):
    message_id = organisation.send("alice", to="bob", subject="Fuel — schedule", text="Zehn Fässer.\n", receipt_requested=True)
    opened = organisation.read("bob", organisation.delivery("bob", message_id).id)
    assert (opened.subject, opened.text.strip(), opened.verdict) == ("Fuel — schedule", "Zehn Fässer.", "verified")
    assert opened.sentence.startswith("Signed by Alice Ashdown (alice@portal.example)")
    assert opened.label.marking == "CONFIDENTIAL"
    assert opened.receipt_wanted
    assert opened.content_encryption == "AES-256-GCM"


def test_the_originator_keeps_a_copy_that_opens(organisation):
    message_id = organisation.send("alice")
    assert organisation.read("alice", organisation.delivery("alice", message_id, "sent").id).text.strip() == "Ten tons."


def test_a_recipient_who_does_not_read_gcm_makes_the_message_cbc(organisation):
    message_id = organisation.send("alice", to="bob, carol")
    assert Envelope.objects.get(message=message_id).content_encryption == "AES-256-CBC"
    assert organisation.read("carol", organisation.delivery("carol", message_id).id).verdict == "verified"


def test_a_large_message_is_not_sent_to_many_in_bcc(organisation, settings, monkeypatch):
    """Each would hold all of it: 150 MB for 500 names are 75 GB."""
    monkeypatch.setattr(problems, "MOST_COPIES", 2)
    settings.MESSAGE_MAX_SIZE = len("Ten tons.")
    _, refusal = organisation.submit("alice", to="bob", bcc="carol, sonia", text="Ten tons.")
    assert refusal.problems == ["The message is too large for so many people in Bcc: each gets an encrypted copy of their own."]
    _, submitted = organisation.submit("alice", to="bob", bcc="carol", text="Ten tons.")
    assert isinstance(submitted, services.Submitted)


def test_each_bcc_gets_an_envelope_of_its_own_and_nobody_else_sees_it(organisation):
    message_id = organisation.send("alice", to="bob", bcc="sonia")
    assert {envelope.kind for envelope in Envelope.objects.filter(message=message_id)} == {"shared", "bcc"}
    bob = organisation.vault("bob")
    readers = selectors.readers(bob.user, actor(bob.user), organisation.delivery("bob", message_id).id)
    assert "sonia@portal.example" not in {each.address for each in readers}
    assert organisation.read("sonia", organisation.delivery("sonia", message_id).id).to == ["Bob Birch"]


def test_the_same_form_posted_twice_is_one_message(organisation):
    draft_id, first = organisation.submit("alice")
    vault = organisation.vault("alice")
    again = services.submit(vault, actor(vault.user), draft_id, DraftContent(to="bob", text="another text", classification=CONFIDENTIAL))
    outbox.run_until_idle()
    assert first == again == services.Submitted(draft_id)
    assert Delivery.objects.filter(owner__username="bob").count() == 1


def test_what_was_written_is_saved_when_sending_fails(organisation):
    alice, content = organisation.vault("alice"), DraftContent(to="bob", subject="Fuel", text="Ten tons.", classification=CONFIDENTIAL)
    IntakeKey.objects.update(wrapped_private=None)
    with pytest.raises(IntakeUnavailable):
        services.submit(alice, actor(alice.user), "e" * 32, content)
    assert Draft.objects.filter(id="e" * 32, owner=alice.user).exists()
    assert not Message.objects.filter(id="e" * 32).exists()


def test_somebody_elses_draft_id_is_refused(organisation):
    draft_id, _ = organisation.submit("alice")
    bob = organisation.vault("bob")
    outcome = services.submit(bob, actor(bob.user), draft_id, DraftContent(to="alice", text="x", classification=UNCLASSIFIED))
    assert isinstance(outcome, services.Refusal)


def test_undo_brings_the_draft_back_and_sending_it_again_is_another_message(organisation, settings):
    settings.UNDO_SECONDS = 5
    draft_id, _ = organisation.submit("alice", text="first thoughts")
    alice = organisation.vault("alice")
    assert services.undo(actor(alice.user), alice.user, draft_id)
    assert services.undo(actor(alice.user), alice.user, draft_id)  # whoever did not see the answer asks again
    assert len(events(verb="undone", correlation=draft_id)) == 1
    outbox.run_until_idle()
    assert not Delivery.objects.exists()
    reopened = selectors.steps(alice.user, draft_id).draft_id
    content, _, _ = services.load_draft(alice, reopened)
    assert content.text == "first thoughts"
    settings.UNDO_SECONDS = 0
    assert services.submit(alice, actor(alice.user), reopened, content) == services.Submitted(reopened)
    outbox.run_until_idle()
    assert organisation.delivery("bob", reopened)


def test_undo_comes_too_late_once_the_message_is_sealed(organisation):
    message_id = organisation.send("alice")
    alice = organisation.user("alice")
    assert not services.undo(actor(alice), alice, message_id)


def test_the_draft_goes_only_when_the_message_is_sealed(organisation):
    draft_id, _ = organisation.submit("alice")
    assert Draft.objects.filter(id=draft_id).exists()
    outbox.run_until_idle()
    assert not Draft.objects.filter(id=draft_id).exists()


def test_grant_and_content_are_erased_at_the_final_state(organisation):
    message = Message.objects.get(id=organisation.send("alice"))
    assert message.state == "delivered"
    assert (message.grant_wrapped_signing, message.grant_sealed, message.content_object) == (None, None, "")
    assert not Envelope.objects.exclude(summary=None).exists()


def test_a_job_needs_neither_session_nor_the_password_of_that_day(organisation):
    draft_id, _ = organisation.submit("alice")
    alice = organisation.vault("alice")
    alice.ask(
        "change_password",
        {"old_password": organisation.passwords["alice"], "new_password": "quite another password", "address": ""},
        timeout=5,
    )
    alice.user.unlocked_sessions.all().delete()
    outbox.run_until_idle()
    assert organisation.delivery("bob", draft_id)


def test_a_clearance_revoked_before_sealing_stops_the_message_and_keeps_the_draft(organisation):
    draft_id, _ = organisation.submit("alice")
    revoke_clearance(actor=SYSTEM, user=organisation.user("bob"))
    outbox.run_until_idle()
    steps = selectors.steps(organisation.user("alice"), draft_id)
    assert steps.final
    assert "bob" in steps.reason
    assert Draft.objects.filter(id=steps.draft_id).exists()
    assert not Delivery.objects.exists()
    assert [event.outcome for event in events(verb="signed")] == ["refused"]


def test_a_clearance_revoked_after_delivery_closes_the_message_on_the_next_request(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice"))
    revoke_clearance(actor=SYSTEM, user=organisation.user("bob"))
    bob = organisation.vault("bob")
    assert selectors.folder_page(bob, "inbox").rows == []
    assert organisation.read("bob", delivery.id) is None


def test_mailbox_lists_only_what_its_reader_may_read(organisation):
    organisation.send("alice", to="bob", subject="low", classification=UNCLASSIFIED)
    organisation.send("alice", to="bob", subject="high", classification=CONFIDENTIAL)
    grant_clearance(actor=SYSTEM, user=organisation.user("bob"), classification=UNCLASSIFIED)
    rows = selectors.folder_page(organisation.vault("bob"), "inbox").rows
    assert [row.summary.subject for row in rows] == ["low"]
    assert selectors.Mailbox(organisation.user("bob")).unread == 1


def test_an_answer_to_all_goes_to_everybody_but_oneself_and_quotes(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice", to="bob, carol", text="Ten tons."))
    bob = organisation.vault("bob")
    bob.ask("start_answer", {"delivery_id": delivery.id, "how": "all", "draft_id": "d" * 32, "actor": {}}, timeout=5)
    content, _, draft = services.load_draft(bob, "d" * 32)
    assert (content.to, content.cc) == ("alice@portal.example", "carol@portal.example")
    assert "> Ten tons." in content.text
    assert content.subject == "Re: Fuel"
    assert content.classification == CONFIDENTIAL
    assert draft.answers == delivery.id


def test_an_answer_is_never_labelled_lower_than_what_it_quotes(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice", to="bob"))
    bob = organisation.vault("bob")
    bob.ask("start_answer", {"delivery_id": delivery.id, "how": "reply", "draft_id": "d" * 32, "actor": {}}, timeout=5)
    lower = DraftContent(to="alice", text="> quoted", classification=UNCLASSIFIED)
    outcome = services.submit(bob, actor(bob.user), "d" * 32, lower)
    assert isinstance(outcome, services.Refusal)
    assert not Message.objects.filter(id="d" * 32).exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"classification": None}, "Choose a security label"),
        ({"to": ""}, "Name at least one recipient"),
        ({"to": "bob, nobody@portal.example"}, "is not known here"),
        ({"text": "  \n"}, "The message is empty"),
        ({"text": "x" * 2_000_001}, "2 MB is the most"),
        ({"classification": SECRET}, "bob may not read SECRET"),
        ({"subject": "x" * 999}, "longer than 998 characters"),
        ({"subject": "two\nlines"}, "line break"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_reason_and_the_draft_kept(organisation, settings, fields, reason):
    settings.MESSAGE_MAX_SIZE = 2_000_000
    draft_id, outcome = organisation.submit("alice", **fields)
    assert isinstance(outcome, services.Refusal)
    assert any(reason in problem for problem in outcome.problems), outcome.problems
    assert Draft.objects.filter(id=draft_id).exists()
    assert not Message.objects.exists()
    assert [event.outcome for event in events(verb="submitted")] == ["refused"]


def test_a_recipient_without_a_key_is_named(organisation):
    organisation.user("bob").certificates.all().delete()
    _, outcome = organisation.submit("alice")
    assert any("bob has no valid encryption key" in problem for problem in outcome.problems)


def test_a_superuser_without_clearance_is_refused_like_anybody_else(organisation):
    charlie = organisation.user("charlie")
    charlie.is_superuser = True
    charlie.save()
    _, outcome = organisation.submit("alice", to="charlie", classification=UNCLASSIFIED)
    assert isinstance(outcome, services.Refusal)
    _, outcome = organisation.submit("charlie", to="bob", classification=CONFIDENTIAL)
    assert isinstance(outcome, services.Refusal)


def test_the_audit_tells_a_message_life_and_nothing_of_its_content(organisation):
    message_id = organisation.send("alice", subject="canary-subject", text="canary-text")
    organisation.read("bob", organisation.delivery("bob", message_id).id)
    line = [event.verb for event in events(correlation=message_id)]
    assert line == ["submitted", "signed", "encrypted", "delivered", "opened"]
    assert not [event for event in events() if b"canary" in event.leaf]


def test_a_signed_label_that_differs_from_the_row_shows_nothing(organisation):
    message_id = organisation.send("alice")
    other = organisation.delivery("bob", organisation.send("alice", classification=UNCLASSIFIED)).label
    delivery = organisation.delivery("bob", message_id)
    Delivery.objects.filter(id=delivery.id).update(label=other)
    opened = organisation.read("bob", delivery.id)
    assert (opened.verdict, opened.text, opened.subject) == ("broken", "", "")
    assert [event.reason for event in events(verb="refused")] == ["the signed label is not the one this message was stored under"]


def test_nothing_is_signed_but_what_was_submitted_under_the_grant(organisation):
    """Whoever can write to the database can put neither other content nor another label under somebody's grant."""
    first, _ = organisation.submit("alice", text="first")
    second, _ = organisation.submit("alice", text="second")
    other = Message.objects.get(id=second)
    Message.objects.filter(id=first).update(content_object=other.content_object)
    low, _ = organisation.submit("alice", classification=UNCLASSIFIED)
    Message.objects.filter(id=second).update(label=Message.objects.get(id=low).label)
    outbox.run_until_idle()
    assert [Message.objects.get(id=each).state for each in (first, second, low)] == ["refused", "refused", "delivered"]


def test_a_grant_that_does_not_say_what_for_signs_nothing(organisation):
    """As an older portal wrote it: what was written is in Drafts, to be sent again."""
    (message_id, _), alice = organisation.submit("alice", subject="kept"), organisation.vault("alice")
    whole = Message.objects.get(id=message_id)
    _, given_for = open_grant(Grant(whole.grant_wrapped_signing, whole.intake_key, whole.grant_sealed), alice.user.id, message_id)
    grant = alice.grant(message_id, given_for[:KEY_LENGTH])
    Message.objects.filter(id=message_id).update(grant_sealed=grant.sealed, intake_key=grant.intake_key)
    outbox.run_until_idle()
    message = Message.objects.get(id=message_id)
    assert (message.state, message.reason) == ("refused", "What was written can't be opened any more. It is still in Drafts: send it again.")
    assert services.load_draft(alice, message.reopened_draft)[0].subject == "kept"


def test_an_upload_put_in_anothers_place_is_not_signed(organisation):
    alice = organisation.vault("alice")
    draft_id = "e" * 32
    content = DraftContent(to="bob", text="see attachment", classification=CONFIDENTIAL)
    services.save_draft(alice.user.id, draft_id, content)
    mine, planted = (services.attach(alice, each, [upload(each)])[0] for each in (draft_id, "f" * 32))
    services.submit(alice, actor(alice.user), draft_id, content)
    foreign = Upload.objects.get(id=planted.id)
    Upload.objects.filter(id=mine.id).update(
        object_name=foreign.object_name, sealed=foreign.sealed, intake_key=foreign.intake_key
    )
    outbox.run_until_idle()
    assert Message.objects.get(id=draft_id).state == "refused"


def upload(text: str) -> SealedUpload:
    key = new_key()
    with objects.create() as (name, file):
        writer = ChunkWriter(file, key)
        writer.write(text.encode())
        writer.close()
    return SealedUpload("plan.txt", "text/plain", len(text), name, key)


def test_forwarding_copies_no_more_files_than_drafts_may_hold(organisation, settings, monkeypatch):
    """Otherwise each look at the page that forwards would leave another copy of all attachments."""
    alice, content = organisation.vault("alice"), DraftContent(to="bob", subject="Tides", text="x", classification=CONFIDENTIAL)
    services.submit(alice, actor(alice.user), "c" * 32, content, [upload("high tide"), upload("low tide")])
    outbox.run_until_idle()
    delivery = organisation.delivery("bob", "c" * 32)
    monkeypatch.setattr(sys.modules["portal.mail.services.drafts"], "WAITING_MESSAGES", 1)
    settings.MESSAGE_MAX_SIZE = len("high tide")
    page = organisation.browser("bob").get(f"/mail/new/?reply={delivery.id}&how=forward", secure=True)
    assert (page.status_code, "Your drafts hold too much" in page.text) == (413, True)
    assert not Upload.objects.filter(owner__username="bob").exists()
    assert not Draft.objects.filter(owner__username="bob").exists()


def test_a_draft_that_quotes_is_closed_with_the_clearance_for_what_it_quotes(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice", to="bob", text="secret tons"))
    bob = organisation.vault("bob")
    bob.ask("start_answer", {"delivery_id": delivery.id, "how": "forward", "draft_id": "d" * 32, "actor": {}}, timeout=5)
    grant_clearance(actor=SYSTEM, user=bob.user, classification=UNCLASSIFIED)
    assert services.load_draft(bob, "d" * 32) is None
    assert selectors.folder_page(bob, "drafts").rows == []


@pytest.mark.parametrize("subject", ["a\x01b", "a\x85b", "a\x7fb"])
def test_a_subject_with_control_characters_is_refused_at_once(organisation, subject):
    _, outcome = organisation.submit("alice", subject=subject)
    assert isinstance(outcome, services.Refusal)


@pytest.mark.parametrize("damage", [b"", b"Content-Type: text/plain\r\n\r\nhello", b"\x00" * 500, b"Content-Type: multipart/mixed\r\n\r\n--"])
def test_a_stored_message_that_was_replaced_says_so_and_never_fails(organisation, settings, damage):
    delivery = organisation.delivery("bob", organisation.send("alice"))
    (settings.SEALED_OBJECTS_DIR / delivery.envelope.object_name).write_bytes(damage)
    opened = organisation.read("bob", delivery.id)
    assert opened.verdict in ("broken", "unsigned")
    assert "Ten tons" not in opened.text


@pytest.mark.parametrize("change", ["recipients", "label", "originator"])
def test_an_envelope_is_delivered_to_those_it_was_sealed_for_and_to_nobody_else(organisation, change):
    """Deliver opens the subject with the intake key: whoever can write to the database must not turn that into a reader."""
    message_id, _ = organisation.submit("alice", subject="canary")
    outbox.run(outbox.claim())  # sealed, not delivered yet
    if change == "recipients":
        Envelope.objects.update(recipients=[organisation.user("charlie").id])
    elif change == "label":
        low, _ = organisation.submit("alice", classification=UNCLASSIFIED)
        Message.objects.filter(id=message_id).update(label=Message.objects.get(id=low).label)
    else:
        Message.objects.filter(id=message_id).update(originator=organisation.user("charlie"))
    outbox.run_until_idle()
    assert not Delivery.objects.filter(envelope__message=message_id).exists()
