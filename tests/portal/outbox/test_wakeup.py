"""When the dispatcher looks: at once on PostgreSQL, which tells it; often on SQLite, which can't."""

import threading
import time
from itertools import pairwise

import pytest
from django.db import connection, transaction

from portal.outbox import services, wakeup

pytestmark = pytest.mark.django_db(transaction=True)
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL tells")


@pytest.fixture
def alarm():
    made = wakeup.Alarm()
    made.wait(threading.Event())  # listening from here on
    yield made
    made.close()


def waited(alarm: wakeup.Alarm) -> float:
    begin = time.monotonic()
    alarm.wait(threading.Event())
    return time.monotonic() - begin


@postgresql
def test_a_queued_job_is_told_when_its_transaction_commits(alarm):
    with transaction.atomic():
        services.enqueue(kind="test", target="a")
        assert waited(alarm) >= wakeup.LOOK_AT_LEAST_EVERY_SECONDS * 0.9  # not told before
    assert waited(alarm) < wakeup.LOOK_AT_LEAST_EVERY_SECONDS / 2


@postgresql
def test_a_transaction_that_rolls_back_tells_nothing(alarm):
    with transaction.atomic():
        services.enqueue(kind="test", target="a")
        transaction.set_rollback(True)
    assert waited(alarm) >= wakeup.LOOK_AT_LEAST_EVERY_SECONDS * 0.9


@postgresql
def test_many_that_tell_at_once_are_few_looks(alarm):
    looks = []
    for target in "abc":
        with transaction.atomic():
            services.enqueue(kind="test", target=target)
        alarm.wait(threading.Event())
        looks.append(time.monotonic())
    assert min(later - earlier for earlier, later in pairwise(looks)) >= wakeup.LOOK_EVERY_SECONDS * 0.9


@postgresql
def test_a_connection_that_was_cut_is_made_again(alarm):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    waited(alarm)  # finds the connection gone
    waited(alarm)  # listens again
    with transaction.atomic():
        services.enqueue(kind="test", target="a")
    assert waited(alarm) < wakeup.LOOK_AT_LEAST_EVERY_SECONDS / 2


def test_a_stop_ends_the_wait():
    stop = threading.Event()
    stop.set()
    begin = time.monotonic()
    wakeup.Alarm().wait(stop)
    assert time.monotonic() - begin < 1
