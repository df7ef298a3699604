"""A process dies at each named point of the line, one after the other: each time the message is there once, and nothing lies around for ever."""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.faults.ledger import LIFE_ABROAD, ledger, unnamed
from tests.faults.outside import OLGA, Outside, handed, outside
from tests.faults.sending import Sender, mail_from_outside, patiently, post_once, wait_until_drained
from tests.http import Form
from tests.portal.mail.outside import plain
from tests.stack import ROOT, Stack, wait_for

pytestmark = pytest.mark.faults
FILE = bytes(range(256)) * 1000


@dataclass
class Office:
    """A portal in which the next process to pass a point can be made to die there."""

    stack: Stack
    points: Path
    around: Outside
    alice: Sender
    bob: Sender

    def stop_at(self, point: str) -> None:
        (self.points / point).touch()

    def stopped_at(self, point: str) -> bool:
        return not (self.points / point).exists()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("stops")
    points = folder / "points"
    points.mkdir()
    environment = {"LEASE_SECONDS": "1.5", "PORTAL_STOP_AT": str(points)}
    with outside(folder) as around, Stack(folder / "data", demo=True, **environment, **around.environment) as stack:
        around.introduce(stack)
        yield Office(stack, points, around, Sender(stack, "alice", "bob"), Sender(stack, "bob", "alice"))


def sends(office: Office, subject: str) -> None:
    message_id = office.alice.send(subject)
    wait_until_drained(office.stack)
    assert ledger(office.stack, [message_id]).clean, ledger(office.stack, [message_id])
    arrived = patiently(lambda: _arrived(office, subject), what="bob sees it")
    assert len(arrived) == 1


def sends_with_a_file(office: Office, subject: str) -> None:
    form = office.alice.fresh(subject)
    patiently(lambda: office.alice.browser.upload(form, ("plan.bin", FILE)), what="uploaded")
    with_another = form.to("send")
    with_another.files = [("files", "more.bin", FILE)]
    message_id = patiently(lambda: post_once(office.alice.browser, with_another), what="accepted")
    wait_until_drained(office.stack)
    assert ledger(office.stack, [message_id]).clean, ledger(office.stack, [message_id])
    opened = patiently(lambda: office.bob.browser.open(_arrived(office, subject)[0]), what="opened")
    assert len(opened.select("//section[@class='enclosures']//li")) == 2
    assert not office.stack.query("SELECT 1 FROM mail_upload WHERE draft_id = ?", message_id)


def saves_twice(office: Office, subject: str) -> None:
    form = office.alice.fresh("first")
    patiently(lambda: office.alice.browser.save(form), what="saved")
    patiently(lambda: office.alice.browser.save(form.fill(subject=subject)), what="saved again")
    assert patiently(lambda: [each.subject for each in office.alice.browser.lines("drafts")].count(subject), what="listed") == 1


def throws_away(office: Office, subject: str) -> None:
    form = office.alice.fresh(subject)
    patiently(lambda: office.alice.browser.save(form), what="saved")
    patiently(lambda: office.alice.browser.post(form.to("discard")).expect(), what="thrown away")
    assert subject not in patiently(lambda: [each.subject for each in office.alice.browser.lines("drafts")] + [""], what="listed")


def takes_back(office: Office, subject: str) -> None:
    office.stack.freeze("bulk")
    try:
        message_id = office.alice.send(subject)
        undo = Form(f"{office.stack.url}/mail/messages/{message_id}/undo", False, office.alice.form.fields)
        draft = patiently(lambda: office.alice.browser.post(undo).expect(), what="taken back")
    finally:
        office.stack.thaw("bulk")
    assert f"{subject}, in full" in draft.text
    wait_until_drained(office.stack)
    events = office.stack.query("SELECT verb, outcome FROM audit_event WHERE correlation = ? ORDER BY at", message_id)
    assert events == [("submitted", "granted"), ("undone", "granted")]
    assert _arrived(office, subject) == []


def is_backed_up(office: Office, subject: str) -> None:
    """Who dies holds the objects for a day, here: until the next backup is made."""
    file = office.points.with_name("backup.tar")
    office.stack.run_manage("backup", str(file), "--wait", "0", check=False)
    office.stack.run_manage("shell", "-c", "from portal.keys.models import Hold; Hold.objects.get().delete()")
    office.stack.run_manage("backup", str(file), "--wait", "0")
    assert not office.stack.query("SELECT 1 FROM keys_hold")


def reads(office: Office, subject: str) -> None:
    office.bob.send(subject)
    wait_until_drained(office.stack)
    (found,) = patiently(lambda: [each.id for each in office.alice.browser.lines() if each.subject == subject], what="arrived")
    assert f"{subject}, in full" in patiently(lambda: office.alice.browser.open(found), what="opened").text


