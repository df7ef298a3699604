"""The main job, as two people do it in their browsers side by side; and those who look on, or must not."""

import csv
import json
import re
from io import StringIO
from urllib.parse import urljoin

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.browser.post import FUEL, PLAN, WORD
from tests.stack import Stack

pytestmark = pytest.mark.browser

PICTURE = {"name": "depot.png", "mimeType": "image/png", "buffer": bytes(range(256)) * 700}
NOTE = "The convoy leaves at six.\n\nBring the keys.\nÄ, ö and 電 arrive as they are."


# --- alice and bob ------------------------------------------------------------------------------------------------------


def test_alice_writes_takes_back_and_sends_and_bob_reads_and_answers(sit, portal):
    alice, bob = sit("alice"), sit("bob")
    bob.page.evaluate("window.sameDocument = true")
    _writes(alice, "Convoy at six")
    _takes_back(alice, "Convoy at six")
    _sends(alice, "Convoy at six")
    _appears_by_itself(bob, "Convoy at six")
    _reads(bob, "Convoy at six")
    _answers(bob, alice, "Convoy at six")


def _writes(alice: Desk, subject: str) -> None:
    alice.new_message(to="bob", subject=subject, text=NOTE, label="CONFIDENTIAL", files=[PICTURE], receipt=True)
    expect(alice.outlook).to_have_text("Signed by you, encrypted for bob, label CONFIDENTIAL.")
    expect(alice.page.locator("#chips-to")).to_have_text("Bob Birch")
    for marking in alice.markings:
        expect(marking).to_have_text("CONFIDENTIAL")
    expect(alice.page.locator("#saved")).to_contain_text("Saved")


def _takes_back(alice: Desk, subject: str) -> None:
    """Undo, and everything is in the draft again."""
    alice.send()
    alice.button("Undo").click()
    expect(alice.page.get_by_label("Subject")).to_have_value(subject)
    expect(alice.page.get_by_label("To")).to_have_value("bob")
    expect(alice.page.get_by_label("Message")).to_have_value(NOTE)
    expect(alice.page.get_by_label("Security label")).to_have_value("3")
    expect(alice.page.get_by_label("Request a signed receipt")).to_be_checked()
    expect(alice.attached).to_contain_text("depot.png")


def _sends(alice: Desk, subject: str) -> None:
    alice.send()
    expect(alice.page.get_by_role("heading", level=1)).to_have_text(subject)
    for step in ("Signed", "Encrypted", "Delivered"):
        expect(alice.step(step)).to_contain_text("done")
    expect(alice.button("Undo")).to_have_count(0)
    alice.link("Open your copy").click()
    expect(alice.letter).to_contain_text("The convoy leaves at six.")


def _appears_by_itself(bob: Desk, subject: str) -> None:
    """Nobody touches bob's browser: the line comes, with subject, marking, paper clip and the wish for a receipt."""
    row = bob.row(subject)
    expect(row).to_be_visible()
    expect(row).to_have_class(re.compile(r"\bunread\b"))
    for words in ("Alice Ashdown", "CONFIDENTIAL", "Has attachments", "Receipt wanted"):
        expect(row).to_contain_text(words)
    assert bob.page.evaluate("window.sameDocument") is True, "bob's page was loaded again"


def _reads(bob: Desk, subject: str) -> None:
    bob.open(subject)
    expect(bob.assurance).to_contain_text(re.compile(r"Signed by Alice Ashdown \(alice@portal\.example\); certificate valid until \w+ 20\d\d\."))
    expect(bob.assurance).to_contain_text("Encrypted for 2 recipients.")
    expect(bob.assurance).to_contain_text("asks for a signed receipt")
    for marking in bob.markings:
        expect(marking).to_be_in_viewport()
        expect(marking).to_have_text("CONFIDENTIAL")
    assert bob.letter.inner_text().strip().split() == NOTE.split()
    expect(bob.row(subject)).not_to_have_class(re.compile(r"\bunread\b"))
    assert bob.download(bob.page.get_by_role("link", name="depot.png")).path().read_bytes() == PICTURE["buffer"]
    original = bob.download(bob.link("Download original")).path().read_bytes()
    assert b"application/pkcs7-mime" in original
    assert subject.encode() not in original
    bob.page.get_by_text("Details", exact=True).click()
    expect(bob.page.locator(".layers li").first).to_be_visible()
    bob.link("Who can read it").click()
    expect(bob.page.locator("#readers")).to_contain_text("Bob Birch may read it")


