"""Every page, wide and narrow, light and dark: axe-core finds nothing, nothing has to be scrolled sideways.

    SCREENSHOTS=build/screenshots .venv/bin/pytest tests/browser/test_looks.py     saves a picture of each
    README_SCREENSHOT=1 .venv/bin/pytest tests/browser/test_looks.py -k readme     writes docs/screenshot.png
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.conftest import without_table
from tests.browser.desk import NARROW, WIDE, Desk
from tests.browser.post import FUEL, OLGA, Post
from tests.portal import outsiders
from tests.stack import ROOT

pytestmark = pytest.mark.browser

ALL_RULES: dict[str, object] = {"resultTypes": ["violations"]}
COLOURS = ALL_RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# What the pages look like, and what axe-core has to look at: in the dark only colours differ.
VIEWS = (("wide", "light", ALL_RULES), ("wide", "dark", COLOURS), ("narrow", "dark", COLOURS), ("narrow", "light", ALL_RULES))
SIZES = {"wide": WIDE, "narrow": NARROW}

Open = Callable[[Desk, Post], object]


def _reading(desk: Desk, post: Post) -> None:
    desk.open(FUEL)
    expect(desk.row(FUEL).get_by_role("link")).to_have_attribute("aria-current", "true")


def _details(desk: Desk, post: Post) -> None:
    desk.open(FUEL)
    desk.page.get_by_text("Details", exact=True).click()
    desk.link("Who can read it").click()
    expect(desk.page.locator("#readers")).to_contain_text("may read it")


def _writing(desk: Desk, post: Post) -> None:
    desk.new_message(
        to="bob, carol, nobody", subject="Fuel, once more", text="Is Thursday certain?", label="SECRET",
        files=[{"name": "a table with a rather long name that has to be cut somewhere.csv", "mimeType": "text/csv", "buffer": b"x" * 5000}],
    )  # fmt: skip
    expect(desk.outlook).to_contain_text("not known here")
    expect(desk.page.locator("#saved")).to_contain_text("Saved")


def _drafts(desk: Desk, post: Post) -> None:
    desk.new_message(to="bob", subject="Half an idea")
    expect(desk.page.locator("#saved")).to_contain_text("Saved")
    desk.link("Drafts").click()
    expect(desk.row("Half an idea").first).to_be_visible()


def _discarding(desk: Desk, post: Post) -> None:
    desk.new_message()
    desk.button("Discard").click()
    expect(desk.button("Discard it")).to_be_visible()


def _event(desk: Desk, post: Post) -> None:
    desk.go(f"/audit/?message={post.ids[FUEL]}").page.locator(".audit-rows a").last.click()
    expect(desk.page.locator(".life-line")).to_be_visible()


def _follow(name: str) -> Open:
    def follow(desk: Desk, post: Post) -> None:
        desk.link(name).click()

    return follow


def _go(path: str) -> Open:
    return lambda desk, post: desk.go(path)


def _invite(desk: Desk, first: str, last: str) -> None:
    desk.link("Administration").click()
    form = desk.page.locator("form.invite")
    form.get_by_label("User name").fill(first.lower())
    form.get_by_label("Full name").fill(f"{first} {last}")
    form.get_by_label("Address").fill(f"{first.lower()}@portal.example")
    desk.button("Invite").click()


def _invited(desk: Desk, post: Post) -> None:
    _invite(desk, "Nadia", "North")
    expect(desk.page.get_by_label("One-time link")).to_be_visible()


def _absent(desk: Desk, post: Post) -> None:
    desk.expects(404)
    desk.go("/mail/inbox/00000000000000000000000000000000/")


def _busy(desk: Desk, post: Post) -> None:
    desk.expects(503)
    with without_table(post.portal, "mail_draft"):
        desk.go("/mail/drafts/")


def _busy_changing(desk: Desk, post: Post) -> None:
    desk.expects(503)
    with without_table(post.portal, "accounts_invitation"):
        _invite(desk, "Oskar", "Olsen")
        expect(desk.page.get_by_role("alert")).to_contain_text("may not be saved")


def _person(where: str) -> Open:
    def person(desk: Desk, post: Post) -> None:
        desk.link(where).click()
        desk.link("bob").click()

    return person


def _keyboard_help(desk: Desk, post: Post) -> None:
    desk.page.keyboard.press("?")
    expect(desk.page.get_by_role("dialog")).to_be_visible()


def _origins(desk: Desk, post: Post) -> None:
    _follow("Origins")(desk, post)
    for form, words in (("#origin", "Label the mail of a domain"), ("#release", "Allow mail to a domain")):
        desk.page.get_by_text(words, exact=True).click()
        expect(desk.page.locator(form).get_by_label("Domain")).to_be_visible()
    desk.page.locator("#origin").get_by_label("Mail without a label").last.select_option("SECRET")
    expect(desk.page.locator("#origin").get_by_label("EYES").first).to_be_visible()


def _trust_anchor(desk: Desk, post: Post) -> None:
    _follow("Trust anchors")(desk, post)
    file = {"name": "ca.pem", "mimeType": "application/x-pem-file", "buffer": outsiders.authority("Another CA").pem}
    desk.page.get_by_label("Certificate of the authority").set_input_files(file)
    desk.button("Look at it").click()
    expect(desk.button("Trust it")).to_be_visible()


def _certificates(desk: Desk, post: Post) -> None:
    _follow("Certificates")(desk, post)
    expect(desk.page.get_by_role("heading", name="To be decided")).to_be_visible()
    desk.page.locator("details.change > summary").first.click()


def _writing_outside(desk: Desk, post: Post) -> None:
    desk.new_message(to=f"{OLGA}, walter@elsewhere.example", subject="Fuel", text="Is Thursday certain?", label="UNCLASSIFIED")
    desk.page.get_by_text("Certificate of people outside").click()
    expect(desk.outlook).to_contain_text("issued by CN=Elsewhere CA")
    expect(desk.page.locator("#saved")).to_contain_text("Saved")


PAGES: dict[str, tuple[str, Open]] = {
    "sign-in": ("", _go("/sign-in/")),
    "recovery": ("", _go("/sign-in/recover/")),
    "inbox-empty": ("charlie", _go("/mail/inbox/")),
    "inbox": ("bob", _go("/mail/inbox/")),
    "keyboard": ("alice", _keyboard_help),
    "reading": ("bob", _reading),
    "details": ("carol", _details),
    "writing": ("alice", _writing),
    "writing-without-clearance": ("charlie", _follow("New message")),
    "discarding": ("alice", _discarding),
    "sent-steps": ("alice", lambda desk, post: desk.go(f"/mail/messages/{post.ids[FUEL]}/")),
    "sent": ("alice", _follow("Sent")),
    "drafts": ("alice", _drafts),
    "bin": ("alice", _follow("Bin")),
    "keys": ("alice", _follow("Keys")),
    "audit": ("audrey", lambda desk, post: desk.go(f"/audit/?message={post.ids[FUEL]}")),
    "audit-nothing": ("audrey", _go("/audit/?user=nobody")),
    "audit-wrong-filter": ("audrey", _go("/audit/?since=yesterday")),
    "event": ("audrey", _event),
    "administration": ("admin", _follow("Administration")),
    "person": ("admin", _person("Administration")),
    "invited": ("admin", _invited),
    "clearances": ("sonia", _follow("Clearances")),
    "clearance": ("sonia", _person("Clearances")),
    "policy": ("sonia", _follow("Policy")),
    "origins": ("sonia", _origins),
    "trust-anchors": ("rex", _follow("Trust anchors")),
    "trust-anchor": ("rex", _trust_anchor),
    "certificates": ("rex", _certificates),
    "writing-outside": ("alice", _writing_outside),
    "operations": ("olga", _follow("Operations")),
    "absent": ("alice", _absent),
    "busy": ("alice", _busy),
    "busy-changing": ("admin", _busy_changing),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_made_in_every_dress(sit, post, name):
    who, prepare = PAGES[name]
    desk = sit(who)
    if name == "audit-wrong-filter":
        desk.expects(400)
    prepare(desk, post)
    desk.page.wait_for_load_state()
    desk.page.evaluate(AXE_SCRIPT)
    found = []
    for size, scheme, rules in VIEWS:
        desk.page.set_viewport_size(SIZES[size])
        desk.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{size}, {scheme}: {each}" for each in _violations(desk.page, rules) + _overflow(desk.page)]
        _picture(desk.page, f"{name}-{size}-{scheme}")
    assert not found, "\n".join(found)


def test_the_picture_for_the_readme(sit, post):
    if os.environ.get("README_SCREENSHOT") != "1":
        pytest.skip("README_SCREENSHOT=1 writes docs/screenshot.png")
    bob = sit("bob")
    _reading(bob, post)
    bob.page.mouse.move(0, 0)
    bob.page.screenshot(path=ROOT / "docs" / "screenshot.png", caret="initial")


def _violations(page: Page, rules: dict[str, object]) -> list[str]:
    """What axe-core objects to, one line for each element."""
    results = page.evaluate("rules => axe.run(document, rules)", rules)
    return [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in results["violations"] for node in each["nodes"]]


def _overflow(page: Page) -> list[str]:
    """Elements that make the page, or a pane of it, wider than the window."""
    return page.evaluate(
        """() => [document.scrollingElement, ...document.querySelectorAll("main, .list, .reader")]
             .filter((pane) => pane.scrollWidth > pane.clientWidth && pane.clientWidth > 0)
             .map((pane) => {
               const widest = [...pane.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > innerWidth + 0.5);
               return `${pane.tagName} scrolls sideways (${pane.scrollWidth} > ${pane.clientWidth}) because of ` +
                 widest.slice(0, 3).map((each) => each.outerHTML.slice(0, 120)).join(" and ");
             })"""
    )


def _picture(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{re.sub(r'[^a-z-]', '', name)}.png", full_page=True, caret="initial")
