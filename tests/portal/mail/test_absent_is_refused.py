"""Absent, not one's own and not cleared look the same; and nothing tells how much lies above a person's clearance."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User, random_id
from portal.audit.models import Event
from portal.audit.services import SYSTEM
from portal.keys.vault import seal_for
from portal.mail.content import Summary
from portal.mail.models import Delivery, Envelope, Message
from portal.policy import engine
from portal.policy.services import grant_clearance, label_row, revoke_clearance
from tests.portal.organisation import CONFIDENTIAL, RESTRICTED, SECRET, UNCLASSIFIED

pytestmark = pytest.mark.django_db

HIGHER = 500
BLANKED = (
    (re.compile(rb'name="csrfmiddlewaretoken" value="[^"]{64}"'), b"token"),
    (re.compile(rb"<code>[0-9A-F]{4}-[0-9A-F]{4}</code>"), b"reference"),
    (re.compile(rb"/drafts/[0-9a-f]{32}/"), b"/drafts/new/"),  # of a page that begins a draft
)
HX = {"HX-Request": "true"}
Ask = Callable[[Client, str], object]
ASKS: dict[str, Ask] = {
    "message": lambda browser, id: browser.get(f"/mail/inbox/{id}/", secure=True),
    "message, asked for again": lambda browser, id: browser.get(f"/mail/inbox/{id}/?try=3", secure=True),
    "message as a piece": lambda browser, id: browser.get(f"/mail/inbox/{id}/", secure=True, headers=HX),
    "message, head": lambda browser, id: browser.head(f"/mail/inbox/{id}/", secure=True),
    "message in another folder": lambda browser, id: browser.get(f"/mail/sent/{id}/", secure=True),
    "original": lambda browser, id: browser.get(f"/mail/inbox/{id}/original", secure=True),
    "readers": lambda browser, id: browser.get(f"/mail/inbox/{id}/readers", secure=True),
    "readers as a piece": lambda browser, id: browser.get(f"/mail/inbox/{id}/readers", secure=True, headers=HX),
    "attachment": lambda browser, id: browser.get(f"/mail/inbox/{id}/attachments/0", secure=True),
    "move": lambda browser, id: browser.post(f"/mail/inbox/{id}/move", {"folder": "bin"}, secure=True),
    "move several": lambda browser, id: browser.post("/mail/inbox/move", {"folder": "bin", "ids": [id]}, secure=True),
    "reply": lambda browser, id: browser.get(f"/mail/new/?reply={id}&how=reply", secure=True),
    "reply to all": lambda browser, id: browser.get(f"/mail/new/?reply={id}&how=all", secure=True),
    "forward": lambda browser, id: browser.get(f"/mail/new/?reply={id}&how=forward", secure=True),
}


@dataclass(frozen=True)
class Answer:
    """A complete response, what it cost, and what it left in the audit."""

    status: int
    headers: dict[str, str]
    body: bytes
    queries: list[str]
    events: int


def ask(browser: Client, how: Ask, delivery_id: str) -> Answer:
    before = Event.objects.count()
    with CaptureQueriesContext(connection) as captured:
        response = how(browser, delivery_id)
    body = b"".join(response) if response.streaming else response.content
    cookies = {name: dict(morsel) | {"expires": "clock"} for name, morsel in response.cookies.items()}
    queries = [re.split(r"\bWHERE\b|\bVALUES\b|\"s\d", query["sql"])[0] for query in captured]  # without what they ask for
    events = Event.objects.count() - before
    return Answer(response.status_code, kept(response) | {"Set-Cookie": str(cookies)}, blanked(body, delivery_id), queries, events)


def kept(response) -> dict[str, str]:
    """The headers, but for the one that is different each time."""
    return {name: value for name, value in response.headers.items() if name != "X-Request-Id"}


def blanked(body: bytes, delivery_id: str = "") -> bytes:
    for pattern, name in BLANKED:
        body = pattern.sub(name, body)
    return body.replace(delivery_id.encode(), b"the id") if delivery_id else body


@pytest.fixture
def hidden(organisation) -> dict[str, str]:
    """Ids of what bob, cleared for RESTRICTED now, cannot see: by the reason why."""
    own = organisation.delivery("bob", organisation.send("alice", to="bob", classification=CONFIDENTIAL))
    others = organisation.delivery("carol", organisation.send("alice", to="carol", classification=UNCLASSIFIED))
    both = organisation.delivery("carol", organisation.send("alice", to="carol", classification=CONFIDENTIAL))
    grant_clearance(actor=SYSTEM, user=organisation.user("bob"), classification=RESTRICTED)
    return {"own, not cleared": own.id, "somebody else's, cleared": others.id, "neither": both.id}


def test_what_is_not_for_a_person_looks_as_if_it_did_not_exist(organisation, hidden):
    """Status, headers, body, number and kind of database queries, and exactly one audit event each."""
    browser = organisation.browser("bob")
    for name, how in ASKS.items():
        ask(browser, how, random_id())  # the first page of a session sets its cookies
        absent = ask(browser, how, random_id())
        assert (absent.status, absent.events) == (404, 1), name
        for why, delivery_id in hidden.items():
            assert ask(browser, how, delivery_id) == absent, f"{name}: {why}"


def test_nor_does_a_process_that_has_just_started_tell(organisation, hidden):
    """The first question to a process reads the policy; it reads it for what is absent, too."""
    browser = organisation.browser("bob")
    for name in ("message", "original", "reply"):
        answers = []
        for delivery_id in (random_id(), random_id(), *hidden.values()):
            engine.spif.cache_clear()
            answers.append(ask(browser, ASKS[name], delivery_id))
        assert answers[2:] == answers[1:2] * len(hidden), name


def test_the_audit_alone_knows_the_difference(organisation, hidden):
    browser = organisation.browser("bob")
    for delivery_id in ("0" * 32, *hidden.values()):
        ask(browser, ASKS["message"], delivery_id)
    refused = list(Event.objects.filter(verb="opened", outcome="refused").order_by("at"))
    assert [event.object_id for event in refused] == ["0" * 32, *hidden.values()]
    assert refused[0].reason == "no such message"
    assert refused[1].label == "CONFIDENTIAL"
    assert len({event.reason for event in refused}) == 3


def test_a_superuser_without_clearance_is_refused_like_anybody(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice", to="bob"))
    User.objects.filter(username="bob").update(is_superuser=True)
    revoke_clearance(actor=SYSTEM, user=organisation.user("bob"))
    browser = organisation.browser("bob")
    for name, how in ASKS.items():
        ask(browser, how, random_id())
        assert ask(browser, how, delivery.id) == ask(browser, how, random_id()), name


def test_an_administrator_and_an_auditor_open_no_message(organisation):
    delivery = organisation.delivery("bob", organisation.send("alice", to="bob"))
    for name in ("admin", "audrey"):
        answer = ask(organisation.browser(name), ASKS["message"], delivery.id)
        assert (answer.status, answer.events) == (404, 1)


# Two worlds: the same person, with and without mail above the clearance.

PAGES = {
    "inbox": "/mail/inbox/",
    "its rows": ("/mail/inbox/", HX),
    "older": "/mail/inbox/?before={cursor}",
    "sent": "/mail/sent/",
    "bin": "/mail/bin/",
    "drafts": "/mail/drafts/",
    "polling": "/mail/inbox/new-since",
    "polling with rows": "/mail/inbox/new-since?rows",
    "polling the bin": "/mail/bin/new-since",
    "a message that may be read": "/mail/inbox/{low}/",
    "who can read it": "/mail/inbox/{low}/readers",
    "writing, with the people to choose from": "/mail/new/?to=alice",
    "an address that leads nowhere": "/mail/inbox/{absent}/",
    "keys": "/keys/",
    "the address of the portal": "/",
}


def world(browser: Client, names: dict[str, str]) -> dict[str, object]:
    """Everything that the portal answers, complete."""
    answers = {}
    for name, page in PAGES.items():
        path, headers = page if isinstance(page, tuple) else (page, {})
        response = browser.get(path.format(**names), secure=True, headers=headers, follow=True)
        answers[name] = (response.status_code, kept(response), blanked(response.content))
    unchanged = {"If-None-Match": answers["polling"][1]["ETag"]}
    answers["nothing new"] = browser.get(PAGES["polling"], secure=True, headers=unchanged).status_code
    check = {"to": "alice, bob", "text": "x", "classification": str(RESTRICTED)}
    answers["the check while one types"] = blanked(browser.post(f"/mail/drafts/{names['draft']}/check", check, secure=True).content)
    return answers


def mail_above(owner: User, message: Message) -> None:
    """500 deliveries labelled SECRET, in all folders, older and newer than what may be read, read and unread."""
    label = label_row(classification=SECRET)
    folders = [Delivery.Folder.INBOX, Delivery.Folder.SENT, Delivery.Folder.BIN]
    envelopes = [
        Envelope(message=message, kind=Envelope.Kind.BCC, object_name=f"00/{number:030x}", size=1, content_encryption="AES-256-GCM", recipients=[owner.id])
        for number in range(HIGHER)
    ]
    Envelope.objects.bulk_create(envelopes)
    rows = [
        Delivery(
            owner=owner,
            envelope=envelope,
            arrived_in=folders[number % 3],
            folder=folders[number % 3],
            label=label,
            precedence=number % 6,
            delivered_at=message.submitted_at.replace(year=2020 + number % 10),
            read_at=message.submitted_at if number % 2 else None,
        )
        for number, envelope in enumerate(envelopes)
    ]
    for row in rows:
        row.summary = seal_for(owner.id, Summary("above", "alice", False).to_json(), "summary", row.id)
    Delivery.objects.bulk_create(rows)


def test_500_messages_above_a_clearance_change_no_byte_of_any_page(organisation):
    """Lists, order, pages, counts, the polling token, what is suggested: the same in both worlds."""
    low = organisation.delivery("bob", organisation.send("alice", to="bob", subject="low", classification=RESTRICTED))
    organisation.send("alice", to="bob", subject="lower", classification=UNCLASSIFIED)
    browser, bob = organisation.browser("bob"), organisation.user("bob")
    names = {"low": low.id, "absent": random_id(), "draft": random_id(), "cursor": f"{low.delivered_at.isoformat()}_{low.id}"}
    world(browser, names)  # opens what may be read: it counts as read from then on
    without = world(browser, names)
    mail_above(bob, low.envelope.message)
    above = world(browser, names)
    assert Delivery.objects.filter(owner=bob).count() == HIGHER + 2
    for name, answer in above.items():
        assert answer == without[name], name
    grant_clearance(actor=SYSTEM, user=bob, classification=SECRET)
    cleared = world(browser, names)
    assert [name for name in ("inbox", "older", "sent", "bin", "polling") if cleared[name] == without[name]] == []
