"""A backup that is made while people write, and a portal that comes back from it and its master key alone."""

import concurrent.futures
import json
import shutil
import threading
from pathlib import Path

import pytest

from tests.faults.sending import signed_in, wait_until_drained
from tests.http import Browser
from tests.postgres import Postgres, available
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

BEFORE, WRITERS, MEANWHILE = 4, 3, 15


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def postgres(request):
    if request.param == "sqlite":
        yield None
    elif reason := available():
        pytest.skip(reason)
    else:
        with Postgres() as server:
            yield server


SECRETS = "SELECT wrapped_private FROM keys_intakekey UNION ALL SELECT wrapped_decryption FROM keys_unlockedsession"


def send(browser: Browser, subject: str, **files: bytes) -> str:
    form = browser.compose(to="bob", subject=subject, text=f"{subject}, in full", classification="RESTRICTED")
    if files:
        form = browser.upload(form, *files.items()).form("/send")
    return browser.send_form(form)


def fresh(stack: Stack, folder: Path) -> Stack:
    """A machine with nothing but the portal's program, the master key and people who remember their passwords."""
    (folder / "secrets").mkdir(parents=True)
    for kept in ("secrets/master.key", "demo-accounts.json"):
        shutil.copy(stack.data / kept, folder / kept)
    new = Stack.__new__(Stack)
    new.__init__(folder, postgres=stack.postgres)
    if stack.postgres is not None:
        new.environment["DATABASE_URL"] = stack.postgres.create(new.database)
    return new


def archived(stack: Stack, name: str = "backup.tar") -> tuple[Path, str]:
    file = stack.data.with_name(name)
    said = stack.run_manage("backup", str(file), "--wait", "0")
    assert file.stat().st_mode & 0o777 == 0o600
    return file, said


def test_everything_delivered_before_a_backup_under_load_is_read_after_it(tmp_path, postgres):
    over = threading.Event()
    with Stack(tmp_path / "data", demo=True, postgres=postgres, UNDO_SECONDS="0") as stack:
        alice = signed_in(stack, "alice")
        for number in range(BEFORE):
            send(alice, f"Before {number}", **{"canary.bin": b"canary of the file" * 5000})
        wait_until_drained(stack)

        def write(writer: int) -> int:
            """Sends, as much as one page of an inbox shows, and rewrites a draft, again and again: objects come and go while they are copied."""
            mine, count = signed_in(stack, "alice"), 0
            draft = mine.save(mine.compose(to="bob", subject="canary of the draft", text="canary of the draft")).form("/send")
            while not over.is_set():
                mine.save(draft.fill(text=f"canary of the draft {count}"))
                if count < MEANWHILE:
                    send(mine, f"Meanwhile {writer} {count}")
                count += 1
            return count

        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, number) for number in range(WRITERS)]
            try:
                wait_for(lambda: stack.query("SELECT count(*) FROM mail_message")[0][0] > BEFORE + WRITERS, within=60, what="a load")
                file, said = archived(stack)
                secrets = [bytes(row[0]) for row in stack.query(SECRETS)]
                assert len(secrets) > WRITERS
            finally:
                over.set()
            print(said, [each.result() for each in writers])
        stack.wait_ready()
    assert stack.query("SELECT count(*) FROM audit_event WHERE verb = 'backed_up'") == [(1,)]
    canaries = [b"canary of the file", b"canary of the draft", (stack.data / "secrets/master.key").read_bytes(), *secrets]
    content = file.read_bytes()
    assert [each for each in canaries if each in content] == []
    back = fresh(stack, tmp_path / "back")
    assert "restored: " in back.run_manage("restore", str(file))
    assert back.query("SELECT count(*) FROM keys_intakekey") == [(1,)], "the new one only"
    for sessions in ("keys_unlockedsession", "django_session"):
        assert back.query("SELECT count(*) FROM " + sessions) == [(0,)]  # noqa: S608 - names of our own
    assert back.query("SELECT count(*) FROM audit_event WHERE verb = 'restored'") == [(1,)]
    with back:
        wait_until_drained(back)
        bob = signed_in(back, "bob")
        arrived = {each.subject: each.id for each in bob.lines()}
        for number in range(BEFORE):
            page = bob.open(arrived[f"Before {number}"])
            assert f"Before {number}, in full" in page.text
            attachment = str(page.select("//section[@class='enclosures']//a/@href")[0])
            assert bob.download(attachment) == b"canary of the file" * 5000
        for account in json.loads((back.data / "demo-accounts.json").read_text()):
            signed_in(back, account["user"])
        send(signed_in(back, "alice"), "Afterwards")
        wait_for(lambda: "Afterwards" in {each.subject for each in bob.lines()}, within=30, what="sending goes on")


SAVED_AT_THE_WORST_MOMENT = """
from portal import stops
from portal.accounts.models import User, random_id
from portal.mail.content import DraftContent
from portal.mail.services import save_draft

owner, drafts = User.objects.get(username="alice").id, [random_id() for _ in range(3)]

def save_all(point="backup.snapshot"):
    if point == "backup.snapshot":
        for each in drafts:
            save_draft(owner, each, DraftContent(text="Again."))

save_all()
stops.use(save_all)
"""


