"""Mail from outside through real processes: smtpd without a master key, workers, pages."""

import json
import smtplib
import socket
import subprocess
from pathlib import Path

import pytest

from tests.faults.canary import Canaries
from tests.faults.postfix import postfix
from tests.faults.rights import no_postfix, no_strace
from tests.faults.watch import Watch, waiting_for_mail
from tests.http import Browser
from tests.portal.mail.outside import plain
from tests.stack import Stack, free_port, wait_for

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("smtp") / "data", demo=True, SMTP_PORT=str(free_port()), SMTP_MAX_SIZE="400000000") as stack:
        wait_for(lambda: "smtpd_listens" in stack.log("smtpd"), within=60, what="smtpd listens")
        yield stack


def send(stack: Stack, content: bytes, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", int(stack.environment["SMTP_PORT"]), timeout=30) as smtp:
        smtp.sendmail("eve@outside.example", to or ("bob@portal.example",), content)


def reader(stack: Stack, name: str) -> Browser:
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


def test_nothing_of_what_comes_lies_anywhere_in_clear(stack):
    """Not while it comes in slowly, not when it is refused, not until it is encrypted to its recipient, and not when it is read."""
    canaries = Canaries()
    watch = Watch(stack, canaries, [stack.data])
    watch.others.append(stack.pid("smtpd"))
    named = {"From": f"{canaries.make('name')} <eve@outside.example>", "Subject": canaries.make("subject"), "Message-ID": f"<{canaries.make('id')}@x>"}
    content = plain(**named) + f"{canaries.make('text')}\r\n".encode() * 10_000
    with socket.create_connection(("127.0.0.1", int(stack.environment["SMTP_PORT"])), timeout=60) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        for command in (b"HELO x", b"MAIL FROM:<eve@outside.example>", b"RCPT TO:<bob@portal.example>", b"DATA"):
            connection.sendall(command + b"\r\n")
            assert answers.readline()[:1] in b"23"
        for start in range(0, len(content), 100_000):
            connection.sendall(content[start : start + 100_000])
            watch.look()
        connection.sendall(b".\r\n")
        assert answers.readline().startswith(b"250")
    with pytest.raises(smtplib.SMTPDataError):
        send(stack, f"{canaries.make('malformed')}\r\n\r\n".encode())
    bob = reader(stack, "bob")
    line = waiting_for_mail(watch, lambda: next((each for each in bob.lines() if each.subject == named["Subject"]), None), what="delivered")
    assert canaries.stem in bob.open(line.id).text
    watch.look_closely("after reading")
    assert watch.hits == {}


LARGE = 150_000_000


def peak(stack: Stack, pid: int) -> int:
    """The most memory a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_message_of_150_megabytes_streams_through_smtpd_and_worker(stack):
    """Whoever holds it in memory anywhere needs far more than it has: twice over base64, and once more for the ciphertext."""
    line = b"x" * 76 + b"\r\n"
    head, _, _ = plain(Subject="Large").partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", int(stack.environment["SMTP_PORT"])), timeout=120) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        for command in (b"HELO x", b"MAIL FROM:<eve@outside.example>", b"RCPT TO:<bob@portal.example>", b"DATA"):
            connection.sendall(command + b"\r\n")
            assert answers.readline()[:1] in b"23"
        connection.sendall(head + b'\r\nContent-Disposition: attachment; filename="large.txt"\r\n\r\n')
        for _ in range(LARGE // (1000 * len(line)) + 1):
            connection.sendall(line * 1000)
        connection.sendall(b".\r\n")
        assert answers.readline().startswith(b"250")
    assert peak(stack, stack.pid("smtpd")) < 150_000_000
    bob = reader(stack, "bob")
    wait_for(lambda: any(each.subject == "Large" for each in bob.lines()), within=120, what="delivered")
    assert max(peak(stack, each) for each in stack.children("bulk")) < 250_000_000


@pytest.mark.skipif(bool(no_strace()), reason=no_strace() or "-")
def test_250_is_said_after_the_disk_has_it(stack, tmp_path):
    """The commit's fsync returns before the answer leaves."""
    trace = tmp_path / "trace"
    pid = str(stack.pid("smtpd"))
    with subprocess.Popen(["strace", "-f", "-p", pid, "-e", "trace=fsync,fdatasync,sendto,write", "-o", trace, "-s", "12"]) as strace:
        wait_for(trace.exists, within=20, what="strace is there")
        wait_for(lambda: f"TracerPid:\t{strace.pid}" in Path(f"/proc/{pid}/status").read_text(), within=20, what="strace looks")
        for n in range(10):
            send(stack, plain(**{"Message-ID": f"<fsync-{n}@outside.example>"}))
        strace.terminate()
    lines = trace.read_text().splitlines()
    synced = 0
    answered = 0
    for each in lines:
        synced += "fsync(" in each or "fdatasync(" in each
        if '"354 ' in each:
            synced = 0
        if '"250 2.6.0' in each:
            answered += 1
            assert synced >= 3  # the object, its folder, the database's log
    assert answered == 10


@pytest.mark.skipif(bool(no_postfix()), reason=no_postfix() or "-")
def test_postfix_hands_over_by_lmtp(tmp_path_factory):
    port = free_port()
    folder = tmp_path_factory.mktemp("lmtp") / "data"
    with (
        postfix(people=(), portal=f"lmtp:inet:127.0.0.1:{port}") as server,
        Stack(folder, demo=True, SMTP_PORT=str(port), SMTP_LMTP="1") as stack,
        smtplib.SMTP("127.0.0.1", server.port, timeout=30) as smtp,
    ):
        smtp.sendmail("eve@elsewhere.example", ["bob@portal.example", "alice@portal.example", "nobody@portal.example"], plain())
        wait_for(lambda: server.log().count("status=sent (250 2.6.0 Accepted.)") == 2, within=60, what="handed over")
        wait_for(lambda: "5.1.1 Nobody has this address here." in server.log(), within=60, what="refused")
        for name in ("bob", "alice"):
            browser = reader(stack, name)
            wait_for(lambda browser=browser: any(each.subject == "Tides" for each in browser.lines()), within=60, what=name)
