"""Property tests have no deadline for a single example, because other work shares the machine; the command line has a folder.

``HYPOTHESIS_PROFILE=thorough`` tries twenty times as many examples.
"""

import os
import shutil
from pathlib import Path

import pytest
from commandline import CommandLine, furnish
from hypothesis import settings

settings.register_profile("secmail", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "secmail"))


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    furnish(folder)
    return folder


@pytest.fixture
def secmail(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    """The command line, in a folder of its own with everybody's keys."""
    folder = tmp_path / "work"
    shutil.copytree(furnished, folder)
    monkeypatch.chdir(folder)
    return CommandLine(folder, capsysbinary)
