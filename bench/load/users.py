"""People who are signed in and read and write over HTTP, at a pace: thin clients, because they share the machine with the portal.

A round of one of them is: the inbox (the whole page), then messages of it (the piece that a browser with scripts asks for), then messages of
their own (the form posted as such a browser posts it). What is unread is opened first.
"""

import http.client
import itertools
import random
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.load.names import Crowd, username
from tests.faults.sending import signed_in
from tests.http import Form
from tests.stack import Stack

ROW = re.compile(rb'<li class="row( unread)?" id="row-([0-9a-f]{32})"')
OPENED, ACCEPTED = b"data-opened=", re.compile(r"/mail/messages/([0-9a-f]{32})/")
WHERE = "HX-Replace-Url"  # the address of what came, for a browser with scripts
KINDS = ("list", "open", "submit")
LABELS = ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL")  # everybody here may read these


@dataclass(frozen=True)
class Pace:
    """How often each of them does a round, in seconds, and what it holds. `every` 0: one after the other."""

    every: float
    lists: int = 1
    opens: int = 1
    writes: int = 1
    recipients: int = 1


@dataclass
class Said:
    """What all of them saw: seconds by kind, answers that were not what was asked for, ids of the messages that were accepted."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    wrong: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)  # pages that came without what a worker opens, and would ask again


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    where: str = ""


class User:
    """One of them: a connection that is kept, cookies, and a form that was read once."""

    def __init__(self, stack: Stack, number: int, crowd: Crowd) -> None:
        self.name, self.said, self.dice, self.crowd = username(number), Said(), random.Random(number), crowd  # noqa: S311 - whom to write to
        self.port, self.web = stack.port, None
        browser = signed_in(stack, self.name)
        self.forms = [browser.compose(text=f"{self.name} writes this. " * 20, classification=label) for label in LABELS]
        self.cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self.rows: list[tuple[bool, str]] = []

    def list(self) -> None:
        body = self._ask("list", "GET", "/mail/inbox/").body
        self.rows = [(bool(unread), row.decode()) for unread, row in ROW.findall(body)]
        if b"again=1" in body:
            self.said.later.append("list")

    def open(self) -> None:
        unread = [row for is_unread, row in self.rows if is_unread] or [row for _, row in self.rows]
        if unread:
            body = self._ask("open", "GET", f"/mail/inbox/{self.dice.choice(unread)}/", {"HX-Request": "true"}).body
            if body and OPENED not in body:
                self.said.later.append("open")

    def write(self, recipients: int, **values: str) -> str:
        """The id of the message, or empty if it was not accepted."""
        return self.post(*self.form(recipients, values))

    def post(self, url: str, body: bytes, kind: str) -> str:
        """By the address of the page that came: one of a message that is delivered by then links to the copy of it only."""
        headers = {"HX-Request": "true", "Content-Type": kind}
        answer = self._ask("submit", "POST", url, headers, body)
        if found := ACCEPTED.fullmatch(answer.where):
            self.said.accepted.append(found[1])
            return found[1]
        if answer.body:
            self.said.wrong.append("submit without a message")
        return ""

    def form(self, recipients: int, values: dict[str, str]) -> tuple[str, bytes, str]:
        """One more message: where it is posted, as what, of which type."""
        known = max(self.crowd.readers, recipients + 1)
        to = self.dice.sample([n for n in range(known) if username(n) != self.name], recipients)
        read = self.dice.choice(self.forms)
        url = re.sub(r"/drafts/[0-9a-f]{32}/", f"/drafts/{secrets.token_hex(16)}/", read.url)
        form = Form(url, read.multipart, list(read.fields))
        body, kind = form.fill(to=", ".join(map(username, to)), subject=f"Load {secrets.token_hex(4)}", **values).encoded()
        return url.partition(str(self.port))[2], body, kind

    def _ask(self, kind: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """Empty, and noted, if it is not 200."""
        began = time.perf_counter()
        try:
            status, answer = self._answer(method, path, {"Cookie": self.cookie, **(headers or {})}, body)
        except (OSError, http.client.HTTPException) as trouble:
            self.web = None
            status, answer = type(trouble).__name__, Answer()
        self.said.seconds[kind].append(time.perf_counter() - began)
        if status == 200:
            return answer
        self.said.wrong.append(f"{kind} {status}")
        return Answer()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Answer]:
        for again in (True, False):
            if self.web is None:
                self.web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                self.web.request(method, path, body=body or None, headers=headers)
                response = self.web.getresponse()
                return response.status, Answer(response.read(), response.getheader(WHERE, ""))
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.web = None  # the server has ended a connection that was idle: a browser asks again
                if not again:
                    raise
        raise AssertionError

    def live(self, pace: Pace, end: float) -> None:
        """Rounds until `end`, spread evenly: a round that took longer than its time is followed by the next at once."""
        acts = [self.list] * pace.lists + [self.open] * pace.opens + [lambda: self.write(pace.recipients)] * pace.writes
        pause, due = threading.Event(), time.monotonic() + self.dice.random() * pace.every
        for act in itertools.cycle(acts):
            pause.wait(max(0.0, min(due, end) - time.monotonic()))
            if time.monotonic() >= end:
                return
            act()
            due = max(due + pace.every / len(acts), time.monotonic() - pace.every)


def sign_in(stack: Stack, crowd: Crowd) -> list[User]:
    return [User(stack, number, crowd) for number in range(crowd.readers)]


def live(users: Sequence[User], pace: Pace, seconds: float) -> None:
    """All of them at the same time, each in a thread."""
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=user.live, args=(pace, end)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
