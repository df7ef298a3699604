"""Reads along while the portal works: every file it keeps or opens, deleted ones too, and all that goes through Redis."""

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import redis

from tests.faults.canary import Canaries
from tests.stack import Stack, wait_for

PROGRAMS = ("supervisor", "redis", "interactive", "bulk", "dispatcher", "web", "smtpd")


class Traffic:
    """Every command that reaches Redis, as MONITOR tells it: tasks, arguments, answers, announcements."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.sendall(b"MONITOR\r\n")
        self._heard = bytearray(self._socket.recv(64))
        assert self._heard.startswith(b"+OK"), bytes(self._heard)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while piece := self._socket.recv(1 << 20):
                self._heard += piece

    def heard(self) -> bytes:
        return bytes(self._heard)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._listener.join(10)
        self._socket.close()


class Watch:
    """Looks for canaries in `folders`, in what the portal's processes have open, and in Redis; `hits` says where and when."""

    def __init__(self, stack: Stack, canaries: Canaries, folders: Iterable[Path]) -> None:
        self.stack, self.canaries, self.folders = stack, canaries, list(folders)
        self.redis = redis.Redis(unix_socket_path=str(stack.data / "run" / "redis.sock"))
        self.traffic = Traffic(stack.data / "run" / "redis.sock")
        self.moment = "start"
        self.hits: dict[str, str] = {}  # where and what -> when first
        self.looks = self.octets = 0
        self.files: set[tuple[int, int]] = set()
        self.deleted: set[str] = set()
        self.blind = False  # somebody else's processes: only root sees what those have open that let nobody look in
        self.others: list[int] = []  # further processes to look at
        self._known: dict[tuple[int, int, bool], tuple[int, int]] = {}

    def look(self) -> None:
        """A quick look at everything that has changed since the last one."""
        self._look(deep=False)

    def look_closely(self, moment: str) -> None:
        """Also inside encodings, and at each key in Redis; names what follows `moment`."""
        self._look(deep=True)
        for name, value in self.redis_keys():
            self._search(value, f"Redis key {name!r}", deep=True)
        self.moment = moment

    def end(self) -> None:
        """After the portal has stopped: everything that is left, and all that went through Redis."""
        self.traffic.close()
        self._look(deep=True)
        self._search(self.traffic.heard(), "what went through Redis", deep=True)

    def redis_keys(self) -> Iterator[tuple[str, bytes]]:
        """Everything in Redis."""
        read = {
            "string": self.redis.get,
            "list": lambda key: b"\n".join(self.redis.lrange(key, 0, -1)),
            "set": lambda key: b"\n".join(self.redis.smembers(key)),
            "zset": lambda key: b"\n".join(self.redis.zrange(key, 0, -1)),
            "hash": lambda key: b"\n".join(part for pair in self.redis.hgetall(key).items() for part in pair),
        }
        for key in self.redis.scan_iter():
            kind = self.redis.type(key).decode()
            if kind != "none":
                yield key.decode(errors="replace"), key + b"\n" + (read[kind](key) or b"")

    def _look(self, *, deep: bool) -> None:
        self.looks += 1
        for path in self._places():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                self._read(path, deep=deep)

    def _places(self) -> Iterator[Path]:
        for folder in self.folders:
            yield from (Path(where) / name for where, _, names in os.walk(folder) for name in names)
        for pid in self._processes():
            try:
                yield from list(Path(f"/proc/{pid}/fd").iterdir())
            except PermissionError:
                self.blind = True
            except FileNotFoundError:
                continue

    def _processes(self) -> Iterator[int]:
        for name in PROGRAMS:
            pid = self.stack.pid(name)
            yield from [pid, *self.stack.children(name)] if pid else []
        yield from self.others

    def _read(self, path: Path, *, deep: bool) -> None:
        found = path.stat()  # follows a descriptor to its file, deleted or not
        if not stat.S_ISREG(found.st_mode):
            return
        state, key = (found.st_size, found.st_mtime_ns), (found.st_dev, found.st_ino)
        if self._known.get((*key, deep)) == state:
            return
        self._known[*key, deep] = state
        self.files.add(key)
        name = os.readlink(path) if path.is_symlink() else str(path)
        if name.endswith(" (deleted)"):
            self.deleted.add(name)
        self._search(path.read_bytes(), name, deep=deep)

    def _search(self, data: bytes, where: str, *, deep: bool) -> None:
        self.octets += len(data)
        if what := self.canaries.found(data) if deep else self.canaries.seen(data):
            self.hits.setdefault(f"{what} in {where}", self.moment)


def waiting_for_mail(watch: Watch, ask, *, what: str, within: float = 60.0):
    """`wait_for`, looking around meanwhile."""

    def look_and_ask():
        watch.look()
        return ask()

    return wait_for(look_and_ask, within=within, what=what)
