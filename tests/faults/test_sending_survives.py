"""R1 to R3 with real messages: whatever is killed while they are signed, encrypted and delivered, each arrives once.

A longer run: FAULT_MESSAGES=60 FAULT_KILLS=40 FAULT_SEED=7 pytest tests/faults/test_sending_survives.py -s
"""

import concurrent.futures
import http.client
import json
import os
import random
import signal
import threading
from collections import Counter

import pytest

from tests.http import Browser, Form, Refused
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

MESSAGES = int(os.environ.get("FAULT_MESSAGES", "16"))
KILLS = int(os.environ.get("FAULT_KILLS", "8"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
VICTIMS = ("bulk", "interactive", "dispatcher", "redis", "web")
LIFE = ("submitted", "signed", "encrypted", "delivered")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("survives") / "data", demo=True, LEASE_SECONDS="2") as stack:
        yield stack


def signed_in(stack: Stack, name: str, password: str = "") -> Browser:
    accounts = json.loads((stack.data / "demo-accounts.json").read_text(encoding="utf-8"))
    browser = Browser(stack.url)
    browser.sign_in(name, password or next(each["password"] for each in accounts if each["user"] == name))
    return browser


def patiently(act, *, within: float = 60.0, what: str):
    """What a person does whose page did not come: the same again."""

    def acted():
        try:
            return act()
        except (OSError, http.client.HTTPException, Refused):
            return None

    return wait_for(acted, within=within, what=what)


def life(stack: Stack, message_id: str) -> list[tuple[str, str]]:
    """(verb, outcome) of everything that happened to a message until it was delivered."""
    return stack.query(
        "SELECT verb, outcome FROM audit_event WHERE correlation = ? AND verb IN (?, ?, ?, ?) ORDER BY at", message_id, *LIFE
    )


def steps_done(stack: Stack) -> int:
    return stack.query("SELECT count(*) FROM audit_event WHERE verb IN (?, ?, ?, ?)", *LIFE)[0][0]


def drained(stack: Stack) -> None:
    stack.wait_ready()
    wait_for(lambda: not stack.query("SELECT 1 FROM outbox_job WHERE state IN ('waiting', 'running')"), within=60, what="all jobs done")


def test_each_message_is_delivered_once_whatever_is_killed(stack):
    dice, alice = random.Random(SEED), signed_in(stack, "alice")
    subjects = [f"Message {number} of {SEED}" for number in range(MESSAGES)]

    def send(subject: str) -> str:
        form = patiently(
            lambda: alice.compose(to="bob", subject=subject, text=f"{subject}, in full", classification="RESTRICTED"), what=f"form for {subject}"
        )
        return patiently(lambda: alice.send_form(form), what=f"{subject} accepted")

    victims = [*dice.sample(VICTIMS, len(VICTIMS)), *dice.choices(VICTIMS, k=max(0, KILLS - len(VICTIMS)))][:KILLS]
    sent: dict[str, str] = {}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for number, victim in enumerate(victims):
            batch = subjects[number * MESSAGES // KILLS : (number + 1) * MESSAGES // KILLS]
            moment = steps_done(stack) + dice.randint(0, len(LIFE) * len(batch) - 1)
            accepted = {subject: pool.submit(send, subject) for subject in batch}
            wait_for(lambda: steps_done(stack) >= moment, within=60, what=f"{moment} steps")  # noqa: B023
            wait_for(lambda: stack.kill(victim), within=20, what=f"{victim} runs")  # noqa: B023
            sent |= {subject: future.result() for subject, future in accepted.items()}
    drained(stack)
    again = stack.query("SELECT coalesce(sum(attempts - 1), 0) FROM outbox_job")[0][0]
    print(f"{len(victims)} killed ({', '.join(victims)}), {len(sent)} messages, {again} attempts lost")
    bob = signed_in(stack, "bob")
    arrived = wait_for(lambda: [each for each in bob.lines() if each.subject in sent], within=30, what="subjects")
    assert Counter(each.subject for each in arrived) == Counter(subjects)
    for message_id in sent.values():
        assert life(stack, message_id) == [(verb, "granted") for verb in LIFE]
    for each in arrived:
        page = bob.open(each.id)
        assert f"{each.subject}, in full" in page.text
        assert "Signed by Alice Ashdown" in page.text
    jobs = "SELECT kind, state, count(*) FROM outbox_job WHERE kind IN ('deliver', 'seal') GROUP BY kind, state ORDER BY kind"
    assert stack.query(jobs) == [("deliver", "done", len(sent)), ("seal", "done", len(sent))]


def test_a_message_needs_neither_the_session_nor_the_password_it_was_sent_with(stack):
    """Sent, signed out, password changed while the worker stands still: it is delivered once when the worker comes back."""
    sonia, new = signed_in(stack, "sonia"), "quite another password"
    frozen = [stack.pid("bulk"), *stack.children("bulk")]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
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
    assert [each.subject for each in signed_in(stack, "sonia", new).lines("sent")] == ["Sent before"]


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