def _answers(bob: Desk, alice: Desk, subject: str) -> None:
    """To her, to all, and onward with the attachment; the three travel together."""
    reading = bob.page.url
    bob.link("Reply").click()
    expect(bob.page.get_by_label("To")).to_have_value(re.compile("alice"))
    expect(bob.page.get_by_label("Subject")).to_have_value(f"Re: {subject}")
    expect(bob.page.get_by_label("Message")).to_have_value(re.compile("^> The convoy leaves at six\\.$", re.MULTILINE))
    expect(bob.page.get_by_label("Security label")).to_have_value("3")
    expect(bob.attached).to_have_count(0)
    bob.page.get_by_label("Message").press("Control+Home")
    bob.page.keyboard.type("I have the keys.\n\n")
    bob.send()

    bob.go(reading)
    bob.link("Reply all").click()
    expect(bob.page.get_by_label("To")).to_have_value(re.compile("alice"))
    bob.fill(subject=f"To all: {subject}").send()

    bob.go(reading)
    bob.link("Forward").click()
    expect(bob.page.get_by_label("Subject")).to_have_value(f"Fwd: {subject}")
    expect(bob.attached).to_contain_text("depot.png")
    expect(bob.page.get_by_label("To")).to_have_value("")
    bob.fill(to="carol, alice").send()

    alice.link("Inbox").click()
    for arrived in (f"Re: {subject}", f"To all: {subject}", f"Fwd: {subject}"):
        expect(alice.row(arrived)).to_be_visible()
    alice.open(f"Re: {subject}")
    expect(alice.letter).to_contain_text("I have the keys.")
    expect(alice.letter.get_by_role("blockquote")).to_contain_text("Bring the keys.")
    alice.open(f"Fwd: {subject}")
    assert alice.download(alice.page.get_by_role("link", name="depot.png")).path().read_bytes() == PICTURE["buffer"]


def test_an_answer_is_never_labelled_lower_than_what_it_quotes(sit, post):
    carol = sit("carol").open(FUEL)
    carol.expects(422)
    carol.link("Reply").click()
    carol.fill(label="RESTRICTED")
    carol.button("Send").click()
    expect(carol.outlook).to_contain_text("CONFIDENTIAL")
    expect(carol.outlook).to_contain_text("lower")
    expect(carol.page.get_by_label("Subject")).to_have_value(f"Re: {FUEL}")


def test_a_key_leaves_under_a_passphrase_after_the_password_was_asked_again(sit):
    bob = sit("bob")
    bob.expects(422)
    bob.link("Keys").click()
    bob.page.get_by_label("Passphrase for the file").fill("carried elsewhere")
    bob.page.get_by_label("Your password", exact=True).fill("not the password")
    bob.button("Export").click()
    expect(bob.page.get_by_role("alert")).to_contain_text("The password is wrong.")
    bob.page.get_by_label("Passphrase for the file").fill("carried elsewhere")
    bob.page.get_by_label("Your password", exact=True).fill(bob.password)
    exported = bob.download(bob.button("Export"))
    assert exported.suggested_filename.endswith(".p12")
    pkcs12.load_key_and_certificates(exported.path().read_bytes(), b"carried elsewhere")


# --- who must not -------------------------------------------------------------------------------------------------------


# Whether a check that was due before Send was pressed is held back
LATE_CHECK = """() => new Promise((held) => {
  document.addEventListener("htmx:beforeRequest", (event) => held(event.defaultPrevented), { once: true });
  document.getElementById("fields").dispatchEvent(new Event("change", { bubbles: true }));
})"""


def test_secret_to_bob_is_stopped_while_writing_with_the_reason(sit, portal: Stack):
    alice = sit("alice").new_message(to="bob", subject="Not for bob", text="x", label="SECRET")
    alice.expects(422)
    expect(alice.outlook).to_contain_text("bob may not read SECRET")
    expect(alice.page.locator("#chips-to")).to_contain_text("may not read SECRET")
    draft_id = alice.page.locator("#compose").get_attribute("data-edit").split("/")[3]
    alice.button("Send").click()
    expect(alice.outlook.get_by_role("listitem")).to_contain_text("bob may not read SECRET")
    assert portal.query("SELECT COUNT(*) FROM mail_message WHERE id = ?", draft_id) == [(0,)]
    assert alice.page.evaluate(LATE_CHECK), "a check of what was written before talks over the answer"
    expect(alice.outlook.get_by_role("listitem")).to_contain_text("bob may not read SECRET")
    alice.fill(label="CONFIDENTIAL")
    expect(alice.outlook).to_contain_text("label CONFIDENTIAL")
    expect(alice.page.locator("#chips-to")).not_to_contain_text("may not")


def test_the_picker_offers_only_what_the_originator_may_use(sit):
    bob = sit("bob").new_message()
    assert bob.page.get_by_label("Security label").locator("option").all_inner_texts()[1:] == ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL"]
    charlie = sit("charlie").new_message()
    expect(charlie.page.locator("#label-note")).to_contain_text("You have no clearance")


@pytest.mark.parametrize("name", ["charlie", "admin"])
def test_others_never_see_that_it_exists(sit, post, name):
    """No line, no count, and at its address the page of things that are not there."""
    bob = sit("bob").open(FUEL)
    somebody = sit(name)
    somebody.expects(404)
    expect(somebody.page.locator(".row")).to_have_count(0)
    expect(somebody.page.locator("#unread")).to_have_text("")
    for more in ("", "original", "readers", "attachments/0", f"/mail/messages/{post.ids[FUEL]}/"):
        somebody.go(urljoin(bob.page.url, more))
        expect(somebody.page.get_by_role("heading", level=1)).to_have_text("Nothing here")
        expect(somebody.page.locator("body")).not_to_contain_text("CONFIDENTIAL")


