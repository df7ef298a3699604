"""A real mail system next door: mail leaves through Postfix and is opened by stock OpenSSL, notifications and answers come back by it."""

import json
import smtplib
import subprocess
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from tests.faults.postfix import Postfix, postfix
from tests.faults.rights import no_postfix
from tests.http import Browser, Page
from tests.portal import outsiders
from tests.stack import ROOT, Stack, free_port, wait_for

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(no_postfix()), reason=no_postfix() or "-"),
]
OLGA, GONE = "olga@elsewhere.example", "gone@elsewhere.example"


@pytest.fixture(scope="module")
def next_door(tmp_path_factory):
    """(portal, Postfix): each is the other's next hop."""
    folder, smtp = tmp_path_factory.mktemp("next-door"), free_port()
    (folder / "anchors.pem").write_bytes(outsiders.authority().pem)
    with postfix(people=("olga",), portal=f"smtp:[127.0.0.1]:{smtp}") as server:
        environment = {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": str(server.port), "RELAY_TLS": "none", "SMTP_PORT": str(smtp)}
        with Stack(folder / "data", demo=True, **environment) as stack:
            for command in (["anchor", folder / "anchors.pem"], ["release", "elsewhere.example", "CONFIDENTIAL"]):
                subprocess.run(
                    [ROOT / ".venv/bin/python", ROOT / "manage.py", *command], env=stack.environment, check=True, capture_output=True
                )
            yield stack, server


def browser(stack: Stack, name: str) -> Browser:
    accounts = json.loads((stack.data / "demo-accounts.json").read_text(encoding="utf-8"))
    found = Browser(stack.url)
    found.sign_in(name, next(each["password"] for each in accounts if each["user"] == name))
    return found


def add_certificate(alice: Browser, person: outsiders.Issued, address: str) -> None:
    """As the page of a draft offers it."""
    draft = alice.save(alice.compose(to=address, subject="Fuel", text="Ten tons.", classification="RESTRICTED"))
    link = draft.select("//*[@id='outlook']//button/@data-after-saving")[0]
    form = alice.get(link).expect().form("/certificate")
    form.files = [("certificate", "person.pem", person.pem)]
    assert "There is no certificate" not in alice.post(form).expect().text


def steps(alice: Browser, message_id: str) -> Page:
    return alice.get(f"/mail/messages/{message_id}/").expect()


def openssl(folder, *arguments: str) -> None:
    subprocess.run(["openssl", "cms", *arguments], cwd=folder, check=True, capture_output=True)


def test_mail_leaves_through_postfix_and_stock_openssl_opens_it(next_door, tmp_path):
    stack, server = next_door
    alice, olga = browser(stack, "alice"), outsiders.person(OLGA)
    add_certificate(alice, olga, OLGA)
    message_id = alice.send(to=f"bob, {OLGA}", subject="Fuel", text="Ten tons.", classification="RESTRICTED")
    (message,) = wait_for(lambda: server.inbox("olga"), within=60, what="delivered by Postfix")
    for name, content in {"m": message, "key": olga.key_pem, "cert": olga.pem, "ca": alice.download("/authority.pem")}.items():
        (tmp_path / name).write_bytes(content)
    openssl(tmp_path, "-decrypt", "-in", "m", "-inkey", "key", "-recip", "cert", "-out", "inner")
    openssl(tmp_path, "-verify", "-in", "inner", "-CAfile", "ca", "-out", "content")
    assert message_from_bytes((tmp_path / "content").read_bytes())["Subject"] == "Fuel"
    assert b"Ten tons." in (tmp_path / "content").read_bytes()
    wait_for(lambda: f"{OLGA}: delivered" in steps(alice, message_id).text, within=60, what="the notification of the delivery")


def test_a_bounce_comes_back_to_the_page_of_its_message(next_door):
    stack, _ = next_door
    alice = browser(stack, "alice")
    add_certificate(alice, outsiders.person(GONE), GONE)
    message_id = alice.send(to=GONE, subject="Fuel", text="Ten tons.", classification="RESTRICTED")
    wait_for(lambda: f"{GONE}: not delivered. 5.1.1 unknown user" in steps(alice, message_id).text, within=60, what="the bounce")


def test_a_signed_and_encrypted_answer_comes_back_through_postfix(next_door, tmp_path):
    """Made by stock OpenSSL with bob's certificate; its signature brings olga's along."""
    stack, server = next_door
    olga = outsiders.person(OLGA)
    bob = stack.query("SELECT der FROM keys_certificate WHERE address = 'bob@portal.example' AND purpose = 'encryption'")[0][0]
    for name, content in {"key": olga.key_pem, "cert": olga.pem, "bob.der": bytes(bob), "text": b"Content-Type: text/plain\r\n\r\nEleven.\r\n"}.items():
        (tmp_path / name).write_bytes(content)
    openssl(tmp_path, "-sign", "-in", "text", "-signer", "cert", "-inkey", "key", "-out", "signed")
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", "bob.der", "-out", "bob.pem"], cwd=tmp_path, check=True)
    openssl(tmp_path, "-encrypt", "-aes256", "-in", "signed", "-out", "sealed", "bob.pem")
    answer = EmailMessage()
    for name, value in {"From": OLGA, "To": "bob@portal.example", "Subject": "Re: Fuel", "Message-ID": "<answer@elsewhere.example>"}.items():
        answer[name] = value
    content = answer.as_bytes().rstrip(b"\n") + b"\n" + (tmp_path / "sealed").read_bytes()
    with smtplib.SMTP("127.0.0.1", server.port) as smtp:
        smtp.sendmail(OLGA, ["bob@portal.example"], content)
    bob = browser(stack, "bob")
    line = wait_for(lambda: next((each for each in bob.lines() if each.subject == "Re: Fuel"), None), within=60, what="delivered here")
    page = bob.open(line.id)
    assert "Eleven." in page.text
    assert f"Signed by {OLGA}" in page.text


def test_what_postfix_is_told_of_the_message_is_no_more_than_it_needs(next_door):
    _, server = next_door
    assert isinstance(server, Postfix)
    assert "Fuel" not in server.log()
