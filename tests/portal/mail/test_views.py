"""The mail pages over HTTP, as a browser without scripts uses them: works first, then each refusal."""

import io
import re

import pytest

from portal.mail.models import Delivery, Draft, Message, Upload
from portal.outbox import services as outbox
from tests.portal.organisation import CONFIDENTIAL, SECRET, events

pytestmark = pytest.mark.django_db
FIELDS = {"to": "bob", "subject": "Fuel", "text": "Ten tons.", "classification": str(CONFIDENTIAL)}


def new_draft(client) -> str:
    """The address of a fresh draft, as the compose page's form has it."""
    page = client.get("/mail/new/", secure=True).content.decode()
    return re.search(r"/mail/drafts/[0-9a-f]{32}/", page)[0]


def named(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def test_a_message_is_written_with_an_attachment_sent_read_and_its_attachment_downloaded(organisation):
    alice, bob = organisation.browser("alice"), organisation.browser("bob")
    content = bytes(range(256)) * 1000
    url = new_draft(alice)
    response = alice.post(url + "send", FIELDS | {"files": named("plan.bin", content)}, secure=True)
    assert response.status_code == 302
    outbox.run_until_idle()
    delivery = Delivery.objects.get(owner__username="bob")
    assert "Fuel" in bob.get("/mail/inbox/", secure=True).content.decode()
    page = bob.get(f"/mail/inbox/{delivery.id}/", secure=True).content.decode()
    assert "Signed by Alice Ashdown" in page
    assert page.count("CONFIDENTIAL") >= 2
    download = bob.get(f"/mail/inbox/{delivery.id}/attachments/0", secure=True)
    assert b"".join(download.streaming_content) == content
    assert "plan.bin" in download["Content-Disposition"]


def test_nothing_of_an_opened_attachment_is_left_after_the_download(organisation, settings):
    alice, bob = organisation.browser("alice"), organisation.browser("bob")
    alice.post(new_draft(alice) + "send", FIELDS | {"files": named("a", b"x" * 9)}, secure=True)
    outbox.run_until_idle()
    before = sorted(settings.SEALED_OBJECTS_DIR.rglob("*"))
    delivery = Delivery.objects.get(owner__username="bob")
    b"".join(bob.get(f"/mail/inbox/{delivery.id}/attachments/0", secure=True).streaming_content)
    assert [path for path in sorted(settings.SEALED_OBJECTS_DIR.rglob("*")) if path.is_file()] == [p for p in before if p.is_file()]


def test_an_upload_is_sealed_in_its_file(organisation, settings):
    alice = organisation.browser("alice")
    alice.post(new_draft(alice) + "attachments", FIELDS | {"files": named("a.txt", b"canary" * 30_000)}, secure=True)
    upload = Upload.objects.get()
    stored = (settings.SEALED_OBJECTS_DIR / upload.object_name).read_bytes()
    assert upload.size == 180_000
    assert b"canary" not in stored
    assert b"a.txt" not in upload.sealed + upload.sealed_for_owner


def test_nobody_uploads_without_being_signed_in(organisation, client):
    client.post("/mail/drafts/" + "a" * 32 + "/attachments", {"files": named("a.txt", b"x")}, secure=True)
    assert not Upload.objects.exists()


def test_more_than_a_message_may_carry_is_refused_and_not_kept(organisation, settings):
    settings.MESSAGE_MAX_SIZE = 100_000
    alice, url = organisation.browser("alice"), None
    url = new_draft(alice)
    for _ in range(3):
        alice.post(url + "attachments", FIELDS | {"files": named("a", b"x" * 60_000)}, secure=True)
    assert Upload.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"classification": ""}, "Choose a security label"),
        ({"to": "nobody"}, "is not known here"),
        ({"text": ""}, "The message is empty"),
        ({"classification": str(SECRET)}, "bob may not read SECRET"),
    ],
)
def test_a_refused_message_says_why_and_keeps_everything_typed(organisation, fields, reason):
    alice = organisation.browser("alice")
    response = alice.post(new_draft(alice) + "send", FIELDS | fields, secure=True)
    page = response.content.decode()
    assert response.status_code == 422
    assert reason in page
    assert 'value="Fuel"' in page
    assert Draft.objects.exists()
    assert not Message.objects.exists()
    assert len(events(verb="submitted")) == 1