# --- audit --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def audited(sit, post) -> str:
    """The id of a message that was refused as SECRET, then sent to bob and carol, and opened by bob."""
    sit("bob").open(FUEL)
    return post.ids[FUEL]


@pytest.mark.parametrize("name", ["audrey", "admin"])
def test_who_looks_on_sees_what_happened_to_the_message_and_never_what_it_says(sit, audited, name):
    looking = sit(name)
    looking.link("Audit").click()
    looking.page.get_by_label("Message id").fill(audited)
    looking.button("Show").click()
    rows = looking.page.locator(".audit-rows tbody tr")
    for verb, who in (("Submitted", "alice"), ("Signed", "alice"), ("Encrypted", ""), ("Delivered", "bob"), ("Delivered", "carol"), ("Opened", "bob")):
        expect(rows.filter(has_text=verb).filter(has_text=who).filter(has_text="CONFIDENTIAL").filter(has_text="Granted").first).to_be_visible()
    expect(rows.filter(has_text="Submitted").filter(has_text="Refused").filter(has_text="bob may not read SECRET")).to_have_count(1)
    expect(looking.page.locator(".chart").get_by_role("img", name=re.compile("match"))).to_be_visible()
    rows.filter(has_text="Submitted").filter(has_text="Granted").get_by_role("link").click()
    expect(looking.page.get_by_role("heading", name="The message from first to last")).to_be_visible()
    steps = looking.page.locator(".life-line li")
    expect(steps.first).to_contain_text("Refused: bob may not read SECRET")
    words = steps.all_inner_texts()
    assert _order(words, "Submitted", "Signed", "Encrypted", "Delivered", "Opened")
    for address in (looking.page.url, f"/audit/?message={audited}"):
        seen = looking.go(address).page.content()
        assert FUEL not in seen
        assert WORD not in seen


def _order(words: list[str], *verbs: str) -> bool:
    found = [next((n for n, each in enumerate(words) if verb in each and "Refused" not in each), -1) for verb in verbs]
    return -1 not in found and found == sorted(found)


def test_the_record_is_filtered_by_person_kind_outcome_and_time(sit, audited):
    audrey = sit("audrey").go("/audit/")
    rows = audrey.page.locator(".audit-rows tbody tr")

    def ask(**filters: str) -> list[str]:
        audrey.go("/audit/")
        for name, value in filters.items():
            field = audrey.page.locator(".filters").get_by_label(name.replace("_", " ").capitalize())
            if name in {"kind", "outcome"}:
                field.select_option(label=value)
            else:
                field.fill(value)
        audrey.button("Show").click()
        audrey.page.wait_for_url("**/audit/?*")
        return rows.all_inner_texts()

    assert all("carol" in each for each in ask(user="carol"))
    opened = ask(kind="Opened")
    assert opened
    assert all("Opened" in each for each in opened)
    refused = ask(outcome="Refused", user="alice")
    assert refused
    assert all("Refused" in each and "alice" in each for each in refused)
    assert ask(since="2001-01-01T00:00:00", until="2001-01-02T00:00:00") == []
    expect(audrey.page.get_by_text("No event matches this filter.")).to_be_visible()
    assert ask(since="2001-01-01T00:00:00", kind="Delivered")


def test_the_auditor_takes_out_what_is_filtered_the_administrator_does_not(sit, audited):
    audrey = sit("audrey").go(f"/audit/?message={audited}")
    lines = audrey.download(audrey.link("Export as JSON lines")).path().read_bytes()
    table = audrey.download(audrey.link("Export as CSV")).path().read_text(encoding="utf-8")
    events = [json.loads(line) for line in lines.splitlines()]
    rows = list(csv.DictReader(StringIO(table, newline="")))
    assert len(events) == len(rows) > 5
    assert {row["correlation"] for row in rows} == {audited}
    for secret in (FUEL, WORD, "schedule.csv"):
        assert secret not in table
        assert secret.encode() not in lines
    admin = sit("admin").go(f"/audit/?message={audited}")
    expect(admin.page.locator(".audit-rows tbody tr").first).to_be_visible()
    expect(admin.page.get_by_role("link", name=re.compile("Export"))).to_have_count(0)


@pytest.mark.parametrize("name", ["alice", "charlie", "olga"])
def test_audit_is_for_auditors_and_administrators(sit, name):
    somebody = sit(name)
    somebody.expects(404)
    expect(somebody.link("Audit")).to_have_count(0)
    somebody.go("/audit/")
    expect(somebody.page.get_by_role("heading", level=1)).to_have_text("Nothing here")


def test_a_secret_message_stays_with_those_who_are_cleared(sit, post):
    alice = sit("alice").open(PLAN)
    for marking in alice.markings:
        expect(marking).to_have_text("SECRET")
