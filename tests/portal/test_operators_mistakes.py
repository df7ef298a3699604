"""What an operator got wrong is told in a sentence or two: what it is, and no traceback and no password with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT


def manage(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "PORTAL_DATA": str(data), "DJANGO_SETTINGS_MODULE": "portal.settings", **environment}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments], env=own, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HOST": "192.0.2.1"}, "put TLS in front of the portal"),
        ({"PORT": "eighty"}, '"PORT" invalid'),
        ({"DATABASE_URL": "postgress://portal:open-sesame@nowhere/portal"}, "DATABASE_URL must be like"),
        ({"DATABASE_URL": "postgres://portal:open-sesame@127.0.0.1:1/portal"}, "The database can't be used: connection failed"),
        ({"RELAY_USER": "portal"}, "RELAY_USER needs RELAY_PASSWORD"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, dict) else "",
)
def test_a_bad_setting_is_named(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    done = manage(tmp_path / "data", "serve", **environment)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "open-sesame" not in done.stdout + done.stderr


def test_a_portal_that_is_not_set_up_does_not_start(tmp_path: Path) -> None:
    done = manage(tmp_path / "data", "serve", PORT="0")
    assert (done.returncode, "Run manage.py setup" in done.stderr) == (1, True)


def test_before_setup_the_other_commands_say_that_it_is_missing(tmp_path: Path) -> None:
    done = manage(tmp_path, "queue")
    assert (done.returncode, "was `manage.py setup` run?" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


@pytest.mark.parametrize("command", ["setup", "serve"])
def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    done = manage(tmp_path / "file" / "data", command)
    assert done.returncode == 1
    assert "PORTAL_DATA" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_secret_that_the_web_process_can_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "django-secret-key").mkdir(parents=True)
    done = manage(tmp_path, "check", PORTAL_PROCESS="web")
    assert "give the folder to the user of the web process, or set SECRET_KEY" in done.stderr


@pytest.mark.parametrize("process", ["manage", "worker", "dispatcher", "smtpd"])
def test_only_the_web_process_makes_the_secret_it_signs_with(tmp_path: Path, process: str) -> None:
    manage(tmp_path, "check", PORTAL_PROCESS=process)
    assert not (tmp_path / "secrets").exists()
