"""From an empty portal to the first message, in the browser: links from the command line, keys, a policy, a clearance."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk
from tests.stack import ROOT, Stack

pytestmark = pytest.mark.browser

PASSWORD = "four words and seven oxen"
DEMO_POLICY = ROOT / "portal" / "policy" / "demo-policy.xml"


@pytest.fixture
def empty(chromium, tmp_path):
    with Stack(tmp_path / "data", UNDO_SECONDS="0") as stack:
        yield stack


@pytest.fixture
def desk(chromium, empty):
    """A desk at the empty portal for each name."""
    desks: list[Desk] = []

    def at(name: str) -> Desk:
        desks.append(Desk(chromium, empty.url, name, f"{PASSWORD} {name}"))
        return desks[-1]

    yield at
    complaints = [complaint for each in desks for complaint in each.leave()]
    assert not complaints, complaints


def test_from_the_first_links_to_the_first_message(empty, desk):
    links = _links(empty.run_manage("bootstrap"))
    assert list(links) == ["administrator", "officer", "registrar"]
    admin, officer = _joins(desk("administrator"), links["administrator"]), _joins(desk("officer"), links["officer"])
    _works_once(desk("somebody"), links["officer"])
    admin.link("Administration").click()
    nora, otto = (_joins(desk(name), _invites(admin, name)) for name in ("nora", "otto"))
    _loads_policy(officer)
    for name in ("nora", "otto"):
        _grants(officer, name, "CONFIDENTIAL")
    nora.new_message(to="otto", subject="The first", text="Does it arrive?", label="CONFIDENTIAL").send()
    expect(otto.row("The first")).to_be_visible()
    otto.open("The first")
    expect(otto.assurance).to_contain_text("Signed by Nora (nora@portal.example)")
    expect(otto.letter).to_have_text("Does it arrive?")
    for marking in otto.markings:
        expect(marking).to_have_text("CONFIDENTIAL")
    admin.link("Audit").click()
    for verb in ("Opened", "Delivered", "Granted a clearance", "Activated a security policy", "Issued a key", "Invited"):
        expect(admin.page.locator(".audit-rows tbody tr").filter(has_text=verb).first).to_be_visible()


def _links(printed: str) -> dict[str, str]:
    """User name and link of each person that bootstrap invites."""
    return dict(re.findall(r"\((\w+)\):\s+(http\S+)", printed))


def _works_once(somebody: Desk, link: str) -> None:
    somebody.expects(404)
    somebody.go(link)
    expect(somebody.page.get_by_role("heading", level=1)).to_have_text("Nothing here")


def _joins(desk: Desk, link: str) -> Desk:
    """Chooses a password, gets a recovery code, has keys, is at the inbox."""
    desk.go(link)
    desk.page.get_by_label("New password").fill(desk.password)
    desk.page.get_by_label("The same again").fill(desk.password)
    desk.button("Make my keys").click()
    expect(desk.page.locator("#recovery-code")).to_have_text(re.compile(r"\w{4,}-\w{4,}"))
    desk.page.get_by_role("link", name="I have kept it").click()
    desk.sign_in()
    desk.link("Keys").click()
    for purpose in ("Encryption", "Signing"):
        expect(desk.page.locator(".keys li").filter(has_text=purpose)).to_have_count(1)
    return desk.go("/")


def _invites(admin: Desk, name: str) -> str:
    """The one-time link for a new person."""
    admin.go("/administration/")
    form = admin.page.locator("form.invite")
    for label, value in (("User name", name), ("Full name", name.capitalize()), ("Address", f"{name}@portal.example")):
        form.get_by_label(label).fill(value)
    admin.button("Invite").click()
    return admin.page.get_by_label("One-time link").input_value()


def _loads_policy(officer: Desk) -> None:
    officer.link("Policy").click()
    expect(officer.page.locator("main")).to_contain_text("There is no policy yet.")
    officer.page.get_by_label("Policy file").set_input_files(DEMO_POLICY)
    officer.button("Load and activate").click()
    expect(officer.page.get_by_role("table").first).to_contain_text("TOP SECRET")


def _grants(officer: Desk, name: str, classification: str) -> None:
    officer.link("Clearances").click()
    officer.link(name).click()
    officer.page.get_by_label("Classification").select_option(label=classification)
    officer.button("Grant").click()
    expect(officer.page.locator(".facts")).to_contain_text(classification)
