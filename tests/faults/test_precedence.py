"""R5: a worker that is busy with ROUTINE does not hold up IMMEDIATE."""


import pytest

from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults


def counted(stack, target):
    return bool(stack.query("SELECT 1 FROM counting_count WHERE target = ? AND times = 1", target))


def test_immediate_is_done_while_all_of_bulk_is_busy(tmp_path):
    with Stack(tmp_path / "data") as stack:
        stack.freeze("bulk")
        assert stack.request("POST", "/testing/count/routine", "precedence=4")[0] == 201
        assert stack.request("POST", "/testing/count/immediate", "precedence=2")[0] == 201
        wait_for(lambda: counted(stack, "immediate"), within=10, what="immediate is done")
        assert not counted(stack, "routine")
        stack.thaw("bulk")
        wait_for(lambda: counted(stack, "routine"), within=10, what="routine is done")
