"""What goes wrong while people write: a clear message, the draft kept, nothing half-sent."""

import contextlib
import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import demo_passwords, without_table
from tests.browser.desk import PATIENCE, Desk
from tests.http import Browser
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.browser

MEGABYTE = 1_000_000


@pytest.fixture
def alice(sit) -> Desk:
    desk = sit("alice")
    desk.expects(422)  # what is refused while it is being sent
    return desk


@contextlib.contextmanager
def nothing_is_sent(portal: Stack) -> Iterator[None]:
    """No message is accepted meanwhile: only accepting one makes jobs, envelopes and deliveries."""
    before = portal.query("SELECT COUNT(*) FROM mail_message")
    yield
    assert portal.query("SELECT COUNT(*) FROM mail_message") == before


def refused(desk: Desk, reason: str | re.Pattern[str]) -> None:
    """Send answers with the reason, on the same page."""
    desk.button("Send").click()
    expect(desk.outlook.get_by_role("listitem").filter(has_text=reason)).to_have_count(1)


def kept(desk: Desk, subject: str) -> None:
    """The draft is in Drafts, with what was written."""
    desk.go("/mail/drafts/").row(subject).first.get_by_role("link").click()
    expect(desk.page.get_by_label("Subject")).to_have_value(subject)


# --- what is missing or not known -----------------------------------------------------------------------------------------


def test_no_label(alice, portal):
    alice.new_message(to="bob", subject="No label", text="x")
    with nothing_is_sent(portal):
        refused(alice, "Choose a security label: nothing is sent without one.")
        kept(alice, "No label")
    expect(alice.page.get_by_label("Security label")).to_have_value("")


def test_an_unknown_recipient(alice, portal):
    alice.new_message(to="bob, nobodyatall", subject="To nobody", text="x", label="RESTRICTED")
    expect(alice.outlook).to_contain_text("“nobodyatall” is not known here. Check the spelling.")
    with nothing_is_sent(portal):
        refused(alice, "“nobodyatall” is not known here")
        kept(alice, "To nobody")


def test_a_recipient_without_a_key(alice, sit, portal):
    """Invited, and not here yet."""
    admin = sit("admin")
    admin.link("Administration").click()
    form = admin.page.locator("form.invite")
    for label, value in (("User name", "nora"), ("Full name", "Nora Norris"), ("Address", "nora@portal.example")):
        form.get_by_label(label).fill(value)
    admin.button("Invite").click()
    expect(admin.page.get_by_label("One-time link")).to_be_visible()
    alice.new_message(to="nora", subject="No key", text="x", label="UNCLASSIFIED")
    expect(alice.page.locator("#chips-to")).to_contain_text("has no key")
    with nothing_is_sent(portal):
        refused(alice, "nora has no valid encryption key yet")
        kept(alice, "No key")


def test_nobody_and_nothing(alice, portal):
    alice.new_message(subject="Empty", label="RESTRICTED")
    with nothing_is_sent(portal):
        refused(alice, "Name at least one recipient")
        alice.fill(to="bob")
        expect(alice.outlook).to_have_text("The message is empty: write something or attach a file.")
        refused(alice, "The message is empty: write something or attach a file.")
        alice.attach({"name": "plan.txt", "mimeType": "text/plain", "buffer": b"the plan"})
        expect(alice.outlook).to_have_text("Signed by you, encrypted for bob, label RESTRICTED.")


# --- what is too much -------------------------------------------------------------------------------------------------------


def test_a_text_of_sixty_megabytes(alice, portal):
    """Said before megabytes go out; what was written before it is in the draft."""
    alice.context.set_default_timeout(4 * PATIENCE)  # Chromium itself is slow with such a text
    alice.new_message(to="bob", subject="A very long text", text="The beginning.", label="RESTRICTED")
    expect(alice.page.locator("#saved")).to_contain_text("Saved")
    with nothing_is_sent(portal):
        _paste(alice, 60 * MEGABYTE)
        alice.button("Send").click()
        expect(alice.outlook).to_contain_text(
            re.compile(r"The text is longer than 2\.\d MB. Put the long part into a file and attach it. Nothing was sent.")
        )
        kept(alice, "A very long text")
    expect(alice.page.get_by_label("Message")).to_have_value("The beginning.")


def test_a_text_of_sixty_megabytes_that_is_posted_all_the_same(portal, passwords):
    """By a browser without scripts."""
    bob = Browser(portal.url)
    bob.sign_in("bob", passwords["bob"])
    form = bob.compose(to="alice", subject="Posted long", text="x", classification="RESTRICTED")
    bob.save(form)
    with nothing_is_sent(portal):
        answer = bob.post(form.fill(text="x" * 60 * MEGABYTE)).expect(413)
        assert "Nothing was sent." in answer.text
        assert "What was saved before is in Drafts." in answer.text
        assert "Posted long" in [line.subject for line in bob.lines("drafts")]


