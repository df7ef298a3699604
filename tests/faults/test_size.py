"""A large attachment goes through web and workers in pieces, and to the relay: nobody keeps it in memory, no file of it is left.

With 150 MB: FAULT_SIZE_MB=150 pytest tests/faults/test_size.py -s
"""

import contextlib
import hashlib
import os
import random
import socket
import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.faults.outside import OLGA, Outside
from tests.faults.sending import signed_in
from tests.portal import outsiders
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

SIZE = int(os.environ.get("FAULT_SIZE_MB", "40")) * 1_000_000 - 1_000  # some room for the text
MOST_GROWTH = 24_000  # KiB, whatever the size: buffers, and what Python keeps for later
MOST = 115_000  # KiB of any process
PATIENCE = 600


class Sink(threading.Thread):
    """A relay that takes messages of any size, and keeps how large they were."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.sizes: list[int] = []

    def run(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            # The portal does not wait for the answer to QUIT, so that the last one may have nowhere to go.
            with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 sink\r\n")
                while line := lines.readline():
                    if line.upper().startswith(b"DATA"):
                        connection.sendall(b"354 go on\r\n")
                        self.sizes.append(self._content(lines))
                    connection.sendall(b"250 OK\r\n")

    def _content(self, lines: BinaryIO) -> int:
        size, end = 0, b""
        while end != b"\r\n.\r\n":
            piece = lines.read1()
            size, end = size + len(piece), (end + piece)[-5:]
        return size - len(end)


class Memory:
    """The highest resident size of each process since the last look, in KiB."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.growth = stack, dict[str, int]()
        self.begin()

    def begin(self) -> None:
        self.pids = {f"{name} {pid}": pid for name in ("web", "bulk", "interactive") for pid in self.stack.children(name)}
        for pid in self.pids.values():
            with contextlib.suppress(PermissionError):  # only root may for these processes; what is higher than ever is seen in any case
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets the peak
        self.before = self._peaks()

    def _peaks(self) -> dict[str, int]:
        lines = {name: Path(f"/proc/{pid}/status").read_text().splitlines() for name, pid in self.pids.items()}
        return {name: int(next(each for each in found if each.startswith("VmHWM")).split()[1]) for name, found in lines.items()}

    def look(self, what: str, seconds: float) -> None:
        peaks = self._peaks()
        grown = {name: peaks[name] - self.before[name] for name in peaks}
        print(f"{what}: {seconds:.1f} s; " + ", ".join(f"{name} {peaks[name] // 1024} MiB (+{grown[name] // 1024})" for name in peaks))
        assert {name: each for name, each in grown.items() if each > MOST_GROWTH} == {}, what
        assert {name: each for name, each in peaks.items() if each > MOST} == {}, what
        self.begin()


def test_a_large_attachment_is_sent_read_and_forwarded_with_flat_memory(tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    content = random.Random(1).randbytes(SIZE)
    sink = Sink()
    sink.start()
    (tmp_path / "anchors.pem").write_bytes(outsiders.authority().pem)
    around = Outside(sink, tmp_path)
    environment = around.environment | {"RELAY_HOST": "127.0.0.1", "RELAY_TLS": "none", "RELAY_USER": "", "TMPDIR": str(temporary)}
    with Stack(tmp_path / "data", demo=True, UNDO_SECONDS="0", LEASE_SECONDS="5", **environment) as stack:
        around.introduce(stack)
        alice, bob = signed_in(stack, "alice"), signed_in(stack, "bob")
        alice.timeout = bob.timeout = PATIENCE
        alice.send(to=f"bob, {OLGA}", subject="Warm", text="All modules are loaded.", classification="RESTRICTED")
        first = wait_for(bob.lines, within=60, what="the first message")[0]
        bob.open(first.id)
        wait_for(lambda: sink.sizes, within=60, what="handed over")
        memory = Memory(stack)

        def timed(what, act):
            started = time.monotonic()
            result = act()
            memory.look(what, time.monotonic() - started)
            return result

        form = alice.compose(to=f"bob, {OLGA}", subject="Large", text="See the file.", classification="RESTRICTED")
        form = timed("upload", lambda: alice.upload(form, ("large.bin", content))).form("/send")
        timed("seal and deliver", lambda: (alice.send_form(form), wait_for(lambda: len(bob.lines()) == 2, within=PATIENCE, what="delivered")))
        timed("hand over", lambda: wait_for(lambda: len(sink.sizes) == 2, within=PATIENCE, what="handed over"))
        assert sink.sizes[1] > SIZE * 4 // 3  # base64
        line = next(each for each in bob.lines() if each.subject == "Large")
        page = timed("open", lambda: bob.open(line.id, tries=600))
        attachment = str(page.select("//section[@class='enclosures']//a/@href")[0])
        received = timed("download", lambda: bob.get(attachment).expect())
        assert int(dict(received.headers)["Content-Length"]) == SIZE
        assert hashlib.sha256(received.body).digest() == hashlib.sha256(content).digest()
        answer = f"/mail/new/?reply={line.id}&how=forward"
        timed("forward", lambda: bob.get(answer).expect())
        timed("download as it came", lambda: bob.download(f"{page.path}original"))
        attempts = stack.query("SELECT max(attempts) FROM outbox_job WHERE kind IN ('seal', 'relay')")[0][0]
        assert attempts == 1, "the lease was over while the message was sealed or handed over"
    assert list(temporary.rglob("*")) == []
