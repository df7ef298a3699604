"""People who send while things break: they sign in, and do again what did not work."""

import contextlib
import http.client
import json
import re
import secrets
import smtplib
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from tests.http import Browser, Form, Refused
from tests.stack import Stack, wait_for

T = TypeVar("T")
DRAIN_SECONDS = 60.0


def signed_in(stack: Stack, name: str, password: str = "") -> Browser:
    accounts = json.loads((stack.data / "demo-accounts.json").read_text(encoding="utf-8"))
    browser = Browser(stack.url)
    browser.sign_in(name, password or next(each["password"] for each in accounts if each["user"] == name))
    return browser


def patiently(act: Callable[[], T], *, within: float = 60.0, what: str) -> T:
    """What a person does whose page did not come: the same again."""

    def acted() -> T | None:
        try:
            return act()
        except (OSError, http.client.HTTPException, Refused):
            return None

    return wait_for(acted, within=within, what=what)


def post_once(browser: Browser, form: Form) -> str:
    """Posts a draft's form without looking at what comes next; the message's id, or Refused."""
    page = browser.post(form, follow=False)
    accepted = re.fullmatch(r"/mail/messages/([0-9a-f]{32})/", urlsplit(dict(page.headers).get("Location", "")).path)
    if page.status != 302 or accepted is None:
        raise Refused(f"not accepted: {page.status}")
    return accepted[1]


def mail_from_outside(stack: Stack, content: bytes, to: str = "bob@portal.example") -> bool:
    """Hands mail to smtpd; OSError unless it answers 250."""
    with smtplib.SMTP("127.0.0.1", int(stack.environment["SMTP_PORT"]), timeout=30) as smtp:
        return not smtp.sendmail("eve@outside.example", to, content)


class Sender:
    """Somebody signed in who sends one message after the other, all from the form that was read at the beginning."""

    def __init__(self, stack: Stack, name: str, to: str) -> None:
        self.browser = signed_in(stack, name)
        self.form = self.browser.compose(to=to, text="In full.", classification="RESTRICTED")

    def fresh(self, subject: str, **values: str) -> Form:
        """A form for one more message: a draft of its own."""
        url = re.sub(r"/drafts/[0-9a-f]{32}/", f"/drafts/{secrets.token_hex(16)}/", self.form.url)
        return Form(url, self.form.multipart, list(self.form.fields)).fill(subject=subject, text=f"{subject}, in full", **values)

    def send(self, subject: str, **values: str) -> str:
        """The id of the message; asks until it is accepted."""
        form = self.fresh(subject, **values)
        return patiently(lambda: post_once(self.browser, form), within=120, what=f"{subject} accepted")


def wait_until_drained(stack: Stack, within: float = DRAIN_SECONDS) -> float:
    """Until no job of a message is left to be done; the seconds that took."""
    started = time.monotonic()

    def drained() -> bool:
        with contextlib.suppress(Exception):  # the database may be what is coming back
            return not stack.query("SELECT 1 FROM outbox_job WHERE kind IN ('seal', 'accept', 'deliver', 'relay') AND state IN ('waiting', 'running') LIMIT 1")
        return False

    wait_for(drained, within=within, what="all jobs of messages done")
    return time.monotonic() - started