def _paste(desk: Desk, size: int) -> None:
    """Into a field that isn't drawn: Chromium alone would take half a minute for that."""
    desk.page.get_by_label("Message").evaluate(
        """(field, size) => {
             field.style.display = "none";
             field.value = "x".repeat(size);
             field.dispatchEvent(new Event("input", {bubbles: true}));
           }""",
        size,
    )


@pytest.fixture(scope="session")
def sixty_megabytes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "film.bin"
    with path.open("wb") as file:
        file.truncate(60 * MEGABYTE)
    return path


def test_an_attachment_of_sixty_megabytes(alice, portal, sixty_megabytes):
    alice.new_message(to="bob", subject="With a film", text="x", label="RESTRICTED")
    alice.page.get_by_label("Attach files").set_input_files(sixty_megabytes)
    expect(alice.page.locator("#uploads")).to_contain_text("Too large")
    alice.button("Dismiss").click()
    expect(alice.page.locator("#uploads li")).to_have_count(0)
    expect(alice.attached).to_have_count(0)
    expect(alice.outlook).to_contain_text("Signed by you")


def test_an_attachment_of_sixty_megabytes_from_a_browser_without_scripts(sit, portal, sixty_megabytes):
    bob = sit("bob", java_script_enabled=False)
    bob.expects(413, 422)
    bob.new_message(to="alice", subject="With a film, posted", text="x", label="RESTRICTED")
    bob.button("Save draft").click()
    bob.page.get_by_label("Attach files").set_input_files(sixty_megabytes)
    with nothing_is_sent(portal):
        bob.button("Send").click()
        expect(bob.page.locator("main")).to_contain_text("too large")
        expect(bob.page.locator("main")).to_contain_text("50 MB")
        kept(bob, "With a film, posted")


# --- names ------------------------------------------------------------------------------------------------------------------


def test_a_file_name_with_control_characters(alice, sit, portal):
    """It arrives; line breaks, bells and characters that turn the writing around are not in its name."""
    name = 'inv\u202egpj.exe\r\nX-Evil: 1\x07\x1b[31m".txt'
    alice.new_message(to="bob", subject="A strange name", text="x", label="UNCLASSIFIED", files=[{"name": name, "mimeType": "text/plain", "buffer": b"harmless"}])
    _without_control_characters(alice.attached.locator("bdi").inner_text())
    alice.send()
    bob = sit("bob")
    bob.open("A strange name")
    link = bob.page.locator(".enclosures a")
    _without_control_characters(link.inner_text())
    download = bob.download(link)
    _without_control_characters(download.suggested_filename)
    assert download.path().read_bytes() == b"harmless"


def _without_control_characters(text: str) -> None:
    assert "X-Evil" in text
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), repr(text)


# --- twice ------------------------------------------------------------------------------------------------------------------


def test_a_double_click_on_send_is_one_message(alice, sit, portal):
    alice.new_message(to="bob", subject="Clicked twice", text="x", label="UNCLASSIFIED")
    expect(alice.outlook).to_contain_text("Signed by you")
    alice.button("Send").dblclick()
    message_id = alice.on_its_way()
    _delivered_once(portal, message_id)
    bob = sit("bob")
    expect(bob.row("Clicked twice")).to_have_count(1)


def test_a_form_that_is_posted_again_is_the_same_message(sit, portal):
    """From two tabs with the same draft: the second one leads to the message that is on its way, as it was first sent."""
    bob = sit("bob", java_script_enabled=False)
    bob.new_message(to="carol", subject="Posted twice", text="x", label="UNCLASSIFIED")
    bob.button("Save draft").click()
    first, second = bob.page, bob.context.new_page()
    second.goto(first.url)
    bob.button("Send").click()
    expect(bob.step("Accepted")).to_be_visible()
    bob.page = second
    bob.fill(text="changed on the way")
    bob.button("Send").click()
    expect(bob.step("Accepted")).to_be_visible()
    assert second.url == first.url
    _delivered_once(portal, first.url.rstrip("/").rsplit("/", 1)[1])
    carol = sit("carol").open("Posted twice")
    expect(carol.letter).to_have_text("x")


def _delivered_once(portal: Stack, message_id: str) -> None:
    count = "SELECT COUNT(*) FROM mail_delivery JOIN mail_envelope ON envelope_id = mail_envelope.id WHERE message_id = ? AND arrived_in = 'inbox'"
    wait_for(lambda: portal.query("SELECT state FROM mail_message WHERE id = ?", message_id) == [("delivered",)], within=30, what="delivered")
    assert portal.query(count, message_id) == [(1,)]
    assert portal.query("SELECT COUNT(*) FROM outbox_job WHERE kind = 'seal' AND target = ?", message_id) == [(1,)]