def sends_abroad(office: Office, subject: str) -> None:
    """At least once: where the answer to DATA was not heard, the same octets come again."""
    office.around.relay.taken.clear()
    message_id = office.alice.send(subject, to=OLGA)
    wait_until_drained(office.stack)
    books = ledger(office.stack, [message_id], life=LIFE_ABROAD, folders=("sent",))
    assert books.clean, books
    found = handed(office.stack, office.around.relay, [message_id])
    assert found.clean, found
    assert found.times >= (2 if subject.endswith(HEARD_NOTHING) else 1)


def receives(office: Office, subject: str) -> None:
    """Whoever did not hear 250 gives the message again."""
    content, before = plain(Subject=subject, **{"Message-ID": f"<{secrets.token_hex(8)}@outside.example>"}), arrivals(office)
    patiently(lambda: mail_from_outside(office.stack, content), what="accepted")
    wait_until_drained(office.stack)
    assert arrivals(office) == before + 1
    assert patiently(lambda: [each.subject for each in office.bob.browser.lines()].count(subject), what="listed") == 1


def arrivals(office: Office) -> int:
    return office.stack.query("SELECT count(*) FROM audit_event WHERE verb = 'accepted' AND outcome = 'granted' AND kind = 'message'")[0][0]


def _arrived(office: Office, subject: str) -> list[str]:
    return [each.id for each in office.bob.browser.lines() if each.subject == subject]


Story = Callable[[Office, str], None]
OBJECT = ("object.before-fsync", "object.before-rename", "object.after-rename", "object.durable")
HEARD_NOTHING = ("worker.relay.given", "worker.relay.taken", "worker.relay.before-commit")  # and yet the relay has it
JOB = ("before-claim-commit", "claimed", "before-commit", "committed")
STORIES: dict[Story, list[str]] = {
    saves_twice: ["web.draft.written", "web.draft.committed"],
    sends: [
        *(f"web.{each}" for each in OBJECT),
        *(f"web.submit.{each}" for each in ("granted", "before-commit", "committed")),
        *(f"worker.seal.{each}" for each in JOB),
        *(f"worker.seal.{each}" for each in ("grant-opened", "signing", "written", "made", "envelope-named")),
        "worker.object.deleted",
        *(f"worker.{each}" for each in OBJECT),
        *(f"worker.deliver.{each}" for each in JOB),
        *(f"worker.deliver.{each}" for each in ("opened", "made", "batch")),
        *(f"worker.pump.{each}" for each in ("begun", "ended")),
        *(f"dispatcher.dispatcher.{each}" for each in ("before-ring", "rung", "announced")),
    ],
    sends_with_a_file: ["web.upload.piece", "web.upload.complete", "web.attach.before-commit"],
    takes_back: ["web.undo.before-commit", "web.undo.committed"],
    throws_away: ["web.discard.committed"],
    sends_abroad: [
        *(f"worker.relay.{each}" for each in JOB),
        *(f"worker.relay.{each}" for each in ("connecting", "marked", "given", "taken")),
    ],
    receives: [
        *(f"smtpd.{each}" for each in OBJECT),
        *(f"smtpd.arrive.{each}" for each in ("stored", "before-commit", "committed")),
        *(f"worker.accept.{each}" for each in JOB),
    ],
    is_backed_up: ["manage.backup.snapshot"],
    reads: ["web.call.asked", "worker.call.taken", "worker.call.answered", "worker.call.replied"],
}
POINTS = [(point, story) for story, points in STORIES.items() for point in points]


@pytest.mark.parametrize(("point", "story"), POINTS, ids=[point for point, _ in POINTS])
def test_whoever_dies_at_a_point_loses_nothing_and_repeats_nothing(office: Office, point: str, story: Story) -> None:
    office.stop_at(point)
    story(office, f"Stopped at {point}")
    wait_for(lambda: office.stopped_at(point), within=30, what=f"{point} was passed")


def test_the_sweeper_finds_what_stops_left_behind(office: Office) -> None:
    wait_until_drained(office.stack)
    for name in unnamed(office.stack):
        os.utime(office.stack.data / "objects" / name, (0, 0))
    office.stack.run_manage("shell", "-c", "from portal.mail.services import housekeeping; housekeeping.sweep(None)")
    assert unnamed(office.stack) == set()


def test_every_point_that_the_portal_names_is_tried() -> None:
    assert len(POINTS) >= 25
    named = {
        re.sub(r"\{[^}]*\}", "*", point)
        for path in (ROOT / "portal").rglob("*.py")
        for point in re.findall(r'stop_here\(f?"([^"]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert named, "the pattern finds calls"
    tried = [point.split(".", 1)[1] for point, _ in POINTS]
    assert [each for each in named if not any(fnmatch(point, each) for point in tried)] == []
