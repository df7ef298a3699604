"""The dispatcher rings while something is ready, and never more often than somebody can come."""

import time

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from portal.outbox import services, workers
from portal.outbox.dispatcher import Dispatcher
from portal.outbox.models import Job, Precedence

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting_jobs():
    with transaction.atomic():
        for number in range(20):
            services.enqueue(kind="count", target=str(number))


def test_it_rings_no_more_than_there_are_slots(redis_server, waiting_jobs):
    workers.announce("worker", "bulk@here", {"bulk": 3})
    dispatcher = Dispatcher("here")
    for _look in range(5):
        dispatcher.look()
    assert workers.waiting("bulk") == 3


def test_it_rings_for_nobody_who_is_not_there(redis_server, waiting_jobs):
    Dispatcher("here").look()
    assert workers.waiting("bulk") == 0


def test_it_does_not_ring_when_nothing_is_ready(redis_server, waiting_jobs):
    workers.announce("worker", "bulk@here", {"bulk": 3})
    while services.claim():
        pass
    Dispatcher("here").look()
    assert workers.waiting("bulk") == 0


def test_it_rings_again_when_a_lease_is_over(redis_server, waiting_jobs, outbox_clock, settings):
    workers.announce("worker", "bulk@here", {"bulk": 3})
    while services.claim():
        pass
    outbox_clock.time += settings.LEASE
    Dispatcher("here").look()
    assert workers.waiting("bulk") == 3


def test_only_immediate_and_above_rings_at_the_worker_for_calls(redis_server, waiting_jobs):
    workers.announce("worker", "interactive@here", {"interactive": 2, "urgent": 1})
    dispatcher = Dispatcher("here")
    dispatcher.look()
    assert workers.waiting("urgent") == 0
    Job.objects.filter(target="7").update(precedence=Precedence.IMMEDIATE)
    dispatcher.look()
    assert workers.waiting("urgent") == 1


def test_a_redis_that_was_emptied_is_rung_again(redis_server, waiting_jobs):
    dispatcher = Dispatcher("here")
    for _time in range(2):
        workers.announce("worker", "bulk@here", {"bulk": 3})
        dispatcher.look()
        assert workers.waiting("bulk") == 3
        workers.redis_client().flushall()


def test_without_redis_a_look_is_short_and_the_next_one_after_it_rings(redis_server, waiting_jobs):
    dispatcher = Dispatcher("here")
    redis_server.kill()
    redis_server.wait()
    dispatcher.look()
    started = time.monotonic()
    dispatcher.look()
    assert time.monotonic() - started < 0.3
    assert dispatcher.trouble == "redis"


def test_ringing_without_redis_fails_at_once(waiting_jobs):
    """Celery's own default is to try for six seconds."""
    for _time in range(2):
        started = time.monotonic()
        with pytest.raises(OperationalError):
            current_app.send_task("pump", queue="bulk", retry=False)
    assert time.monotonic() - started < 0.3


def test_a_doorbell_carries_nothing(redis_server, waiting_jobs):
    workers.announce("worker", "bulk@here", {"bulk": 1})
    Dispatcher("here").look()
    assert '"body": "W1tdLCB7fS' in workers.redis_client().lrange("bulk", 0, 0)[0]  # base64 of [[], {}
