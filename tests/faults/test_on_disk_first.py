"""Accepted means kept, by the order of system calls: the commit's fsync has returned before the answer leaves (R1).

`strace` watches the process that commits and the one that answers. Whoever else commits stands still meanwhile.
"""

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import postgres
from tests.faults.rights import no_strace
from tests.faults.sending import Sender, mail_from_outside, patiently, post_once
from tests.portal.mail.outside import plain
from tests.stack import Stack, free_port, wait_for

POSTS = 50
CALLS = "fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg,recvfrom,recvmsg,read"
DATA, KEPT = r'"data\\r', r'"250 2\.6\.0'
POSTED, ACCEPTED = r'"POST /mail/drafts/[0-9a-f]{32}/send', r'"HTTP/1.1 302'


pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(no_strace()), reason=no_strace() or "-")]


@contextlib.contextmanager
def watched(pids: list[int], file: Path) -> Iterator[None]:
    """Writes the system calls of these processes, of all their threads, to `file` in the order in which they happen."""
    each = [argument for pid in pids for argument in ("-p", str(pid))]
    command = ["strace", "-f", "-y", "-s", "80", "-e", f"trace={CALLS}", "-o", str(file), *each]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        attached = 0
        while attached < len(pids):
            line = tracer.stderr.readline()
            assert "attached" in line, line
            attached += 1
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)


@dataclass
class Acceptance:
    """What happened between a request and its answer: writes to the log of the database that no sync has followed yet."""

    unsynced: set[str] = field(default_factory=set)
    syncs: int = 0

    @property
    def durable(self) -> bool:
        return self.syncs > 0 and not self.unsynced


def acceptances(trace: str, *, log: str, asked: str = POSTED, answered: str = ACCEPTED, but_of: frozenset[str] = frozenset()) -> list[Acceptance]:
    """One for each answer in the trace. `log` is a part of the path of the database's write-ahead log.

    What the processes `but_of` write is no part of an acceptance (PostgreSQL's own background work); what they sync is on disk all the same.

    A call that is interrupted by another line counts when it returns if it is a sync, and when it begins if it is an answer.
    """
    found, current = [], None
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if "resumed>" in call:
            call = begun.pop(pid, "") + call.split("resumed>", 1)[1]
        elif call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
        unfinished = pid in begun
        if re.search(asked, call) and not unfinished:
            current = Acceptance()
        elif current is not None and re.search(answered, call) and call.startswith(("send", "write")):
            found.append(current)
            current = None
        elif current is not None and log in call:
            if call.startswith(("fsync", "fdatasync")) and not unfinished:
                current.unsynced.discard(pid)
                current.syncs += 1
            elif call.startswith(("write", "pwrite")) and pid not in but_of:
                current.unsynced.add(pid)
    return found


def signed_in_sender(stack: Stack) -> Sender:
    """Who has made the threads of the web process connect that were at hand."""
    alice = Sender(stack, "alice", "bob")
    wait_for(stack.idle, within=30, what="nothing left to do")
    return alice


def posts_under_watch(stack: Stack, alice: Sender, committing: list[int], tmp_path: Path) -> str:
    stack.freeze("bulk", "interactive", "dispatcher")
    with watched([*stack.children("web"), *committing], tmp_path / "trace"):
        for number in range(POSTS):
            post_once(alice.browser, alice.fresh(f"On disk {number}"))
    return (tmp_path / "trace").read_text(errors="replace")


def take_one_letter(stack: Stack) -> None:
    """So that smtpd has connected to its database."""
    patiently(lambda: mail_from_outside(stack, plain()), what="smtpd listens")
    wait_for(stack.idle, within=30, what="nothing left to do")


def letters_under_watch(stack: Stack, committing: list[int], tmp_path: Path) -> str:
    stack.freeze("bulk", "interactive", "dispatcher", "web")
    with watched([stack.pid("smtpd"), *committing], tmp_path / "trace"):
        for number in range(POSTS):
            assert mail_from_outside(stack, plain(**{"Message-ID": f"<{number}@on-disk.example>"}))
    return (tmp_path / "trace").read_text(errors="replace")


def all_on_disk_first(found: list[Acceptance]) -> None:
    print(f"{sum(each.durable for each in found)} of {len(found)} on disk before the answer; {sum(each.syncs for each in found)} syncs")
    assert [each.durable for each in found] == [True] * POSTS


def backends(stack: Stack, server: postgres.Postgres) -> tuple[list[int], frozenset[str]]:
    """PostgreSQL's processes that stay, and which of them are its background's. Who connects while the postmaster is watched is, too."""
    assert server.server is not None
    found = stack.query("SELECT pid, backend_type FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'")
    return [server.server.pid, *(pid for pid, _ in found)], frozenset(str(pid) for pid, kind in found if kind != "client backend")


def test_sqlite_has_synced_its_log_before_the_answer_leaves(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", demo=True) as stack:
        trace = posts_under_watch(stack, signed_in_sender(stack), [], tmp_path)
        stack.thaw("bulk", "interactive", "dispatcher", "web")
    all_on_disk_first(acceptances(trace, log="portal.sqlite3-wal"))


@pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")
def test_postgresql_has_synced_its_log_before_the_answer_leaves(tmp_path: Path) -> None:
    with postgres.Postgres() as server, Stack(tmp_path / "data", demo=True, postgres=server) as stack:
        alice = signed_in_sender(stack)
        committing, background = backends(stack, server)
        trace = posts_under_watch(stack, alice, committing, tmp_path)
        stack.thaw("bulk", "interactive", "dispatcher", "web")
    all_on_disk_first(acceptances(trace, log="/pg_wal/", but_of=background))


def test_smtp_says_250_when_sqlite_has_synced_its_log(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", demo=True, SMTP_PORT=str(free_port())) as stack:
        take_one_letter(stack)
        trace = letters_under_watch(stack, [], tmp_path)
        stack.thaw("bulk", "interactive", "dispatcher", "web")
    all_on_disk_first(acceptances(trace, log="portal.sqlite3-wal", asked=DATA, answered=KEPT))


@pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")
def test_smtp_says_250_when_postgresql_has_synced_its_log(tmp_path: Path) -> None:
    with postgres.Postgres() as server, Stack(tmp_path / "data", demo=True, postgres=server, SMTP_PORT=str(free_port())) as stack:
        take_one_letter(stack)
        committing, background = backends(stack, server)
        trace = letters_under_watch(stack, committing, tmp_path)
        stack.thaw("bulk", "interactive", "dispatcher", "web")
    all_on_disk_first(acceptances(trace, log="/pg_wal/", asked=DATA, answered=KEPT, but_of=background))


def test_the_reader_of_traces_sees_an_answer_that_comes_too_early() -> None:
    ask, log = '1 recvfrom(5, "POST /mail/drafts/' + "0" * 32 + '/send HTTP/1.1"', "7</data/portal.sqlite3-wal>"
    write, sync, answer = f'1 pwrite64({log}, "x", 1, 0) = 1', f"1 fdatasync({log}) = 0", '1 sendto(5, "HTTP/1.1 302 Found"'
    late = [f"1 fdatasync({log} <unfinished ...>", "2 " + answer[2:], "1 <... fdatasync resumed>) = 0"]

    def durable(*lines: str) -> list[bool]:
        return [each.durable for each in acceptances("\n".join(lines), log="portal.sqlite3-wal")]

    assert durable(ask, write, sync, answer) == [True]
    assert durable(ask, write, answer, sync) == [False]
    assert durable(ask, write, *late) == [False]
    assert durable(ask, sync, write, answer) == [False]
    assert durable(ask, answer) == [False]