def test_the_same_form_posted_twice_leads_to_the_same_message(organisation):
    alice = organisation.browser("alice")
    url = new_draft(alice)
    first, second = (alice.post(url + "send", FIELDS, secure=True) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Message.objects.count() == 1


def test_somebody_elses_draft_is_absent(organisation):
    alice, bob = organisation.browser("alice"), organisation.browser("bob")
    url = new_draft(alice)
    alice.post(url + "save", FIELDS, secure=True)
    assert bob.get(url + "edit/", secure=True).status_code == 404
    bob.post(url + "save", FIELDS | {"subject": "mine now"}, secure=True)
    bob.post(url + "discard", secure=True)
    assert Draft.objects.get().owner.username == "alice"


def test_a_draft_is_saved_and_comes_back_as_it_was(organisation):
    alice = organisation.browser("alice")
    url = new_draft(alice)
    alice.post(url + "save", FIELDS | {"receipt": "on"}, secure=True)
    page = alice.get(url + "edit/", secure=True).content.decode()
    assert "Ten tons." in page
    assert 'value="Fuel"' in page


def test_every_page_asks_browsers_and_proxies_to_keep_nothing(organisation):
    alice = organisation.browser("alice")
    for page in ("/mail/inbox/", "/mail/new/", "/keys/", "/sign-in/", "/nothing"):
        assert alice.get(page, secure=True)["Cache-Control"] == "no-store"


def test_the_content_security_policy_allows_no_inline_script_or_style(organisation):
    policy = organisation.browser("alice").get("/mail/inbox/", secure=True)["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_files_sent_to_any_other_address_do_not_stay(organisation, settings):
    alice = organisation.browser("alice")
    alice.post("/mail/inbox/" + "a" * 32 + "/move", {"files": named("a", b"x" * 1000)}, secure=True)
    assert not [path for path in settings.SEALED_OBJECTS_DIR.rglob("*") if path.is_file() and path.stat().st_size == 1000 + 8 + 16]


def test_somebody_elses_draft_cannot_be_sent_and_the_try_is_on_record(organisation):
    alice, bob = organisation.browser("alice"), organisation.browser("bob")
    url = new_draft(alice)
    alice.post(url + "save", FIELDS, secure=True)
    assert bob.post(url + "send", FIELDS | {"to": "alice"}, secure=True).status_code == 404
    outbox.run_until_idle()
    assert Draft.objects.get().owner.username == "alice"
    assert [event.outcome for event in events(verb="draft_refused")] == ["refused"]


def test_more_recipients_than_a_message_may_have_are_refused(organisation):
    alice = organisation.browser("alice")
    many = ", ".join(f"p{n}" for n in range(501))
    assert "too many" in alice.post(new_draft(alice) + "send", FIELDS | {"to": many}, secure=True).content.decode()


def test_what_was_typed_in_a_recipients_place_is_not_on_record(organisation):
    alice = organisation.browser("alice")
    alice.post(new_draft(alice) + "send", FIELDS | {"to": "canary sentence, Secret Words <bob>", "classification": str(SECRET)}, secure=True)
    leaf = events(verb="submitted")[0].leaf
    assert b"canary" not in leaf
    assert b"Secret Words" not in leaf
    assert b"bob may not read SECRET" in leaf


def test_a_cursor_that_makes_no_sense_starts_at_the_top(organisation):
    alice = organisation.browser("alice")
    for before in ("x", "0001-01-01T00:00:00+14:00_x", "9999-12-31T23:59:59-14:00_x"):
        assert alice.get("/mail/inbox/", {"before": before}, secure=True).status_code == 200


def test_a_large_message_has_a_page_while_it_is_opened_and_opens_by_a_link_too(organisation):
    alice, bob = organisation.browser("alice"), organisation.browser("bob")
    alice.post(new_draft(alice) + "send", FIELDS | {"files": named("a", b"x" * 5_000_000)}, secure=True)
    outbox.run_until_idle()
    url = f"/mail/inbox/{Delivery.objects.get(owner__username='bob').id}/"
    assert "Opening a large message" in bob.get(url, secure=True).content.decode()
    assert not events(verb="opened")
    assert "Signed by Alice Ashdown" in bob.get(url, {"try": "1"}, secure=True).content.decode()
