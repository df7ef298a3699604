"""S1: the web process cannot read the master key. By code under one user, by the operating system under two."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http import Browser
from tests.stack import ROOT, Stack, template, wait_for

pytestmark = pytest.mark.faults

WEB, WORKER, GROUP = 64_501, 64_502, 64_500  # no such users need to exist: the kernel knows numbers
READS_EVERYTHING = """
import pathlib, sqlite3, ssl, sys, portal.settings
for path in pathlib.Path(sys.argv[1]).rglob("*.*"):
    if path.parts[-2] != "__pycache__":
        path.open("rb").close()
"""
NOT_NEEDED = ("site-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "__pycache__", "config-*")


def run_as(user: int, argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, user=user, group=GROUP, extra_groups=[], cwd="/", env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def interpreters(folder: Path) -> dict[str, str]:
    """Where an interpreter finds the project, its packages, and (if it is a copy) its own library."""
    packages = [each for each in sys.path if each.endswith("site-packages")]
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), "LD_LIBRARY_PATH": str(folder / "lib")}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A place that other users reach (pytest's own is closed to them)."""
    folder = Path(tempfile.mkdtemp(prefix="portal-two-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def python(folder) -> str:
    """An interpreter that other users may run: that of the tests, or a copy of it if it lies in somebody's home."""
    if os.geteuid() != 0:
        pytest.skip("only root can start processes of two other users")
    environment = interpreters(folder) | {"PORTAL_DATA": str(folder / "none"), "SECRET_KEY": "x"}
    trouble = ""
    for find in (lambda: sys.executable, lambda: _copy_of_the_interpreter(folder)):
        try:
            interpreter = find()
            tried = run_as(WEB, [interpreter, "-c", READS_EVERYTHING, str(ROOT / "portal")], environment)
        except OSError as error:
            trouble = str(error)
            continue
        if tried.returncode == 0:
            return interpreter
        trouble = tried.stderr.strip().rsplit("\n", 1)[-1]
    pytest.skip(f"other users can't run this project: {trouble}")


def _copy_of_the_interpreter(folder: Path) -> str:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(Path(sys.base_prefix) / "lib" / name, folder / "lib" / name, ignore=shutil.ignore_patterns(*NOT_NEEDED))
    for library in (Path(sys.base_prefix) / "lib").glob("libpython*.so*"):
        shutil.copy(library, folder / "lib")
    (folder / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), folder / "bin" / name)
    return str(folder / "bin" / name)


class TwoUsers(Stack):
    """web, dispatcher and Redis under one user, the workers under another; what both need belongs to their group."""

    def __init__(self, folder: Path, python: str) -> None:
        super().__init__(folder, SHARED_GROUP="1", HOME=str(folder))
        self.python = python
        self.master_key = folder.parent / "workers" / "master.key"
        self.environment |= interpreters(folder.parent)
        self._hand_over()

    def _hand_over(self) -> None:
        """What an operator does once: the data folder to the group, the master key to the workers alone."""
        for name in ("run", "log"):
            (self.data / name).mkdir(exist_ok=True)
        for path in [self.data, *self.data.rglob("*")]:
            os.chown(path, WEB, GROUP)
            path.chmod(0o2770 if path.is_dir() else 0o660)
        self.master_key.parent.mkdir(mode=0o700)
        shutil.move(self.data / "secrets" / "master.key", self.master_key)
        self.master_key.chmod(0o400)
        for path in (self.master_key.parent, self.master_key):
            os.chown(path, WORKER, GROUP)
        (self.data / "secrets").chmod(0o700)
        for path in (self.data / "secrets").iterdir():
            path.chmod(0o600)

    def environment_of(self, user: int) -> dict[str, str]:
        """The same for both: the master key's place is no secret."""
        return self.environment | {"MASTER_KEY_FILE": str(self.master_key)}

    def serve(self, user: int, *roles: str) -> subprocess.Popen[bytes]:
        only = [part for role in roles for part in ("--only", role)]
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [self.python, ROOT / "manage.py", "serve", *only],
                user=user,
                group=GROUP,
                extra_groups=[],
                cwd="/",
                env=self.environment_of(user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _end(stack: TwoUsers, served: subprocess.Popen[bytes]) -> None:
    stack.supervisor = served
    stack.stop()


@pytest.fixture(scope="module")
def stack(folder, python) -> Iterator[TwoUsers]:
    with ExitStack() as cleanup:
        shutil.copytree(template(demo=True), folder / "data")
        stack = TwoUsers(folder / "data", python)
        for user, roles in ((WEB, ("redis", "dispatcher", "web")), (WORKER, ("worker",))):
            served = stack.serve(user, *roles)
            cleanup.callback(_end, stack, served)
            stack.supervisor = stack.supervisor or served
        stack.wait_ready()
        yield stack


def test_what_the_workers_user_sets_up_the_webs_user_can_use(folder, python):
    """As the operator's guide says: the data folder belongs to both, and so does what `setup` makes in it, but not the master key."""
    data, keys = folder / "set-up", folder / "set-up-keys"
    for path, mode in ((data, 0o2770), (keys, 0o700)):
        path.mkdir()
        os.chown(path, WORKER, GROUP)
        path.chmod(mode)
    own = {"PORTAL_DATA": str(data), "SHARED_GROUP": "1", "MASTER_KEY_FILE": str(keys / "master.key"), "HOME": "/", "PATH": os.environ["PATH"]}
    environment = interpreters(folder) | own
    made = run_as(WORKER, [python, str(ROOT / "manage.py"), "setup"], environment)
    assert made.returncode == 0, made.stderr
    writes = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript('BEGIN IMMEDIATE; COMMIT')"
    written = run_as(WEB, [python, "-c", writes, str(data / "portal.sqlite3")], environment)
    assert written.returncode == 0, written.stderr
    assert {each.stat().st_mode & 0o777 for each in (data / "run", data / "log", data / "objects")} == {0o770}
    assert (keys / "master.key").stat().st_mode & 0o777 == 0o400
    assert not [each for each in data.rglob("*") if each.stat().st_mode & 0o007]


def user_of(pid: int | None) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[2])


def test_each_process_runs_under_its_user(stack):
    for name, user in {"web": WEB, "dispatcher": WEB, "redis": WEB, "interactive": WORKER, "bulk": WORKER}.items():
        assert {user_of(pid) for pid in [stack.pid(name), *stack.children(name)]} == {user}, name
    assert "not separated" not in stack.output.read_text()


def test_a_message_with_an_attachment_goes_from_one_to_the_other_and_back(stack):
    passwords = {each["user"]: each["password"] for each in json.loads((stack.data / "demo-accounts.json").read_text())}
    alice, bob = Browser(stack.url), Browser(stack.url)
    alice.sign_in("alice", passwords["alice"])
    bob.sign_in("bob", passwords["bob"])
    page = alice.upload(alice.compose(to="bob", subject="Fuel", text="Ten tons.", classification="CONFIDENTIAL"), ("plan.txt", b"x" * 300_000))
    alice.send_form(page.form("/send"))
    line = wait_for(lambda: next((each for each in bob.lines() if each.subject == "Fuel"), None), within=60, what="arrived")
    opened = bob.open(line.id)
    assert "Ten tons." in opened.text
    assert bob.download(str(opened.select("//section[@class='enclosures']//a/@href")[0])) == b"x" * 300_000
    answer = bob.compose(f"/mail/new/?reply={line.id}&how=reply")
    bob.send_form(answer)
    wait_for(lambda: [each for each in alice.lines() if each.subject == "Re: Fuel"], within=60, what="answered")


def test_the_web_user_gets_permission_denied_on_the_master_key(stack):
    read = [stack.python, "-c", "import sys; open(sys.argv[1]).read()", str(stack.master_key)]
    assert run_as(WORKER, read, stack.environment_of(WORKER)).returncode == 0
    refused = run_as(WEB, read, stack.environment_of(WEB))
    assert refused.returncode != 0
    assert "PermissionError" in refused.stderr


def test_the_web_user_cannot_have_the_master_key_by_calling_itself_something_else(stack):
    """Not the check of the code, which a thief in the web process goes round, but the operating system's."""
    code = "import django; django.setup(); from portal.keys.master import master_key; master_key()"
    tried = {
        user: run_as(user, [stack.python, "-c", code], stack.environment_of(user) | {"PORTAL_PROCESS": "worker"})
        for user in (WEB, WORKER)
    }
    assert "the master key file can't be read (PermissionError)" in tried[WEB].stderr
    assert tried[WORKER].returncode == 0, tried[WORKER].stderr


def test_the_web_user_looks_into_no_process_of_the_workers(stack):
    peek = [stack.python, "-c", "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb'); open(f'/proc/{sys.argv[1]}/environ')"]
    for pid in [stack.pid("interactive"), *stack.children("interactive")]:
        assert "PermissionError" in run_as(WEB, [*peek, str(pid)], stack.environment_of(WEB)).stderr


def test_nobody_outside_the_group_reads_anything(stack):
    for folder, _folders, files in os.walk(stack.data):
        for path in [Path(folder), *(Path(folder) / name for name in files)]:
            assert not path.lstat().st_mode & 0o007, path


@pytest.mark.parametrize("process", ["web", "dispatcher"])
def test_under_one_user_the_code_refuses(process, tmp_path):
    """`portal.keys.master` in a web process has no provider, whatever the file's mode says."""
    key = tmp_path / "master.key"
    key.write_text("00" * 32)
    code = "import django; django.setup(); from portal.keys.master import master_key; master_key()"
    environment = {**os.environ, "PORTAL_PROCESS": process, "MASTER_KEY_FILE": str(key), "PORTAL_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    refused = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"MasterKeyUnavailable: a {process} process may not use the master key" in refused.stderr
