"""A restart that nobody notices: each process gets a successor first, and ends in good order when that has taken over.

Redis is left out: what it holds would be gone, and nothing of the portal's program is in it. A successor that does not come up is given up,
and everything goes on as it was.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from portal.outbox import workers

FIRST_WAIT = 0.1  # seconds between an exit and the next start
READY_SECONDS = 60.0  # for a successor to take over
LEAVE_SECONDS = 60.0  # to finish requests and jobs that were begun; then they are killed, and the jobs are done by others
OVERLAPPING = ("worker", "dispatcher", "web")


@dataclass(frozen=True)
class Program:
    """One process to keep running: `name` is that of its log, `role` becomes PORTAL_PROCESS.

    `{generation}` in an argument grows with each restart, for two that run at the same time.
    """

    name: str
    role: str
    argv: tuple[str, ...]


@dataclass
class Child:
    program: Program
    popen: subprocess.Popen[bytes] | None = None
    predecessor: subprocess.Popen[bytes] | None = None
    generation: int = 1
    started_at: float = 0.0
    start_at: float = 0.0
    wait: float = field(default=FIRST_WAIT)

    @property
    def argv(self) -> list[str]:
        return [each.replace("{generation}", str(self.generation)) for each in self.program.argv]


def worker_name(name: str, generation: object) -> str:
    """Under which a worker announces itself."""
    return f"{name}{generation}@{socket.gethostname()}"


def kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


class Rolling:
    """Goes through the children, one after the other. `start` starts one, `note` writes down its process number, `say` tells how it goes."""

    def __init__(
        self,
        children: list[Child],
        *,
        start: Callable[[Child], None],
        note: Callable[[str, int], None],
        say: Callable[[str], None],
    ) -> None:
        self._left = [child for child in children if child.program.role != "redis"]
        self._start, self._note, self._say = start, note, say
        self._pair: tuple[Child, subprocess.Popen[bytes]] | None = None  # one under way, and its predecessor
        self._leaving_since = 0.0

    def step(self) -> bool:
        """One look, again and again; False when all is done."""
        if self._pair is None:
            if not self._left:
                self._say("restarted")
                return False
            self._begin(self._left.pop(0))
        elif self._leaving_since:
            self._end(*self._pair)
        else:
            self._look(*self._pair)
        return True

    def _begin(self, child: Child) -> None:
        if child.popen is None:  # it has ended, and starts anew by itself
            return
        if child.program.role not in OVERLAPPING:  # it holds a port: it ends, and is started again
            child.popen.terminate()
            return
        self._pair = child, child.popen
        child.predecessor, child.popen = child.popen, None
        child.generation += 1
        self._start(child)

    def _look(self, child: Child, old: subprocess.Popen[bytes]) -> None:
        late = time.monotonic() - child.started_at > READY_SECONDS
        if child.popen is None or late:
            self._give_up(child, old)
        elif is_ready(child, child.popen.pid):
            old.terminate()
            self._leaving_since = time.monotonic()

    def _give_up(self, child: Child, old: subprocess.Popen[bytes]) -> None:
        if child.popen is not None:
            kill_group(child.popen.pid)
            child.popen.wait()
        child.popen, child.predecessor = old, None
        self._left, self._pair = [], None
        self._note(child.program.name, old.pid)
        self._say(f"{child.program.name} does not start any more: the old one goes on")

    def _end(self, child: Child, old: subprocess.Popen[bytes]) -> None:
        if old.poll() is None and time.monotonic() - self._leaving_since < LEAVE_SECONDS:
            return
        kill_group(old.pid)
        old.wait()
        child.predecessor, self._pair, self._leaving_since = None, None, 0.0
        self._say(f"{child.program.name} restarted")


def is_ready(child: Child, pid: int) -> bool:
    """Whether a process has taken up its work: it has announced itself."""
    worker = child.program.role == "worker"
    name = worker_name(child.program.name, child.generation) if worker else f"{socket.gethostname()}:{pid}"
    try:
        return workers.is_announced(child.program.role, name)
    except redis.RedisError:
        return False
