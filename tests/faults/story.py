"""A day at the portal with real processes, full of canaries: everything in it that is secret begins with the same stem."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.canary import Canaries
from tests.faults.outside import OLGA, Outside, hand_in, outside
from tests.faults.watch import Watch, waiting_for_mail
from tests.http import Browser, Form, Page, Refused
from tests.stack import Stack, wait_for

ATTACHMENT = 10_000_000  # octets


class Interrupted(Exception):
    """A browser that goes away in the middle of an upload."""


@dataclass
class Story:
    """What was told; `loot` is what a thief finds who copies everything while people are signed in."""

    stack: Stack
    around: Outside
    watch: Watch
    canaries: Canaries
    loot: Path
    secrets: dict[str, str] = field(default_factory=dict)

    def secret(self, name: str) -> str:
        """The canary of that name."""
        return self.secrets.setdefault(name, self.canaries.make(name))

    def browser(self, name: str = "") -> Browser:
        """A browser in whose uploads somebody looks around; signed in if a name is given."""
        browser = Browser(self.stack.url, between=self.watch.look)
        if name:
            browser.sign_in(name, self.passwords[name])
        return browser

    @property
    def passwords(self) -> dict[str, str]:
        accounts = json.loads((self.stack.data / "demo-accounts.json").read_text(encoding="utf-8"))
        return {each["user"]: each["password"] for each in accounts}


def tell(story: Story) -> None:
    """The whole day. Whoever reads this finds each thing that people do, and each way in which it goes wrong."""
    watch = story.watch
    nora = _joins(story)
    watch.look_closely("a draft")
    form = _writes(story, nora)
    _steal(story)
    watch.look_closely("sending")
    alice = story.browser("alice")
    message_id = nora.send_form(form)
    opened = _arrives(story, alice, "subject")
    watch.look_closely("reading")
    _reads(story, alice, opened)
    _answers(story, alice, opened, nora)
    watch.look_closely("outside")
    _corresponds(story)
    watch.look_closely("keys")
    _looks_after_keys(story, nora)
    watch.look_closely("mishaps")
    _mishaps(story, alice)
    alice.sign_out()
    assert alice.get("/mail/inbox/").path == "/sign-in/"
    audrey = story.browser("audrey")
    assert "delivered" in audrey.get(f"/audit/?correlation={message_id}").expect().text.lower()
    watch.look_closely("the end")


def _joins(story: Story) -> Browser:
    """Invited by the administrator, cleared by the security officer, signed in with a password of one's own."""
    admin, sonia = story.browser("admin"), story.browser("sonia")
    invite = admin.get("/administration/").expect().form("/invite/")
    invite.fill(username="nora", display_name="Nora North", address="nora@portal.example")
    link = str(admin.post(invite).expect().select("//input[@id='link']/@value")[0])
    story.canaries.also("the link of an invitation", link.rstrip("/").rsplit("/", 1)[1])
    nora = story.browser()
    accept = nora.get(link).expect().form("/")
    password = story.secret("password")
    welcome = nora.post(accept.fill(password=password, again=password)).expect()
    story.canaries.also("a recovery code", welcome.text_of("//*[@id='recovery-code']"))
    page = sonia.get("/policy/clearances/").expect()
    person = str(page.select("//a[contains(., 'nora') or contains(., 'Nora')]/@href")[0])
    sonia.post(sonia.get(person).expect().form("/grant/").fill(classification="3")).expect()
    for name, wrong in (("nora", story.secret("wrong-password")), (password, "nora")):  # people mistake the fields
        assert "User name or password is wrong" in nora.try_to_sign_in(name, wrong).text
    nora.sign_in("nora", password)
    return nora


def _writes(story: Story, nora: Browser) -> Form:
    """Saved by itself, found again in Drafts, with a large file; one upload breaks off."""
    form = nora.compose(to="alice", subject=story.secret("subject"), text=f"{story.secret('text')}\nä=ö", classification="CONFIDENTIAL")
    page = nora.save(form)
    assert nora.lines("drafts")[0].subject == story.secret("subject")
    content = _large(story)
    breaks_off = Browser(story.stack.url, between=_once(story.watch.look))
    breaks_off.cookies = nora.cookies
    try:
        breaks_off.upload(page.form("/send"), (story.secret("broken-off") + ".txt", content))
    except Interrupted:
        story.watch.look()
    page = nora.upload(page.form("/send"), (story.secret("file-name") + ".txt", content))
    assert story.secret("file-name") in page.text
    assert story.secret("text") in nora.get(page.path).expect().text
    return page.form("/send")