def test_drafts_that_are_saved_between_the_snapshot_and_the_copying_are_in_the_backup(tmp_path, postgres):
    stack, file = Stack(tmp_path / "data", demo=True, postgres=postgres), tmp_path / "backup.tar"
    command = f"from django.core.management import call_command; call_command('backup', {str(file)!r}, wait=0)"
    assert "3 drafts" in stack.run_manage("shell", "-c", SAVED_AT_THE_WORST_MOMENT + command)
    back = fresh(stack, tmp_path / "back")
    back.run_manage("restore", str(file))
    for (name,) in back.query("SELECT object_name FROM mail_draft"):
        assert (back.data / "objects" / name).exists()
    assert back.query("SELECT count(*) FROM keys_hold") == [(0,)]
    assert stack.query("SELECT count(*) FROM keys_hold") == [(0,)]


def test_without_the_tools_of_postgresql_there_is_a_refusal_and_no_file(tmp_path, postgres):
    if postgres is None:
        pytest.skip("SQLite needs no tools")
    stack = Stack(tmp_path / "data", postgres=postgres, PATH=str(tmp_path))
    with pytest.raises(AssertionError, match=r"pg_dump is not on the PATH\. Install"):
        stack.run_manage("backup", str(tmp_path / "backup.tar"))
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("backup")] == []


def test_a_damaged_archive_changes_nothing_and_a_full_folder_is_left_alone(tmp_path):
    stack = Stack(tmp_path / "data", demo=True)
    file, _ = archived(stack)
    back = fresh(stack, tmp_path / "back")
    content = file.read_bytes()
    before = sorted(back.data.rglob("*"))
    for damaged in (content[: len(content) // 2], content[:-20_000], content.replace(b"CREATE TABLE", b"CREATE TABLF", 1)):
        file.write_bytes(damaged)
        with pytest.raises(AssertionError, match="damaged"):
            back.run_manage("restore", str(file), "--force")
    (back.data / "secrets/master.key").chmod(0o600)
    (back.data / "secrets/master.key").write_text("00" * 32)
    file.write_bytes(content)
    with pytest.raises(AssertionError, match="master key at hand is not the one"):
        back.run_manage("restore", str(file))
    known = {back.data / "secrets/django-secret-key"}
    assert [each for each in sorted(back.data.rglob("*")) if each not in known] == before
    with pytest.raises(AssertionError, match="There is a database already"):
        stack.run_manage("restore", str(file))
    with pytest.raises(AssertionError, match="exists"):
        stack.run_manage("backup", str(file))


def test_the_master_key_among_the_objects_or_behind_one_is_not_backed_up(tmp_path):
    stack = Stack(tmp_path / "data", demo=True)
    key, objects = stack.data / "secrets/master.key", stack.data / "objects"
    with stack:
        send(signed_in(stack, "alice"), "Hello")
        wait_until_drained(stack)
    name = stack.query("SELECT object_name FROM mail_envelope")[0][0]
    (objects / name).unlink()
    (objects / name).symlink_to(key)
    with pytest.raises(AssertionError, match="master key is in what would be copied"):
        stack.run_manage("backup", str(tmp_path / "backup.tar"))
    (objects / name).unlink()
    key.rename(objects / "master.key")
    stack.environment["MASTER_KEY_FILE"] = str(objects / "master.key")
    with pytest.raises(AssertionError, match="among the sealed objects"):
        stack.run_manage("backup", str(tmp_path / "backup.tar"))
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("backup")] == []


def test_an_object_that_is_gone_for_good_is_named_and_the_rest_is_kept(tmp_path):
    with Stack(tmp_path / "data", demo=True, UNDO_SECONDS="0") as stack:
        send(signed_in(stack, "alice"), "Hello")
        wait_until_drained(stack)
    name = stack.query("SELECT object_name FROM mail_envelope")[0][0]
    (stack.data / "objects" / name).unlink()
    with pytest.raises(AssertionError, match="1 objects that rows name are not in the storage"):
        stack.run_manage("backup", str(tmp_path / "backup.tar"))
    assert "restored: " in fresh(stack, tmp_path / "back").run_manage("restore", str(tmp_path / "backup.tar"))


def test_what_was_on_its_way_goes_on_or_is_in_drafts_again(tmp_path):
    """Nothing signed yet, an envelope without its mailbox, a draft with a file: all sealed to a key that is in no backup."""
    with Stack(tmp_path / "data", demo=True, UNDO_SECONDS="0") as stack:
        alice = signed_in(stack, "alice")
        wait_for(stack.idle, within=30, what="quiet")
        stack.freeze("bulk")
        send(alice, "Sealed")
        send(alice, "Submitted")
        form = alice.compose(to="bob", subject="Draft", text="With a file.", classification="RESTRICTED")
        draft = alice.upload(form, ("file.txt", b"content")).path
        stack.kill("supervisor")
    one = "from portal.outbox import services; services.run(services.claim())"
    stack.run_manage("shell", "-c", one)
    _, said = archived(stack)
    assert "1 messages not signed yet" in said
    assert "1 envelopes not delivered yet" in said
    assert "1 files of drafts" in said
    back = fresh(stack, tmp_path / "back")
    back.environment["UNDO_SECONDS"] = "0"
    back.run_manage("restore", str(tmp_path / "backup.tar"))
    with back:
        wait_until_drained(back)
        alice, bob = signed_in(back, "alice"), signed_in(back, "bob")
        (line,) = bob.lines()
        assert line.subject == "(subject unknown: delivered after a restore)"
        page = bob.open(line.id)
        assert "Sealed, in full" in page.text
        assert {each.subject for each in alice.lines("drafts")} == {"Submitted", "Draft"}
        message = alice.send_form(alice.get(draft).expect().form("/send"))
        wait_for(lambda: "attach it again" in alice.get(f"/mail/messages/{message}/").text, within=30, what="refused with the reason")
