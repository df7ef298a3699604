"""RFC 8551 section 6 and the limits of the design: no message costs more than a second of CPU and 300 MB, and what tries to is malformed.

Each bomb is met in a process of its own with limits, which ``bombs`` forks; so one that is not defused fails its test and hangs nothing. What
a bomb may end in beside ``Malformed`` is said where it is built: another refusal where the bytes are well-formed (an algorithm that is not
read, a certificate that is not trusted, nothing for this recipient), or nothing at all where the cost stays small.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bombs import BOMBS

from secmail import Malformed

SECONDS, MEBIBYTES = 1.0, 300
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def range_():
    """Where bombs explode."""
    command = [sys.executable, str(TESTS / "bombs.py")]
    with subprocess.Popen(command, cwd=TESTS.parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": "."}) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_cheap(name, range_):
    range_.stdin.write(name + "\n")
    range_.stdin.flush()
    told = json.loads(range_.stdout.readline())
    ends = {each.__name__ if each else "nothing" for each in BOMBS[name].ends}
    assert ends & set(told["outcome"].split()), told
    assert told["seconds"] <= SECONDS, told
    assert told["mebibytes"] <= MEBIBYTES, told


def test_at_least_sixty_bombs_are_malformed():
    assert sum(bomb.ends == (Malformed,) for bomb in BOMBS.values()) >= 60
