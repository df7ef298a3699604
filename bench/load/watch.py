"""What the portal's processes cost while others use it: CPU seconds, memory, and how old the queue is."""

import contextlib
import http.client
import itertools
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.stack import Stack

NAMES = ("web", "interactive", "bulk", "dispatcher", "redis", "supervisor")
CLIENTS = "clients"
TICKS = os.sysconf("SC_CLK_TCK")
OLDEST = re.compile(r"^portal_jobs_oldest_seconds\{.*\} (\S+)$", re.M)
TOKEN = "only-for-this-measurement"  # noqa: S105 - of /metrics of a portal that lives for minutes


QUEUE_SECONDS = 1.0
MEMORY_LOOKS = 15  # one in so many: the kernel goes through all pages of a process for it, which waits meanwhile


class Watch:
    """Looks once a second until it is closed. `cpu`, `rss` and `pss` are by process: the sum, the most ever, and the most at any look (MB)."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.ages = stack, list[float]()
        self.rss, self.pss = dict[str, float](), dict[str, float]()
        self.began = self._cpu()
        self.cpu: dict[str, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look_again)
        self._thread.start()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        now = self._cpu()
        self.cpu = {name: now[name] - self.began.get(name, 0.0) for name in now}
        self._end.set()
        self._thread.join()
        self._memory()

    def _look_again(self) -> None:
        for look in itertools.count():
            if self._end.wait(QUEUE_SECONDS):
                return
            with contextlib.suppress(OSError):
                self._queue()
            if look % MEMORY_LOOKS == 0:
                self._memory()

    def _memory(self) -> None:
        for name, pid in self._processes():
            with contextlib.suppress(OSError):
                rss, pss = memory(pid)
                self.rss[name] = max(self.rss.get(name, 0.0), rss)
                self.pss[name] = max(self.pss.get(name, 0.0), pss)

    def _queue(self) -> None:
        """The age of the oldest job, as the Operations page reads it."""
        status, body = metrics(self.stack)
        if status == 200:
            self.ages.append(max(map(float, OLDEST.findall(body)), default=0.0))

    def _cpu(self) -> dict[str, float]:
        spent: dict[str, float] = {}
        for name, pid in self._processes():
            with contextlib.suppress(OSError):
                kind = name.partition(" ")[0]
                spent[kind] = spent.get(kind, 0.0) + cpu_seconds(pid)
        return spent

    def _processes(self) -> Iterator[tuple[str, int]]:
        yield CLIENTS, os.getpid()
        for name in NAMES:
            if (pid := self.stack.pid(name)) is not None:
                yield name, pid
                if name != "supervisor":
                    yield from ((f"{name} child", child) for child in children(pid))
        if self.stack.postgres is not None and self.stack.postgres.server is not None:
            yield "postgres", self.stack.postgres.server.pid
            yield from (("postgres backend", child) for child in children(self.stack.postgres.server.pid))


def metrics(stack: Stack) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)) as web:
        web.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        response = web.getresponse()
        return response.status, response.read().decode()


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """Of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def memory(pid: int) -> tuple[float, float]:
    """(most resident ever, proportional now) in MB: what several processes share counts in each of them, and in parts."""
    found = []
    for name, file in (("VmHWM", "status"), ("Pss", "smaps_rollup")):
        try:
            found.append(int(re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.M)[1]) / 1000)
        except PermissionError:  # of the portal's processes only root sees the second
            found.append(0.0)
    return found[0], found[1]