# --- the session ends ---------------------------------------------------------------------------------------------------------


def test_the_session_ends_while_somebody_writes(sit, portal):
    """A dialog asks for the password; nothing typed is lost, and sending works after it."""
    rex = sit("rex", anew=True)
    rex.expects(401, 422)
    rex.new_message(to="bob", subject="Half-way")
    expect(rex.page.locator("#saved")).to_contain_text("Saved")
    _end_session(portal, "rex")
    rex.page.get_by_label("Message").fill("Typed after it was over.")
    dialog = rex.page.get_by_role("dialog", name="Your session has ended")
    dialog.get_by_label("Password").fill("not the password")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_contain_text("User name or password is wrong.")
    dialog.get_by_label("Password").fill(rex.password)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    expect(rex.page.get_by_label("Message")).to_have_value("Typed after it was over.")
    expect(rex.page.get_by_label("To")).to_have_value("bob")
    kept(rex, "Half-way")
    expect(rex.page.get_by_label("Message")).to_have_value("Typed after it was over.")


def test_the_session_ends_before_send(sit, portal):
    sonia = sit("sonia", anew=True)
    sonia.expects(401)
    sonia.new_message(to="bob", subject="Over before sending", text="All of it.", label="CONFIDENTIAL")
    expect(sonia.page.locator("#saved")).to_contain_text("Saved")
    _end_session(portal, "sonia")
    sonia.button("Send").click()
    dialog = sonia.page.get_by_role("dialog", name="Your session has ended")
    dialog.get_by_label("Password").fill(sonia.password)
    dialog.get_by_role("button", name="Sign in").click()
    message_id = sonia.on_its_way()
    _delivered_once(portal, message_id)


def _end_session(portal: Stack, name: str) -> None:
    with contextlib.closing(sqlite3.connect(portal.data / "portal.sqlite3", timeout=20)) as database, database:
        ended = database.execute("DELETE FROM keys_unlockedsession WHERE user_id = (SELECT id FROM accounts_user WHERE username = ?)", (name,))
        assert ended.rowcount == 1


# --- the database is busy -----------------------------------------------------------------------------------------------------


def test_a_draft_that_could_not_be_saved_says_so_and_is_saved_later(sit, portal):
    alice = sit("alice")
    alice.expects(503)
    alice.new_message(to="bob", subject="Saved later")
    with without_table(portal, "mail_draft"):
        alice.page.get_by_label("Message").fill("Typed while the database was busy.")
        expect(alice.page.locator("#saved")).to_have_text("Not saved: the portal is busy. It is tried again.")
    expect(alice.page.locator("#saved")).to_contain_text("Saved")
    kept(alice, "Saved later")
    expect(alice.page.get_by_label("Message")).to_have_value("Typed while the database was busy.")


# --- Redis is away ------------------------------------------------------------------------------------------------------------


def test_redis_dies_while_people_write_and_sign_in(chromium, tmp_path):
    """Who writes keeps the draft and can send; who signs in is told why it does not work; all of it goes on afterwards."""
    with Stack(tmp_path / "data", demo=True, UNDO_SECONDS="0") as stack:
        passwords = demo_passwords(stack)
        alice = Desk(chromium, stack.url, "alice", passwords["alice"])
        bob = Desk(chromium, stack.url, "bob", passwords["bob"])
        bob.expects(503)
        alice.expects(503, 504)
        try:
            _without_redis(stack, alice, bob)
        finally:
            complaints = alice.leave() + bob.leave()
        assert not complaints, complaints


def _without_redis(stack: Stack, alice: Desk, bob: Desk) -> None:
    alice.sign_in().new_message(to="bob", subject="Without Redis", label="CONFIDENTIAL")
    stack.kill("redis", signal.SIGSTOP)
    alice.page.get_by_label("Message").fill("The database is the queue.")
    expect(alice.page.locator("#saved")).to_contain_text("Saved")
    bob.go("/sign-in/")
    bob.page.get_by_label("User name").fill("bob")
    bob.page.get_by_label("Password").fill(bob.password)
    bob.button("Sign in").click()
    expect(bob.page.get_by_role("alert")).to_contain_text("Signing in is not possible right now")
    expect(bob.page.get_by_role("alert")).to_contain_text("Nothing is lost.")
    alice.button("Send").click()
    expect(alice.step("Accepted")).to_contain_text("done")
    stack.kill("redis", signal.SIGKILL)
    stack.wait_ready()
    expect(alice.step("Delivered")).to_contain_text("done")
    bob.sign_in()
    expect(bob.row("Without Redis")).to_have_count(1)
    bob.open("Without Redis")
    expect(bob.letter).to_have_text("The database is the queue.")
