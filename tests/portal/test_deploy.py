"""What is in deploy/ fits the program: units that systemd accepts, a compose file that names no setting we don't have."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"] == "portal"}
# Read by others than portal/settings.py: boto3, Python
FOREIGN = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PYTHONDONTWRITEBYTECODE"}


def settings() -> set[str]:
    read = (ROOT / "portal" / "settings.py").read_text(encoding="utf-8")
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_0-9]+)"', read)) | FOREIGN


def parses(arguments: list[str]) -> bool:
    """Whether manage.py has this command, with these arguments."""
    command = load_command_class(get_commands()[arguments[0]], arguments[0])
    return command.create_parser("manage.py", arguments[0]).parse_args(arguments[1:]) is not None


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Nothing unknown, nothing refused; the program is where this one is."""
    shutil.copytree(DEPLOY / "systemd", tmp_path / "units")
    for unit in (tmp_path / "units").rglob("*.*"):
        if unit.is_file():
            unit.write_text(unit.read_text(encoding="utf-8").replace("/opt/portal", str(ROOT)), encoding="utf-8")
    units = [str(each) for each in (tmp_path / "units").glob("portal*.*") if each.suffix in {".service", ".target", ".timer"}]
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{tmp_path}/units:"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda each: each.stem)
def test_only_the_worker_and_the_backup_are_given_the_master_key(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    has_key = unit.stem in {"portal-worker", "portal-backup"}
    assert ("LoadCredential=master.key" in text, "User=portal-worker" in text) == (has_key, has_key or unit.stem == "portal-redis")


@pytest.mark.parametrize("unit", UNITS, ids=lambda each: each.stem)
def test_only_the_worker_is_given_the_password_of_the_relay(unit: Path) -> None:
    has_file = "EnvironmentFile=-/etc/portal/worker.env" in unit.read_text(encoding="utf-8")
    assert has_file == (unit.stem == "portal-worker")


@pytest.mark.parametrize("name", OURS)
def test_in_the_compose_file_only_the_worker_is_given_the_password_of_the_relay(name: str) -> None:
    assert ("RELAY_PASSWORD" in OURS[name]["environment"]) == (name == "worker")


def test_the_command_line_runs_as_the_worker_does() -> None:
    """The same user, the same credential, and a name for which systemd reads the drop-in of all services."""
    script = (DEPLOY / "systemd" / "portal-manage").read_text(encoding="utf-8")
    worker = (DEPLOY / "systemd" / "portal-worker.service").read_text(encoding="utf-8")
    for line in re.findall(r"^(?:User|LoadCredential|EnvironmentFile)=.*$", worker, re.M):
        assert f"--property={line}" in script
    assert '--unit="portal-manage-' in script
    assert os.access(DEPLOY / "systemd" / "portal-manage", os.X_OK)


@pytest.mark.parametrize("unit", UNITS, ids=lambda each: each.stem)
def test_units_run_commands_and_set_variables_that_exist(unit: Path) -> None:
    common = (DEPLOY / "systemd" / "portal-.service.d" / "hardening.conf").read_text(encoding="utf-8")
    text = common + unit.read_text(encoding="utf-8")
    (command,) = re.findall(r"manage\.py ([^'\n]+)", text)
    assert parses(re.sub(r"\$\$\(.+?\)", "now", command).split())
    assert {each.split("=")[0] for line in re.findall(r"^Environment=(.+)$", text, re.M) for each in line.split()} <= settings()


@pytest.mark.parametrize("name", OURS)
def test_the_compose_file_sets_variables_that_exist_and_runs_commands_that_exist(name: str) -> None:
    assert set(OURS[name]["environment"]) <= settings()
    assert parses(OURS[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_in_the_compose_file_only_workers_see_the_master_key(name: str) -> None:
    sees = [each for each in OURS[name]["volumes"] if each.split(":")[0] == "keys"]
    assert bool(sees) == (name in {"setup", "worker"})
    assert ("MASTER_KEY_FILE" in OURS[name]["environment"]) == bool(sees)


def test_what_the_compose_file_refers_to_is_in_it() -> None:
    for each in COMPOSE["services"].values():
        assert set(each.get("depends_on", {})) <= set(COMPOSE["services"])
        assert set(each["networks"]) <= set(COMPOSE["networks"])
        assert {volume.split(":")[0] for volume in each.get("volumes", [])} <= set(COMPOSE["volumes"])


def test_no_secret_is_written_into_the_compose_file() -> None:
    """Each comes from .env, and starting without it is refused, unless it may be empty."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    for line in re.findall(r"^.*(?:PASSWORD|SECRET|ACCESS_KEY)\w*: .*$", text, re.M):
        if not line.startswith("#"):
            assert ":?}" in line or line.endswith(":-}")


def test_the_image_holds_what_the_program_needs_and_no_data() -> None:
    copied = set(re.findall(r"^COPY ([^-]\S*) /opt", (DEPLOY / "Containerfile").read_text(encoding="utf-8"), re.M))
    kept = {each.removeprefix("!") for each in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if each.startswith("!")}
    assert copied == kept
    assert all((ROOT / each).exists() for each in copied)
    assert "data" not in copied
