"""R1 to R3 with real messages: whatever is killed while they are signed, encrypted and delivered, each arrives once.

A longer run: make faults SEED=7
"""

import concurrent.futures
import json
import threading
from collections import Counter

import pytest

from tests import postgres
from tests.faults import kills
from tests.faults.outside import Outside
from tests.faults.sending import signed_in, wait_until_drained
from tests.http import Browser, Form
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

MESSAGES, KILLS, SEED = 40, 10, 1
LIFE = ("submitted", "signed", "encrypted", "delivered")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    with kills.town(tmp_path_factory.mktemp("survives")) as town:
        yield town


@pytest.fixture
def stack(town):
    return town[0]


def life(stack: Stack, message_id: str) -> list[tuple[str, str]]:
    """(verb, outcome) of everything that happened to a message until it was delivered."""
    return stack.query(
        "SELECT verb, outcome FROM audit_event WHERE correlation = ? AND verb IN (?, ?, ?, ?) ORDER BY at", message_id, *LIFE
    )


def drained(stack: Stack) -> None:
    stack.wait_ready()
    wait_until_drained(stack)


def survives(stack: Stack, around: Outside, strikes: int) -> None:
    report = kills.run(stack, around, messages=MESSAGES, kills=strikes, seed=SEED)
    print(report)
    assert report.clean, str(report)
    drained(stack)
    arrived_whole(stack, report.sent.subjects)


def arrived_whole(stack: Stack, sent: dict[str, str]) -> None:
    """Everything that went to bob lies in his inbox once, and opens."""
    bob = signed_in(stack, "bob")
    lines = wait_for(lambda: [each for each in bob.lines() if each.subject in sent.values()], within=30, what="subjects")
    assert max(Counter(each.subject for each in lines).values()) == 1
    for each in lines:
        page = bob.open(each.id)
        assert f"{each.subject}, in full" in page.text
        assert page.select("//*[contains(., 'Signed by')]")


def test_each_message_is_delivered_once_whatever_is_killed(town):
    survives(*town, KILLS)


@pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")
def test_each_message_is_delivered_once_whatever_is_killed_on_postgresql(tmp_path):
    """The postmaster among them."""
    with postgres.Postgres() as server, kills.town(tmp_path, server) as (stack, around):
        survives(stack, around, KILLS // 2)


def test_a_message_needs_neither_the_session_nor_the_password_it_was_sent_with(stack):
    """Sent, signed out, password changed while the worker stands still: it is delivered once when the worker comes back."""
    sonia, new = signed_in(stack, "sonia"), "quite another password"
    stack.freeze("bulk")
    message_id = sonia.send(to="bob", subject="Sent before", text="Goodbye.", classification="RESTRICTED")
    sonia.sign_out()
    again = signed_in(stack, "sonia")
    old = next(each["password"] for each in json.loads((stack.data / "demo-accounts.json").read_text()) if each["user"] == "sonia")
    change = again.get("/keys/").expect().form("/keys/password/")
    assert "Your password is changed" in again.post(change.fill(old_password=old, password=new, again=new)).expect().text
    again.sign_out()
    assert life(stack, message_id) == [("submitted", "granted")]
    assert "wrong" in Browser(stack.url).try_to_sign_in("sonia", old).text
    stack.kill("bulk")
    wait_for(lambda: len(life(stack, message_id)) == len(LIFE), within=60, what="delivered")
    drained(stack)
    assert life(stack, message_id) == [(verb, "granted") for verb in LIFE]
    assert [each.subject for each in signed_in(stack, "bob").lines()].count("Sent before") == 1
    assert [each.subject for each in signed_in(stack, "sonia", new).lines("sent")].count("Sent before") == 1


@pytest.mark.parametrize("files", [[], [("files", "one.txt", b"x" * 200_000)]], ids=["plain", "with a file"])
def test_the_same_form_posted_five_times_at_once_is_one_message(stack, files):
    alice, bob, subject = signed_in(stack, "alice"), signed_in(stack, "bob"), f"Five times {len(files)}"
    form = alice.compose(to="bob", subject=subject, text="Once.", classification="RESTRICTED")
    form.files = files
    (message_id,) = set(post_together(alice, form))
    drained(stack)
    assert life(stack, message_id) == [(verb, "granted") for verb in LIFE]
    assert [each.subject for each in alice.lines("sent")].count(subject) == 1
    (arrived,) = [each for each in bob.lines() if each.subject == subject]
    assert len(bob.open(arrived.id).select("//section[@class='enclosures']//li")) == len(files)
    assert not stack.query("SELECT 1 FROM mail_upload WHERE draft_id = ?", message_id)


def post_together(browser: Browser, form: Form) -> list[str]:
    """The ids of the messages that five posts of one form lead to."""
    together = threading.Barrier(5)

    def post() -> str:
        mine = Browser(browser.url)
        mine.cookies = dict(browser.cookies)
        together.wait(10)
        return mine.send_form(form)

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        return [future.result() for future in [pool.submit(post) for _ in range(5)]]
