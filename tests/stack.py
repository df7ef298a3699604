"""The real thing for tests: `manage.py serve` with everything it starts, in a data folder and on a port of its own.

    with Stack(folder) as stack:
        urllib.request.urlopen(stack.url + "/healthz")
        stack.kill("bulk")                       # SIGKILL to the worker's parent
        stack.run_manage("migrate", "--check")

Names of processes are those of their logs: redis, interactive, bulk, dispatcher, web; "supervisor" is `serve` itself.
"""

import contextlib
import fcntl
import functools
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import redis

if TYPE_CHECKING:
    from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 90.0  # a busy machine with two cores starts six Python processes
STOP_SECONDS = 15.0  # ten are promised; the rest is what a busy machine adds

T = TypeVar("T")


def wait_for(condition: Callable[[], T], *, within: float, what: str) -> T:
    """The first true result of `condition`, asked again and again; AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:.0f} s: {what}")
        pause.wait(0.05)
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def state_of(pid: int) -> str:
    """The letter of /proc for what a process does; X if there is none any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Stack:
    def __init__(
        self,
        folder: Path,
        *,
        demo: bool = False,
        serve: tuple[str, ...] = (),
        postgres: "Postgres | None" = None,
        **environment: str,
    ) -> None:
        """`folder` becomes the data folder; `serve` are further arguments; keywords are environment variables.

        With `demo` the portal has the people of `manage.py setup_demo`; with `postgres` its database is a new one there.
        """
        self.postgres = postgres
        self.data = folder
        self.arguments = serve
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = folder.with_name(folder.name + ".out")
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "tests.settings"),
            "PORTAL_DATA": str(folder),
            "PORT": str(self.port),
            "WEB_PROCESSES": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            **environment,
        }
        self.environment.pop("PORTAL_PROCESS", None)
        self.environment.setdefault("DATABASE_URL", "")
        if not folder.exists():
            shutil.copytree(template(demo=demo, postgres=postgres), folder)
            if postgres is not None:
                self.environment["DATABASE_URL"] = postgres.create(self.database, like=TEMPLATE[demo])
        elif postgres is not None:
            self.environment["DATABASE_URL"] = postgres.url(self.database)

    @property
    def database(self) -> str:
        """Its name on PostgreSQL."""
        return "portal_" + hashlib.sha256(str(self.data).encode()).hexdigest()[:16]

    # --- from start to end ------------------------------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> "Stack":
        with self.output.open("ab") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, ROOT / "manage.py", "serve", *self.arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, within: float = READY_SECONDS) -> None:
        """Until /healthz answers 200; shows what the processes said if it does not."""
        assert self.supervisor is not None

        def ready() -> bool:
            assert self.supervisor is not None
            if self.supervisor.poll() is not None:
                raise AssertionError(f"serve ended with {self.supervisor.returncode}\n{self.said()}")
            return self.health()[0] == 200

        try:
            wait_for(ready, within=within, what="healthy")
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.said()}") from None

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it as Ctrl+C does; fails if anything is left after the time `serve` promises."""
        if self.supervisor is None or self.supervisor.poll() is not None:
            return
        self.supervisor.send_signal(number)
        try:
            self.supervisor.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()
            raise AssertionError(f"serve did not stop\n{self.said()}") from None

    def __enter__(self) -> "Stack":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # --- looking at it ----------------------------------------------------------------------------------------------

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and report of /healthz; (0, {}) if the web process does not answer."""
        try:
            status, body = self.request("GET", "/healthz")
            return status, json.loads(body)
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}

    def request(self, method: str, path: str, body: str = "", timeout: float = 10.0) -> tuple[int, bytes]:
        """One request on a connection of its own; raises OSError or HTTPException if the process dies meanwhile."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as web:
            web.request(method, path, body=body or None, headers=headers)
            response = web.getresponse()
            return response.status, response.read()

    def call(self, name: str = "echo") -> tuple[int, dict[str, Any]]:
        """Let a worker answer a call of tests/counting: the status and what it said."""
        status, body = self.request("GET", f"/testing/call/{name}")
        return status, json.loads(body)

    def idle(self) -> bool:
        """Whether every job is finished."""
        return not self.query("SELECT 1 FROM outbox_job WHERE state IN ('waiting', 'running')")

    def waiting(self, queue: str) -> int:
        """How many tasks lie in a queue that no worker has fetched; -1 without Redis."""
        try:
            with contextlib.closing(redis.Redis(unix_socket_path=str(self.data / "run" / "redis.sock"))) as client:
                return int(client.llen(queue))
        except redis.RedisError:
            return -1

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read the database from outside. `?` stands for a parameter."""
        if self.postgres is not None:
            return self.postgres.query(self.database, sql.replace("?", "%s"), *parameters)
        with contextlib.closing(sqlite3.connect(f"file:{self.data / 'portal.sqlite3'}?mode=ro", uri=True)) as database:
            return database.execute(sql, parameters).fetchall()

    def log(self, name: str) -> str:
        return (self.data / "log" / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def said(self) -> str:
        """What `serve` printed, and the end of every log."""
        logs = sorted((self.data / "log").glob("*.log"))
        tails = [f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]) for log in logs]
        return "\n".join([self.output.read_text(errors="replace"), *tails])

    # --- its processes ----------------------------------------------------------------------------------------------

    def pid(self, name: str) -> int | None:
        """The process of that name, None while there is none."""
        if name == "supervisor":
            return self.supervisor.pid if self.supervisor else None
        try:
            pid = int((self.data / "run" / f"{name}.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid

    def children(self, name: str) -> list[int]:
        """The processes that the one of that name has forked (a worker's pool, gunicorn's workers)."""
        pid = self.pid(name)
        try:
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def kill(self, name: str, number: int = signal.SIGKILL) -> int | None:
        """Signal the process of that name; its pid, or None if there was none at this moment."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid

    def freeze(self, *names: str, leaders: bool = True) -> None:
        """Stop the processes of these names and what they have forked (or that alone) where they are, but never in their turn to write to SQLite.

        All others would wait for whoever stands still there, and no test that freezes is about that.
        """

        def frozen() -> bool:
            pids = self._processes(names, leaders)
            send(signal.SIGSTOP, pids)
            wait_for(lambda: all(state_of(pid) in "TtZX" for pid in pids), within=10, what="they stand still")
            if pids and (self.postgres is not None or self._nobody_writes()):
                return True
            send(signal.SIGCONT, pids)
            return False

        wait_for(frozen, within=60, what=f"{names} frozen outside of transactions")

    def thaw(self, *names: str) -> None:
        """Let go on what was frozen."""
        send(signal.SIGCONT, self._processes(names))

    def _processes(self, names: tuple[str, ...], leaders: bool = True) -> list[int]:
        return [pid for name in names for pid in [*([self.pid(name)] if leaders else []), *self.children(name)] if pid is not None]

    def _nobody_writes(self) -> bool:
        """Whether it is nobody's turn (portal/sqlite): the queue's lock can be had."""
        folder = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(folder)
        return True

    def run_manage(self, *arguments: str, check: bool = True) -> str:
        """`manage.py <arguments>` on the same data; its standard output."""
        done = subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode:
            raise AssertionError(f"manage.py {arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout


TEMPLATE = {True: "template_demo", False: "template_empty"}  # databases on PostgreSQL


@functools.cache
def template(*, demo: bool, postgres: "Postgres | None" = None) -> Path:
    """A data folder as `manage.py setup` leaves it (or with the demo's people), made once per test run and copied."""
    base = Path(tempfile.mkdtemp(prefix="portal-template-"))
    _remove_at_exit(base)
    folder = base / "data"
    folder.mkdir(mode=0o700)
    environment = {"DATABASE_URL": postgres.create(TEMPLATE[demo])} if postgres is not None else {}
    empty = Stack(folder, **environment)
    empty.run_manage("setup_demo" if demo else "setup")
    return folder


def _remove_at_exit(folder: Path) -> None:
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
