"""One process that starts the others, starts again what exits, and stops them all: what `manage.py serve` is.

It does no work of its own and holds no secret. Everything it starts is killed by the kernel if it is killed itself. The web's socket is opened here, so
that connections wait, and are not refused, while one web process follows another. SIGUSR1 restarts everything without a gap (rolling.py).
"""

import contextlib
import fcntl
import functools
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, connections

from portal import data_folder, embedded_redis, process
from portal.outbox import durability, workers
from portal.rolling import FIRST_WAIT, Child, Program, Rolling, kill_group, worker_name

ROLES = ("redis", "worker", "dispatcher", "web", "smtpd")
MANAGE = Path(settings.BASE_DIR) / "manage.py"

LONGEST_WAIT, STEADY_AFTER = 2.0, 5.0  # seconds between an exit and the next start
STOP_SECONDS = 7.0  # to end in good order; then they are killed
LOOK_SECONDS = 0.1


def say(text: str) -> None:
    """Progress for whoever started us; nobody may be listening any more, and there may be no room to keep it."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def worker_program(name: str, queues: tuple[str, ...], children: int) -> Program:
    argv = ["-m", "celery", "--quiet", "-A", "portal", "worker", "--loglevel=INFO", "--without-gossip"]
    argv += ["--without-mingle", "--without-heartbeat", f"--hostname={worker_name(name, '{generation}')}"]
    argv += [f"--queues={','.join(queues)}", f"--concurrency={children}"]
    return Program(name, "worker", (sys.executable, *argv))


def programs(roles: tuple[str, ...], redis_binary: Path | None) -> list[Program]:
    """What the roles consist of, Redis first."""
    found = []
    if redis_binary is not None:
        argv = embedded_redis.command(redis_binary, settings.REDIS_SOCKET, settings.UMASK)
        found.append(Program("redis", "redis", tuple(argv)))
    if "worker" in roles:
        found.append(
            worker_program("interactive", (workers.INTERACTIVE, workers.URGENT), settings.INTERACTIVE_CHILDREN)
        )
        found.append(worker_program("bulk", (workers.BULK,), settings.BULK_CHILDREN))
    if "dispatcher" in roles:
        found.append(Program("dispatcher", "dispatcher", (sys.executable, str(MANAGE), "dispatch")))
    if "web" in roles:
        argv = (sys.executable, "-m", "gunicorn", "-c", "python:portal.webserver")
        found.append(Program("web", "web", argv))
    if "smtpd" in roles and settings.SMTP_PORT:
        found.append(Program("smtpd", "smtpd", (sys.executable, str(MANAGE), "smtpd")))
    return found


class Supervisor:
    def __init__(self, *, roles: tuple[str, ...], demo: bool = False) -> None:
        self.roles = roles
        self.demo = demo
        self.run_dir = settings.DATA_DIR / "run"
        self.log_dir = settings.DATA_DIR / "log"
        self.children: list[Child] = []
        self.listener: socket.socket | None = None
        self.rolling: Rolling | None = None
        self.stopping = False
        self.reason = "starting"

    def serve(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP; returns when all children are gone."""
        process.no_core_dumps()
        try:
            data_folder.prepare()
        except OSError as reason:
            raise CommandError(f"{reason.filename}: {reason.strerror}. PORTAL_DATA must be this user's to write to.") from None
        with contextlib.ExitStack() as stack:
            wakeup = stack.enter_context(self._signals())
            say(f"data         {settings.DATA_DIR}")
            redis_binary = self._redis(stack)
            self._listen(stack)
            if set(self.roles) != {"redis"}:
                self._database()
            self.children = [Child(program) for program in programs(self.roles, redis_binary)]
            say("starting     " + ", ".join(child.program.name for child in self.children))
            if {"web", "worker"} <= set(self.roles):
                say("single user: web and worker are not separated")
            try:
                self._keep_running(wakeup)
            finally:
                self._stop()

    # --- before the start -------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[int]:
        """A descriptor that becomes readable with every signal: no signal comes between looking and waiting."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)
        signal.signal(signal.SIGUSR1, self._on_restart_signal)
        yield reader

    def _on_stop_signal(self, *_: object) -> None:
        self.stopping = True

    def _on_restart_signal(self, *_: object) -> None:
        if self.rolling is None:
            self.rolling = Rolling(self.children, start=self._start, note=self._note_pid, say=say)

    def _redis(self, stack: contextlib.ExitStack) -> Path | None:
        """The server to run, unless REDIS_URL names one. Two on one socket would take it from each other: a lock."""
        if "redis" not in self.roles or not settings.REDIS_EMBEDDED:
            return None
        try:
            embedded_redis.prepare(settings.REDIS_SOCKET, settings.UMASK)
            binary, version = embedded_redis.server()
        except embedded_redis.NoRedis as reason:
            raise CommandError(str(reason)) from None
        lock = stack.enter_context((settings.REDIS_SOCKET.parent / "redis.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"the portal is already running on {settings.DATA_DIR}") from None
        say(f"redis        {binary} {version}")
        return binary

    def _listen(self, stack: contextlib.ExitStack) -> None:
        if "web" not in self.roles:
            return
        family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
        self.listener = stack.enter_context(socket.socket(family))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.listener.bind((settings.HOST, settings.PORT))
            self.listener.listen()
        except OSError as reason:
            raise CommandError(f"can't listen on {settings.HOST} port {settings.PORT}: {reason.strerror}") from None

    def _database(self) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        durability.check()
        say(f"database     {connection.vendor}, up to date")
        if not self.demo and not apps.get_model("keys", "Identity").objects.exists():
            raise CommandError("This portal is not set up yet. Run manage.py setup once (docs/operator.md), then start it again.")
        empty = self.demo and not get_user_model().objects.exists()
        connections.close_all()
        if empty:
            self._manage("setup_demo")

    def _manage(self, command: str) -> None:
        """In a process of its own, because it handles keys and passwords, and this one stays."""
        if subprocess.run([sys.executable, MANAGE, command], check=False).returncode:
            raise CommandError(f"{command} failed")

    # --- running ----------------------------------------------------------------------------------------------------

    def _keep_running(self, wakeup: int) -> None:
        while not self.stopping:
            for child in self.children:
                self._tend(child)
            if self.rolling is not None and not self.rolling.step():
                self.rolling = None
            if self.reason and "web" in self.roles:
                self._ask_health()
            select.select([wakeup], [], [], self._until_next())
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup, 4096)

    def _until_next(self) -> float | None:
        """Seconds until something has to be done without a signal; None if only a signal can bring work."""
        if self.rolling is not None or (self.reason and "web" in self.roles):
            return LOOK_SECONDS
        due = [child.start_at for child in self.children if child.popen is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _tend(self, child: Child) -> None:
        now = time.monotonic()
        if child.popen is not None and child.popen.poll() is not None:
            self._note_exit(child, child.popen, now)
        if child.popen is None and now >= child.start_at:
            self._start(child)

    def _note_exit(self, child: Child, ended: subprocess.Popen[bytes], now: float) -> None:
        kill_group(ended.pid)
        code = ended.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        if now - child.started_at >= STEADY_AFTER:
            child.wait = FIRST_WAIT
        say(f"{child.program.name} ended ({how}); starts again in {child.wait:.1f} s; see {self._log(child)}")
        child.popen = None
        child.start_at = now + child.wait
        child.wait = min(child.wait * 2, LONGEST_WAIT)

    def _start(self, child: Child) -> None:
        try:
            self._run(child)
        except OSError as reason:  # no room for a log, no memory for a process: perhaps later
            say(f"{child.program.name} can't be started: {reason.strerror}; tried again in {LONGEST_WAIT:.1f} s")
            child.start_at = time.monotonic() + LONGEST_WAIT

    def _run(self, child: Child) -> None:
        log = data_folder.open_log(self._log(child))
        environment = {**os.environ, "PORTAL_PROCESS": child.program.role}
        sockets = [self.listener.fileno()] if self.listener is not None and child.program.role == "web" else []
        if sockets:
            environment["PORTAL_SOCKET"] = str(sockets[0])
        with log:
            child.popen = subprocess.Popen(
                child.argv,
                cwd=settings.BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=sockets,
                start_new_session=True,  # Ctrl+C is ours to pass on, and a group can be killed as one
                preexec_fn=functools.partial(process.die_with, os.getpid()),  # noqa: PLW1509 - we have one thread
            )
        child.started_at = time.monotonic()
        self._note_pid(child.program.name, child.popen.pid)

    def _note_pid(self, name: str, pid: int) -> None:
        pid_file = self.run_dir / f"{name}.pid"
        with contextlib.suppress(OSError):  # for people: a full disk must not end what runs
            pid_file.unlink(missing_ok=True)
            with open(pid_file, "x", encoding="ascii") as file:
                file.write(f"{pid}\n")

    def _log(self, child: Child) -> Path:
        return self.log_dir / f"{child.program.name}.log"

    def _ask_health(self) -> None:
        """Until all is well for the first time: then the address is worth printing."""
        reason = healthz()
        if reason == "":
            shown = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
            say(f"ready        http://{shown}:{settings.PORT}/")
            if self.demo:
                self._manage("demo_accounts")
        self.reason = reason

    # --- the end ----------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """Redis last: without it the others could not finish what they do."""
        say("stopping")
        redis = [child for child in self.children if child.program.role == "redis"]
        others = [child for child in self.children if child.program.role != "redis"]
        for group, seconds in ((others, STOP_SECONDS), (redis, 1.0)):
            _end(group, seconds)
        for child in self.children:
            (self.run_dir / f"{child.program.name}.pid").unlink(missing_ok=True)
        say("stopped")


def _end(children: list[Child], seconds: float) -> None:
    running = [each for child in children for each in (child.popen, child.predecessor) if each is not None]
    for popen in running:
        popen.terminate()
    deadline = time.monotonic() + seconds
    for popen in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            popen.wait(timeout=max(0.0, deadline - time.monotonic()))
        kill_group(popen.pid)
        popen.wait()


def healthz() -> str:
    """What /healthz says is missing; empty if all is well."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - reading, not binding
    web = http.client.HTTPConnection(host, settings.PORT, timeout=2)
    try:
        web.request("GET", "/healthz", headers={"Host": settings.ALLOWED_HOSTS[0], "X-Forwarded-Proto": "https"})
        response = web.getresponse()
        response.read()
        return "" if response.status == 200 else f"status {response.status}"
    except (OSError, http.client.HTTPException):
        return "no answer"
    finally:
        web.close()
