"""Every control is found by its name; the keyboard is enough; so is a browser without scripts."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.desk import Desk
from tests.browser.post import FUEL, LONG, PLAN, STORES

pytestmark = pytest.mark.browser

SHEET = {"name": "sheet.txt", "mimeType": "text/plain", "buffer": b"one line\n"}


# --- names --------------------------------------------------------------------------------------------------------------


def only(found: Locator) -> Locator:
    """The one element that is found, and can be used."""
    expect(found).to_have_count(1)
    expect(found).to_be_visible()
    return found


def test_the_door_has_its_names(sit):
    page = sit().go("/").page
    for label in ("User name", "Password"):
        expect(only(page.get_by_label(label))).to_be_editable()
    expect(only(page.get_by_role("button", name="Sign in"))).to_be_enabled()


def test_every_page_leads_to_the_others(sit, post):
    page = sit("audrey").page
    for link in ("New message", "Inbox", "Sent", "Audit"):
        only(page.get_by_role("link", name=link))
    only(page.get_by_role("button", name="Sign out"))
    page.get_by_role("link", name="Sent").click()
    only(page.get_by_role("heading", level=1, name="Sent"))
    page.get_by_role("link", name="Inbox").click()
    only(page.get_by_role("heading", level=1, name="Inbox"))


def test_what_is_unread_does_not_change_the_name_of_the_inbox(sit, post):
    """Before and after something was opened; how many are unread is its description."""
    carol = sit("carol")
    inbox = carol.page.get_by_role("link", name="Inbox", exact=True)
    expect(inbox).to_have_accessible_description(re.compile("unread"))
    carol.row(FUEL).get_by_role("link").click()
    expect(carol.page.get_by_role("heading", level=1, name=FUEL)).to_be_visible()
    only(inbox)


def test_writing_has_its_names_and_nothing_else_contains_them(sit):
    page = sit("alice").new_message().page
    for label in ("To", "Subject", "Message"):
        expect(only(page.get_by_label(label))).to_be_editable()
    picker = only(page.get_by_label("Security label"))
    assert picker.evaluate("element => element.tagName") == "SELECT"
    assert {"UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET"} <= set(picker.locator("option").all_inner_texts())
    receipt = only(page.get_by_label("Request a signed receipt"))
    receipt.check()
    expect(only(page.get_by_role("checkbox", name="Request a signed receipt"))).to_be_checked()
    only(page.get_by_role("button", name="Send"))
    only(page.get_by_role("textbox", name="Subject"))
    only(page.get_by_role("combobox", name="Security label"))


def test_the_names_still_hold_while_the_page_explains_itself(sit, post):
    """Chips, reasons, categories and files bring no second control of these names."""
    alice = sit("alice").new_message(to="bob, nobody", subject="Names", text="x", label="SECRET", files=[{**SHEET, "name": "Message to Subject.txt"}])
    expect(alice.outlook).to_contain_text("not known here")
    for label in ("To", "Subject", "Message", "Security label", "Request a signed receipt"):
        only(alice.page.get_by_label(label, exact=True))
    only(alice.button("Send"))


def test_what_is_typed_before_the_scripts_have_come_counts_too(sit):
    """On a slow line: it is checked and saved without another key."""
    alice, held = sit("alice"), []

    def hold(route: Route) -> None:
        held.append(route)

    alice.page.route("**/compose.js", hold)
    alice.link("New message").click(no_wait_after=True)
    alice.fill(to="bob", subject="Typed early", text="x", label="SECRET")
    held[0].continue_()
    expect(alice.outlook).to_contain_text("bob may not read SECRET")
    expect(alice.page.locator("#saved")).to_contain_text("Saved")


def test_reading_has_its_names(sit, post):
    page = sit("bob").open(FUEL).page
    for link in ("Download original", "Who can read it", "Reply", "Forward"):
        only(page.get_by_role("link", name=link, exact=True))


# --- the keyboard ---------------------------------------------------------------------------------------------------------


def test_signing_in_and_out_with_the_keyboard(sit):
    bob = sit("bob", anew=True, signed_in=False).go("/")
    keyboard = bob.page.keyboard
    _tab_to(bob.page, bob.page.get_by_label("User name"))
    keyboard.type(bob.name)
    keyboard.press("Tab")
    keyboard.type(bob.password)
    keyboard.press("Enter")
    expect(bob.page).to_have_url(re.compile("/mail/inbox/$"))
    _tab_to(bob.page, bob.button("Sign out"))
    keyboard.press("Enter")
    expect(bob.button("Sign in")).to_be_visible()
    bob.go("/mail/inbox/")
    expect(bob.button("Sign in")).to_be_visible()


def test_writing_and_sending_with_the_keyboard(sit):
    carol = sit("carol")
    keyboard = carol.page.keyboard
    keyboard.press("c")
    expect(carol.page.get_by_label("To")).to_be_focused()
    keyboard.type("alice")
    _tab_to(carol.page, carol.page.get_by_label("Security label"))
    keyboard.type("REST")
    _tab_to(carol.page, carol.page.get_by_label("Subject"))
    keyboard.type("c, r, a and f are letters here")
    keyboard.press("Enter")  # in a line it does not send
    _tab_to(carol.page, carol.page.get_by_label("Message"))
    keyboard.type("Nothing but keys?\n# is one too.")
    expect(carol.outlook).to_contain_text("label RESTRICTED")
    keyboard.press("Control+Enter")
    carol.on_its_way()
    expect(carol.page.get_by_role("heading", level=1)).to_have_text("c, r, a and f are letters here")


def test_walking_through_the_list_with_single_keys(sit, post):
    alice = sit("alice")
    keyboard, rows = alice.page.keyboard, alice.page.locator(".row .open")
    expect(alice.row(PLAN)).to_be_visible()
    keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    while alice.page.evaluate("document.activeElement.querySelector('.subject').textContent.trim()") != STORES:
        keyboard.press("j")
    keyboard.press("Enter")
    expect(alice.page.get_by_role("heading", level=1, name=STORES)).to_be_visible()
    keyboard.press("e")
    expect(alice.page.locator(".layers")).to_have_attribute("open", "")
    keyboard.press("/")
    expect(alice.page.get_by_label("Filter this list")).to_be_focused()
    keyboard.type("movement")
    expect(alice.row(LONG)).to_be_visible()
    expect(alice.row(STORES)).to_be_hidden()


@pytest.mark.parametrize(("key", "field", "value"), [("r", "To", "carol"), ("a", "To", "carol"), ("f", "Subject", f"Fwd: {STORES}")])
def test_answering_with_single_keys(sit, post, key, field, value):
    bob = sit("bob").open(STORES)
    bob.page.keyboard.press(key)
    expect(bob.page.get_by_label(field)).to_have_value(re.compile(re.escape(value)))
    expect(bob.page).to_have_url(re.compile("/edit/$"))


def test_into_the_bin_and_back(sit, post):
    """By # from the list, by the button out of it."""
    alice = sit("alice")
    alice.row(LONG).get_by_role("link").focus()
    alice.page.keyboard.press("#")
    expect(alice.page.get_by_text("1 moved.")).to_be_visible()
    expect(alice.row(LONG)).to_have_count(0)
    alice.link("Bin").click()
    alice.row(LONG).get_by_role("checkbox").check()
    alice.button("Move back").click()
    expect(alice.row(LONG)).to_have_count(0)
    alice.go("/mail/inbox/")
    expect(alice.row(LONG)).to_be_visible()


