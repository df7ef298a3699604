"""Mail from outside through real processes: smtpd without a master key, workers, pages."""

import smtplib

import pytest

from tests.http import Browser
from tests.portal.mail.outside import plain
from tests.stack import Stack, free_port, wait_for

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("smtp") / "data", demo=True, SMTP_PORT=str(free_port())) as stack:
        wait_for(lambda: "smtpd_listens" in stack.log("smtpd"), within=60, what="smtpd listens")
        yield stack


def send(stack: Stack, content: bytes, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", int(stack.environment["SMTP_PORT"]), timeout=30) as smtp:
        smtp.sendmail("eve@outside.example", to or ("bob@portal.example",), content)


def reader(stack: Stack, name: str) -> Browser:
    import json

    accounts = json.loads((stack.data / "demo-accounts.json").read_text(encoding="utf-8"))
    browser = Browser(stack.url)
    browser.sign_in(name, next(each["password"] for each in accounts if each["user"] == name))
    return browser


def test_mail_from_outside_is_read_in_the_browser(stack):
    send(stack, plain())
    bob = reader(stack, "bob")
    line = wait_for(lambda: next((each for each in bob.lines() if each.subject == "Tides"), None), within=30, what="delivered")
    page = bob.open(line.id)
    assert "High water at six." in page.text
    assert "Nobody signed this" in page.text
    assert "It came from outside" in page.text
