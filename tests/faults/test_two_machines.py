"""Web and workers on machines that share no disk: PostgreSQL, Redis over TCP, objects in S3-compatible storage."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import embedded_redis
from tests import postgres, s3
from tests.faults.sending import signed_in
from tests.stack import Stack, free_port, template, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(postgres.available()), reason=postgres.available() or "-")]
ATTACHED = bytes(range(256)) * 8000


@pytest.fixture
def store() -> Iterator[dict[str, str]]:
    """A bucket, as the environment names it."""
    with s3.server("sealed") as endpoint:
        yield {"S3_BUCKET": "sealed", "S3_ENDPOINT": endpoint, "S3_REGION": s3.REGION, **s3.KEYS}


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [embedded_redis.server()[0], "--port", str(port), "--save", "", "--maxmemory-policy", "noeviction"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path)
    yield f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()


def files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


def test_a_message_goes_from_machine_to_machine(tmp_path: Path, store: dict[str, str], redis_url: str) -> None:
    """Neither has a sealed object on its disk, and the web's has no master key."""
    with postgres.Postgres() as server:
        environment = {**store, "REDIS_URL": redis_url, "UNDO_SECONDS": "0"}
        workers = Stack(
            tmp_path / "workers", demo=True, postgres=server, serve=("--only", "worker", "--only", "dispatcher"), **environment
        )
        front = tmp_path / "front"
        shutil.copytree(template(demo=True, postgres=server), front, ignore=shutil.ignore_patterns("master.key", "objects"))
        shutil.rmtree(workers.data / "objects", ignore_errors=True)
        environment |= {"DATABASE_URL": server.url(workers.database)}
        web = Stack(front, serve=("--only", "web"), **environment)
        workers.start(wait=False)
        with contextlib.ExitStack() as stack, web:
            stack.callback(workers.stop)
            alice, bob = signed_in(web, "alice"), signed_in(web, "bob")
            form = alice.compose(to="bob", subject="Far away", text="Over there.", classification="RESTRICTED")
            alice.save(form)
            alice.upload(form, ("plan.bin", ATTACHED))
            message_id = alice.send_form(form)
            wait_for(lambda: workers.query("SELECT 1 FROM mail_message WHERE state = 'delivered' AND id = ?", message_id), within=60, what="delivered")
            opened = bob.open(bob.lines()[0].id)
            assert "Over there." in opened.text
            assert bob.download(opened.select("//a[contains(@href, '/attachments/')]/@href")[0]) == ATTACHED
        assert files(front / "objects") == files(workers.data / "objects") == []
        assert not (front / "secrets" / "master.key").exists()