def test_single_keys_are_explained_and_can_be_switched_off(sit, post):
    bob = sit("bob")
    bob.page.keyboard.press("?")
    dialog = bob.page.get_by_role("dialog", name="Keyboard")
    switch = dialog.get_by_role("checkbox")
    expect(switch).to_be_checked()
    switch.uncheck()
    bob.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    for key in ("c", "?", "j"):
        bob.page.keyboard.press(key)
    bob.page.reload()
    bob.page.keyboard.press("c")
    bob.button("Keyboard").click()
    expect(dialog.get_by_role("checkbox")).not_to_be_checked()
    expect(bob.page).to_have_url(re.compile("/mail/inbox/$"))
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Close").press("Enter")
    bob.page.keyboard.press("c")
    expect(bob.page.get_by_label("Subject")).to_be_visible()


def _tab_to(page: Page, target: Locator) -> None:
    """Presses Tab until the focus is there, which must be shown."""
    for _ in range(40):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


# --- without scripts --------------------------------------------------------------------------------------------------------


def test_it_works_without_javascript(sit, portal):
    """Sign in, write, attach, be refused, send, see it delivered; read, answer, sign out."""
    alice = sit("alice", anew=True, java_script_enabled=False)
    _writes_without_scripts(alice)
    message_id = alice.page.url.rstrip("/").rsplit("/", 1)[1]
    _reload_until(alice, alice.step("Delivered").filter(has_text="done"))
    assert portal.query("SELECT state FROM mail_message WHERE id = ?", message_id) == [("delivered",)]

    bob = sit("bob", anew=True, java_script_enabled=False)
    bob.row("By hand").get_by_role("link").click()
    _reload_until(bob, bob.letter)
    expect(bob.assurance).to_contain_text("Signed by Alice Ashdown")
    for marking in bob.markings:
        expect(marking).to_have_text("RESTRICTED")
    assert bob.download(bob.page.get_by_role("link", name="sheet.txt")).path().read_bytes() == SHEET["buffer"]
    bob.link("Who can read it").click()
    expect(bob.page.locator("main")).to_contain_text("Bob Birch may read it")
    bob.link("Back").click()
    bob.link("Reply").click()
    expect(bob.page.get_by_label("Subject")).to_have_value("Re: By hand")
    bob.button("Send").click()
    expect(bob.step("Accepted")).to_be_visible()
    bob.button("Sign out").click()
    expect(bob.button("Sign in")).to_be_visible()


def _writes_without_scripts(alice: Desk) -> None:
    alice.expects(422)
    alice.link("New message").click()
    page = alice.page
    page.get_by_label("To").fill("bob")
    page.get_by_label("Subject").fill("By hand")
    page.get_by_label("Message").fill("No script ran here.")
    page.get_by_label("Attach files").set_input_files(SHEET)
    alice.button("Upload chosen files").click()
    expect(alice.attached).to_contain_text("sheet.txt")
    alice.button("Send").click()
    expect(alice.outlook).to_contain_text("Choose a security label")
    expect(page.get_by_label("Message")).to_have_value("No script ran here.")
    page.get_by_label("Security label").select_option(label="RESTRICTED")
    alice.button("Send").click()
    expect(alice.step("Accepted")).to_be_visible()


def _reload_until(desk: Desk, shown: Locator) -> None:
    """Without scripts one loads a page again to see what has changed."""
    deadline = time.monotonic() + 60
    while not shown.count():
        assert time.monotonic() < deadline, f"not shown: {shown}"
        desk.page.reload()
