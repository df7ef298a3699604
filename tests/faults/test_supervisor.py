"""`manage.py serve`: all there, one portal per data folder, and nothing of it left."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from tests.stack import Stack, state_of, wait_for

pytestmark = pytest.mark.faults
NAMES = ("redis", "interactive", "bulk", "dispatcher", "web")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """One portal for the tests that leave it as it was, or make it recover."""
    with Stack(tmp_path_factory.mktemp("shared") / "data") as stack:
        yield stack


@pytest.fixture
def own_stack(tmp_path):
    """One for a test that ends it."""
    with Stack(tmp_path / "data") as stack:
        yield stack


def processes(stack):
    """Everything that runs: the programs and what they have forked."""
    leaders = {name: stack.pid(name) for name in NAMES}
    assert all(leaders.values()), leaders
    return [*leaders.values(), *(child for name in NAMES for child in stack.children(name))]


def answered(stack):
    """What a call returns. Asked again if need be: a killed worker's announcement outlives it by ten seconds."""

    def answer():
        status, answer = stack.call()
        return answer if status == 200 else None

    return wait_for(answer, within=20, what="a call is answered")


def gone(pid):
    """Ended: there is no such process, or only its exit code is left to be read."""
    return state_of(pid) in "XZ"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_in_time(own_stack, number):
    running = processes(own_stack)
    own_stack.stop(number)
    assert own_stack.supervisor.returncode == 0
    assert all(gone(pid) for pid in running)
    assert "stopped" in own_stack.output.read_text()


def test_nothing_outlives_a_supervisor_that_is_killed(own_stack):
    running = processes(own_stack)
    own_stack.kill("supervisor")
    own_stack.supervisor.wait()
    wait_for(lambda: all(gone(pid) for pid in running), within=10, what="all gone")
    own_stack.start()  # and the next one finds nothing in its way


@pytest.mark.parametrize("name", NAMES)
def test_what_exits_is_started_again(stack, name):
    killed = stack.kill(name)
    wait_for(lambda: stack.pid(name) not in {killed, None}, within=10, what=f"{name} again")
    stack.wait_ready()


def test_a_pid_that_can_not_be_noted_ends_nothing(stack):
    """A full disk, say: here a folder lies in its place."""
    pid_file, before = stack.data / "run" / "dispatcher.pid", set(stack.children("supervisor"))
    killed = stack.kill("dispatcher")
    pid_file.unlink()
    pid_file.mkdir()
    for _ in range(2):  # that there is a second shows that the supervisor outlived the first
        (again,) = wait_for(lambda: set(stack.children("supervisor")) - before - {killed}, within=20, what="a new dispatcher")  # noqa: B023
        os.kill(again, signal.SIGKILL)
        killed = again
    pid_file.rmdir()
    wait_for(lambda: stack.pid("dispatcher") not in {killed, None}, within=20, what="noted again")
    stack.wait_ready()


@pytest.mark.parametrize("name", ["interactive", "bulk", "web"])
def test_children_go_with_their_parent(stack, name):
    children = wait_for(lambda: stack.children(name), within=10, what="it has children")
    stack.kill(name)
    wait_for(lambda: all(gone(pid) for pid in children), within=5, what="all gone")
    stack.wait_ready()


def test_a_second_portal_on_the_same_data_is_refused(stack):
    second = Stack(stack.data)
    second.output = stack.data.with_name("second.out")
    second.start(wait=False)
    assert second.supervisor.wait(timeout=30) != 0
    assert "already running" in second.output.read_text()
    assert stack.health()[0] == 200


def test_a_port_in_use_is_said(stack, tmp_path):
    second = Stack(tmp_path / "other", PORT=str(stack.port))
    second.start(wait=False)
    assert second.supervisor.wait(timeout=30) != 0
    assert f"port {stack.port}" in second.output.read_text()


def test_it_says_that_one_user_runs_all(stack):
    assert "single user: web and worker are not separated" in stack.output.read_text()
    wait_for(lambda: f"ready        {stack.url}/\n" in stack.output.read_text(), within=10, what="the address is shown")


def test_a_call_is_answered_by_a_child_of_the_interactive_worker(stack):
    assert answered(stack)["pid"] in stack.children("interactive")


def test_no_process_leaves_a_dump(stack):
    """No core file of any process, and nobody looks into a worker's memory (prctl: not dumpable)."""
    for pid in processes(stack):
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()[4:6] == [
            "0",
            "0",
        ]
    assert answered(stack)["dumpable"] == 0


def test_what_it_writes_is_readable_by_nobody_else(stack):
    for folder, _folders, files in os.walk(stack.data):
        for path in [Path(folder), *(Path(folder) / name for name in files)]:
            with contextlib.suppress(FileNotFoundError):
                assert path.lstat().st_mode & 0o077 == 0, path


def test_the_access_log_has_no_query_strings(stack):
    stack.request("GET", "/healthz?q=attack-at-dawn")
    wait_for(lambda: stack.log("web").count("/healthz") > 1, within=5, what="logged")
    assert "dawn" not in stack.log("web")


def test_web_alone_says_that_the_rest_is_away(tmp_path):
    """Roles can run apart; a web process without a worker says so at once."""
    stack = Stack(tmp_path / "data", serve=("--only", "web"))
    stack.start(wait=False)
    try:
        wait_for(lambda: stack.health()[0], within=30, what="web answers")
        status, report = stack.health()
        assert (status, report["reason"]) == (503, "away: Redis")
        started = time.monotonic()
        assert stack.call()[0] == 503
        assert time.monotonic() - started < 0.3
    finally:
        stack.stop()


def test_a_worker_that_hangs_makes_nobody_wait_longer_than_the_time_out(stack):
    stack.freeze("interactive")
    started = time.monotonic()
    assert stack.call()[0] == 504
    assert time.monotonic() - started < 2
    stack.thaw("interactive")


def test_a_call_that_hangs_ends_with_its_process(stack):
    """The hard time limit: a message that makes a worker hang costs one child, which is replaced."""
    answered(stack)
    before = set(stack.children("interactive"))
    assert stack.call("hang")[0] == 504
    answered(stack)  # by the other child
    wait_for(lambda: set(stack.children("interactive")) - before, within=20, what="a new child")
    answered(stack)


def test_calls_are_answered_again_after_redis_was_killed(stack):
    answered(stack)
    stack.kill("redis")
    answered(stack)
