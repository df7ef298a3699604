"""What all tests share."""

import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tests.stack import wait_for

hypothesis_settings.register_profile("portal", deadline=None)  # nothing here is timed: machines are busy
hypothesis_settings.load_profile("portal")

# Playwright's loop runs in the thread of the tests; Django would take that for asynchronous code and refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def starts_processes(item: pytest.Item) -> int:
    """0 for a test that runs in this process alone; the greater, the later."""
    if item.get_closest_marker("browser"):
        return 3
    if item.get_closest_marker("faults"):
        return 2
    return int("redis_server" in getattr(item, "fixturenames", ()))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start processes come last and one after the other; Playwright's loop would disturb others after it."""
    items.sort(key=starts_processes)
    for item in items:
        if starts_processes(item):
            item.add_marker(pytest.mark.xdist_group("processes"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered and not shown: random ones (keys, serial numbers) would give every xdist process other names."""
    return argname if isinstance(val, bytes) else None


class Clock:
    """The queue's clock, in the hand of a test."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture
def outbox_clock() -> Iterator[Clock]:
    from portal.outbox import clock

    held = Clock(clock.now())
    clock.use(lambda: held.time)
    yield held
    clock.use(None)


@pytest.fixture
def redis_server() -> Iterator[subprocess.Popen[bytes]]:
    """A real Redis behind settings.REDIS_URL, and nothing else of the portal."""
    from django.conf import settings
    from redis import RedisError

    from portal import embedded_redis
    from portal.outbox import workers

    def answers() -> bool:
        try:
            return bool(workers.redis_client().ping())
        except RedisError:
            return False

    embedded_redis.prepare(settings.REDIS_SOCKET)
    binary, _version = embedded_redis.server()
    command = embedded_redis.command(binary, settings.REDIS_SOCKET)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(settings.DATA_DIR))
    try:
        wait_for(answers, within=10, what="Redis answers")
        yield server
    finally:
        server.kill()
        server.wait()
