"""Mail to look at. All of it is sent at once, so that five seconds of undoing pass once."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from tests.http import Browser, Form, Refused
from tests.portal import outsiders
from tests.stack import Stack, wait_for

FUEL = "Fuel schedule for the northern depots"
STORES = "Stores arrived"
LONG = "Revised movement table for the second half of the month, with all corrections that came in until this morning"
PLAN = "Harbour plan"
OLGA = "olga@elsewhere.example"
CONFIDENTIAL, REL_TO_UK = "3", "1.3.6.1.4.1.32473.1.1.3/6/0"  # of the demonstration's policy
TABLE = b"depot,litres\r\nnorth,120000\r\nsouth,80000\r\n"
WORD = "Thursday"  # of the text, and nowhere else in the portal
TEXT = f"""Bob,

the schedule for this week is attached. North is short by about a third until {WORD}, so please keep the reserve where \
it is and tell the drivers today.

> What do we do if {WORD} fails?

Then south fills up on Friday, and we talk again.

Alice"""


@dataclass(frozen=True)
class Post:
    """Ids of messages, by subject, and the portal that has them."""

    ids: dict[str, str]
    portal: Stack


def post_everything(portal: Stack, passwords: dict[str, str]) -> Post:
    alice, carol = (_browser(portal, name, passwords) for name in ("alice", "carol"))
    ids = {subject: sender.send(to="bob", subject=subject, text="As agreed.", classification=label) for sender, subject, label in (
        (carol, "Night shift, two changes", "RESTRICTED"),
        (alice, "Keys of the harbour gate", "CONFIDENTIAL"),
    )}  # fmt: skip
    ids[FUEL] = _fuel(alice)
    ids[STORES] = carol.send(to="bob, alice", subject=STORES, text="Forty pallets, all of them dry.", classification="RESTRICTED")
    ids[LONG] = carol.send(to="alice", cc="bob", subject=LONG, text="See the table below.\n" + "0123456789" * 40, classification="UNCLASSIFIED")
    ids[PLAN] = alice.send(to="alice", subject=PLAN, text="The inner harbour first.", classification="SECRET")
    _certificates_of_others(_browser(portal, "rex", passwords), alice)
    wait_for(lambda: _delivered(portal, *ids.values()), within=60, what="the mail has arrived")
    return Post(ids, portal)


def _fuel(alice: Browser) -> str:
    """To bob and carol, releasable to the UK, with a table and a wish for a receipt; refused as SECRET first, so that there is something to audit."""
    form = alice.compose(to="bob, carol", subject=FUEL, text=TEXT, receipt_requested="1", category=REL_TO_UK, classification="SECRET")
    form = alice.upload(form, ("schedule.csv", TABLE)).form("/send").fill(text=TEXT)
    try:
        alice.send_form(form)
    except Refused:
        return alice.send_form(form.fill(classification=CONFIDENTIAL))
    raise AssertionError("bob may not read SECRET")


def _certificates_of_others(rex: Browser, alice: Browser) -> None:
    """Of three people outside: one of whom another authority has certified another key, one who is on a revocation list, one withdrawn."""
    own, rival = outsiders.authority(), outsiders.authority("Rival CA")
    for each in (own, rival):
        looked = rex.post(_with(rex.get("/anchors/").form("/anchors/look/"), "certificate", each.pem)).expect()
        rex.post(looked.form("/anchors/add/")).expect()
    revoked = outsiders.person("rita.with-a-long-name@logistics.elsewhere.example")
    people = [revoked, outsiders.person(OLGA), outsiders.person(OLGA, issuer=rival, key="new"), outsiders.person("walter@elsewhere.example")]
    for each in people:
        address = each.certificate.subject.rfc4514_string().removeprefix("CN=")
        alice.post(_with(alice.get(f"/mail/drafts/{'c' * 32}/certificate?address={address}").form("/certificate"), "certificate", each.pem))
    listed = outsiders.revocation_list(own, revoked).public_bytes(Encoding.DER)
    rex.post(_with(rex.get("/anchors/").form("/anchors/revoked/"), "list", listed)).expect()
    page = rex.get("/certificates/?address=walter")
    rex.post(page.form("/certificates/withdraw/").fill(reason="His laptop was stolen")).expect()


def _with(form: Form, name: str, content: bytes) -> Form:
    form.files.append((name, name, content))
    return form


def _delivered(portal: Stack, *ids: str) -> bool:
    return all(portal.query("SELECT state FROM mail_message WHERE id = ?", each) == [("delivered",)] for each in ids)


def _browser(portal: Stack, name: str, passwords: dict[str, str]) -> Browser:
    browser = Browser(portal.url)
    browser.sign_in(name, passwords[name])
    return browser
