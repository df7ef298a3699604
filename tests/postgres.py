"""A PostgreSQL of our own for tests: a cluster in a temporary folder, reached by a socket only.

    with Postgres() as server:
        server.create("portal")
        server.url("portal")          # for DATABASE_URL
        server.kill()                 # SIGKILL to the postmaster; server.start() again

``python -m tests.postgres pytest tests/portal`` runs a command with DATABASE_URL set.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tests.stack import wait_for

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) if Path("/usr/lib/postgresql").is_dir() else []
OWNER = "postgres"


def available() -> str:
    """Why there is no PostgreSQL here, or empty."""
    if not INSTALLED:
        return "Debian's postgresql is not installed"
    if os.geteuid() == 0 and not any(each.pw_name == OWNER for each in pwd.getpwall()):
        return f"PostgreSQL does not run as root, and there is no user {OWNER}"
    return ""


class Postgres:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path may have 107 octets
        self.bin = INSTALLED[-1].parent
        self.server: subprocess.Popen[bytes] | None = None
        # It refuses to run as root
        self._as = {"user": OWNER, "group": OWNER, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.folder, OWNER, OWNER)

    def __enter__(self) -> "Postgres":
        self._run("initdb", "--pgdata", self.folder / "data", "--username=portal", "--auth=trust", "--no-instructions", "--encoding=UTF8")
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> "Postgres":
        """Start, or start again after a kill: it recovers by itself."""
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "max_connections=60"]
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", *options], stdout=log, stderr=log, cwd="/", **self._as
            )
        wait_for(self._answers, within=60, what="PostgreSQL answers")
        return self

    def kill(self) -> None:
        """SIGKILL to the postmaster: its backends end when they notice, and until then nobody can start it again."""
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def stop(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.server.wait(timeout=20)
            self.server.kill()
            self.server.wait()

    def create(self, name: str, *, like: str = "") -> str:
        """A new database, a copy of another if one is named; its URL."""
        self._run("createdb", *self._where(), *(["--template", like] if like else []), name)
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgres://portal@{quote(str(self.folder), safe='')}/{name}"

    def query(self, name: str, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(host=str(self.folder), user="portal", dbname=name) as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def _answers(self) -> bool:
        command = [self.bin / "pg_isready", *self._where(), "--quiet"]
        if self.server is not None and self.server.poll() is not None:  # what a killed postmaster left is still there
            self.server = subprocess.Popen(self.server.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._as)
        return subprocess.run(command, check=False).returncode == 0

    def _where(self) -> list[str]:
        return ["--host", str(self.folder), "--username", "portal"]

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.bin / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **self._as)
        assert done.returncode == 0, done.stderr


def main(command: list[str]) -> int:
    if reason := available():
        print(f"{reason}: not run on PostgreSQL: {' '.join(command)}")
        return 0
    with Postgres() as server:
        url = server.create("portal")
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
