"""What all tests share."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from tests.stack import wait_for

hypothesis_settings.register_profile("portal", deadline=None)  # nothing here is timed: machines are busy
hypothesis_settings.load_profile("portal")

# Playwright's loop runs in the thread of the tests; Django would take that for asynchronous code and refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Whatever it is for who runs them: what is closed to others the portal has closed, and other users (Postfix's) reach what is made for them.
os.umask(0o022)


# Tests that start the portal and wait for it more than they compute, in groups of about the same length. The first two begin together.
PORTALS = ("tests/faults/test_[a-r]", "tests/browser/", "tests/faults/", "tests/bench/")


def group(nodeid: str) -> str:
    """The group of tests that start the portal to which this one belongs, or empty."""
    return next((each for each in PORTALS if re.match(each, nodeid)), "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start the portal come first: they take longest, and with `-n` the others fill the time beside them."""
    order = [*PORTALS, ""]
    items.sort(key=lambda item: order.index(group(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`: of each such group one test after the other, on one process; all others as they come."""
    from xdist.scheduler import LoadScopeScheduling

    class OnePortalAtATime(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid) or nodeid

    config.option.loadscopereorder = False  # the order above
    return OnePortalAtATime(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are numbered and not shown: random ones (keys, serial numbers) would give every xdist process other names."""
    return argname if isinstance(val, bytes) else None


class Clock:
    """The queue's clock, in the hand of a test."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """On PostgreSQL tests that can't roll back end with TRUNCATE, which the audit trail forbids: it is left out. No such test writes events."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    flush = connection.ops.sql_flush

    def without_audit(style: Any, tables: list[str], **options: Any) -> list[str]:
        return flush(style, [each for each in tables if each != "audit_event"], **options)

    connection.ops.sql_flush = without_audit


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
