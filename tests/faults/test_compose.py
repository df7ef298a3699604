"""The services of deploy/compose.yaml, each with its command, its environment and a data folder of its own, and a message through them.

No container runs here: what they share are servers on this machine, and a volume that two of them see is a folder.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from portal import embedded_redis
from tests import postgres, s3
from tests.first_message import first_message
from tests.http import Browser
from tests.stack import ROOT, free_port, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")]
SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
SECRETS = {"POSTGRES_PASSWORD": "p", "SECRET_KEY": "s" * 50, "DOMAIN": "portal.example", **s3.KEYS}


class Composed:
    """Runs services as compose would: `elsewhere` says where on this machine an address of the file is."""

    def __init__(self, folder: Path, elsewhere: dict[str, str]) -> None:
        self.folder, self.elsewhere = folder, elsewhere
        self.running: list[subprocess.Popen[bytes]] = []

    def environment(self, service: str) -> dict[str, str]:
        own = {}
        for name, value in SERVICES[service]["environment"].items():
            own[name] = re.sub(r"\$\{(\w+):[?-]\}", lambda found: SECRETS.get(found[1], ""), value)
            for there, here in self.elsewhere.items():
                own[name] = own[name].replace(there, here)
        return {"PATH": os.environ["PATH"], "PORTAL_DATA": str(self.folder / service), "HOME": str(self.folder), **own}

    def start(self, service: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, ROOT / "manage.py", *(arguments or SERVICES[service]["command"])]
        with (self.folder / f"{service}.out").open("wb") as out:
            self.running.append(subprocess.Popen(command, env=self.environment(service), stdout=out, stderr=subprocess.STDOUT))
        return self.running[-1]

    def run(self, service: str, *arguments: str) -> str:
        ended = self.start(service, *arguments).wait(timeout=180)
        said = (self.folder / f"{service}.out").read_text(encoding="utf-8")
        assert ended == 0, said
        return said

    def stop(self) -> None:
        for each in self.running:
            each.terminate()
        for each in self.running:
            each.wait(timeout=60)


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    with ExitStack() as stack:
        server = stack.enter_context(postgres.Postgres())
        objects = stack.enter_context(s3.server("portal"))
        bell = free_port()
        redis = subprocess.Popen([embedded_redis.server()[0], "--port", str(bell), "--save", ""], stdout=subprocess.DEVNULL, cwd=tmp_path)
        stack.callback(redis.wait)
        stack.callback(redis.kill)
        elsewhere = {
            "postgres://portal:p@postgres/portal": server.create("portal"),
            "valkey:6379": f"127.0.0.1:{bell}",
            "http://objects:9000": objects,
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - replaced, not bound
            "8000": str(free_port()),
            "2525": str(free_port()),
        }
        for name in ("keys", "identity"):  # the volumes that several see
            (tmp_path / name).mkdir()
            elsewhere[f"/{name}/"] = f"{tmp_path / name}/"
        composed = Composed(tmp_path, elsewhere)
        stack.callback(composed.stop)
        yield composed


def test_a_message_goes_through_the_services_of_the_compose_file(composed: Composed) -> None:
    composed.run("setup")
    composed.run("setup")  # as at each start
    for service in ("worker", "dispatcher", "web", "smtpd"):
        assert "setup" in SERVICES[service]["depends_on"]
        composed.start(service)
    port = composed.environment("web")["PORT"]
    browser = Browser(f"http://127.0.0.1:{port}")

    def healthy() -> bool:
        try:
            return browser.get("/healthz").status == 200
        except OSError:
            return False

    wait_for(healthy, within=180, what="healthy")
    links = composed.run("setup", "bootstrap")
    assert "https://portal.example/invitation/" in links
    first_message(browser.url, links)
    assert not (composed.folder / "web" / "secrets" / "master.key").exists()
