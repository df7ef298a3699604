"""A worker that has fetched all the doorbells it may, when Redis dies, takes jobs again afterwards."""

import os
import signal

import pytest

from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults


def counted(stack, target):
    return bool(stack.query("SELECT 1 FROM counting_count WHERE target = ? AND times = 1", target))


def test_doorbells_that_a_dead_redis_can_no_longer_take_back_do_not_fill_the_worker(tmp_path):
    with Stack(tmp_path / "data") as stack:
        children, supervisor = stack.children("bulk"), stack.pid("supervisor")
        stack.freeze("bulk", leaders=False)
        for number in range(8):
            assert stack.request("POST", f"/testing/count/held{number}")[0] == 201
        wait_for(lambda: stack.waiting("bulk") == len(children), within=20, what="the worker holds all it may")
        os.kill(supervisor, signal.SIGSTOP)  # it would start Redis again at once
        stack.kill("redis")
        stack.thaw("bulk")
        wait_for(lambda: all(counted(stack, f"held{number}") for number in range(8)), within=20, what="held jobs done")
        os.kill(supervisor, signal.SIGCONT)
        stack.wait_ready()
        assert stack.request("POST", "/testing/count/afterwards")[0] == 201
        wait_for(lambda: counted(stack, "afterwards"), within=20, what="the worker takes jobs again")
