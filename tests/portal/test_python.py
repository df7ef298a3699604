"""Which Python `make` takes: the system's where it will do, what is said otherwise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT

WILL_DO = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
SAID_ELSEWHERE = {"PYTHON", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"}  # to the make that may run these tests


def taken(*arguments: str) -> str:
    command = ["make", "-n", "-W", "requirements.txt", ".venv/installed", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in SAID_ELSEWHERE}
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    (found,) = re.findall(r"^(\S+) -m venv", said, re.MULTILINE)
    return found


def will_do(python: str) -> bool:
    return Path(python).exists() and not subprocess.run([python, "-c", WILL_DO], capture_output=True, check=False).returncode


@pytest.mark.skipif(not will_do("/usr/bin/python3"), reason="the system has no Python that will do")
def test_the_systems_python_is_taken_where_it_will_do():
    assert taken() == "/usr/bin/python3"


def test_another_one_is_taken_where_it_is_named():
    assert taken(f"PYTHON={sys.executable}") == sys.executable