def _large(story: Story) -> bytes:
    line = story.secret("attachment").encode() + b" and again\r\n"
    return (line * (ATTACHMENT // len(line) + 1))[:ATTACHMENT]


def _once(look):
    """Goes away after the second piece."""
    pieces = []

    def between() -> None:
        pieces.append(1)
        look()
        if len(pieces) == 2:
            raise Interrupted

    return between


def _steal(story: Story) -> None:
    """A copy of the data folder as it is while somebody is signed in and writes, and of everything in Redis."""
    shutil.copytree(story.stack.data, story.loot, ignore=shutil.ignore_patterns("*.sock", "portal.sqlite3*"))
    with closing(sqlite3.connect(story.stack.data / "portal.sqlite3")) as source, closing(sqlite3.connect(story.loot / "portal.sqlite3")) as copy:
        source.backup(copy)
    (story.loot / "redis").write_bytes(b"\n".join(value for _, value in story.watch.redis_keys()) + story.watch.traffic.heard())


def _arrives(story: Story, reader: Browser, name: str) -> Page:
    """The opened message with the canary of that name in its subject."""

    def line():
        return next((each for each in reader.lines() if story.secret(name) in (each.subject or "")), None)

    found = waiting_for_mail(story.watch, line, what=f"{name} arrived")
    return reader.open(found.id)


def _reads(story: Story, alice: Browser, opened: Page) -> None:
    assert story.secret("text") in opened.text
    assert story.secret("file-name") in opened.text
    attachment = str(opened.select("//section[@class='enclosures']//a/@href")[0])
    assert alice.download(attachment) == _large(story)
    original = alice.download(f"{opened.path}original")
    assert not story.canaries.found(original, depth=1)
    alice.get(f"{opened.path}readers").expect()


def _answers(story: Story, alice: Browser, opened: Page, nora: Browser) -> None:
    """An answer quotes, a forward takes the file along."""
    answer = alice.compose(f"/mail/new/?reply={_delivery_id(opened)}&how=reply")
    quoted = dict(answer.fields)["text"]
    assert f"> {story.secret('text')}" in quoted
    answer.fill(subject=story.secret("answer"), text=quoted + story.secret("answer-text"))
    answer = alice.upload(answer, (story.secret("small-file") + ".txt", story.secret("small").encode())).form("/send")
    alice.send_form(answer)
    answered = _arrives(story, nora, "answer")
    assert story.secret("answer-text") in answered.text
    forward = nora.get(f"/mail/new/?reply={_delivery_id(answered)}&how=forward").expect()
    assert story.secret("small-file") in forward.text
    nora.send_form(forward.form("/send").fill(to="alice"))
    waiting_for_mail(story.watch, lambda: len(alice.lines()) == 2, what="forwarded")


def _delivery_id(opened: Page) -> str:
    return str(opened.select("//article/@data-opened")[0])


def _corresponds(story: Story) -> None:
    """A letter comes in by SMTP, unencrypted as most are, and is answered through the relay."""
    bob = story.browser("bob")
    letter = story.around.letter("<1@outside.example>", story.secret("letter"))
    assert hand_in(story.stack, letter.replace(b"High water at six.", story.secret("letter-text").encode()))
    assert story.secret("letter-text") in _arrives(story, bob, "letter").text
    bob.send(to=OLGA, subject=story.secret("abroad"), text=story.secret("abroad-text"), classification="RESTRICTED")
    waiting_for_mail(story.watch, lambda: story.around.relay.taken, what="handed over")
    assert not story.canaries.found(b"".join(story.around.relay.taken))


def _looks_after_keys(story: Story, nora: Browser) -> None:
    """Exports a key, changes the password, forgets it, recovers."""
    keys = nora.get("/keys/").expect()
    password, passphrase = story.secret("password"), story.secret("passphrase")
    export = keys.form("/keys/export/").fill(passphrase=passphrase)
    assert nora.post(export.fill(password=story.secret("wrong-password"))).status == 422
    assert dict(nora.post(export.fill(password=password)).expect().headers)["Content-Type"] == "application/x-pkcs12"
    new = story.secret("new-password")
    change = keys.form("/keys/password/").fill(old_password=password, password=new, again=new)
    assert "Your password is changed" in nora.post(change).expect().text
    nora.sign_out()
    nora.sign_in("nora", new)
    nora.sign_out()


def _mishaps(story: Story, alice: Browser) -> None:
    """What is refused must not be kept either: not in a log, not in the audit, not in a file."""
    refused = alice.compose(to=f"alice, {story.secret('unknown')}", subject=story.secret("refused"), text=story.secret("refused-text"), classification="SECRET")
    _must_be_refused(lambda: alice.send_form(refused))
    _must_be_refused(lambda: alice.send_form(refused.fill(to="alice", subject=story.secret("long") * 40)))
    _must_be_refused(lambda: alice.send_form(refused.fill(subject="x", text=story.secret("huge") * 120_000)))
    stranger = story.browser()
    sign_in = stranger.get("/sign-in/").expect().form("/sign-in/")
    without_session = Form(refused.url, refused.multipart, refused.fields).fill(**dict(sign_in.fields), text=story.secret("signed-out"))
    without_session.files = [("files", story.secret("signed-out-name"), _large(story)[:1_500_000])]
    assert stranger.post(without_session).path == "/sign-in/"
    from_elsewhere = sign_in.fill(username="nora", password=story.secret("new-password"), csrfmiddlewaretoken="x" * 64)
    assert stranger.post(from_elsewhere).status == 403


def _must_be_refused(send) -> None:
    try:
        send()
    except Refused:
        return
    raise AssertionError("sent what must be refused")


def told(folder: Path) -> Story:
    """Starts a portal in `folder`, tells the story to its end and stops it."""
    temporary = folder / "tmp"
    temporary.mkdir()
    canaries = Canaries()
    with outside(folder) as around, Stack(folder / "data", demo=True, TMPDIR=str(temporary), **around.environment) as stack:
        around.introduce(stack)
        watch = Watch(stack, canaries, [stack.data, temporary])
        story = Story(stack, around, watch, canaries, folder / "loot")
        tell(story)
        wait_for(lambda: not stack.query("SELECT 1 FROM outbox_job WHERE state IN ('waiting', 'running')"), within=60, what="all done")
    watch.folders.append(stack.output)
    watch.end()
    return story
