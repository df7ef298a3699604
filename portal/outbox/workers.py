"""Who is there: worker parents and the dispatcher announce themselves in Redis and are forgotten after ten seconds."""

import contextlib
import functools
import json
from collections import Counter

import redis
from celery import bootsteps
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

INTERACTIVE = "interactive"  # calls that somebody waits for
URGENT = "urgent"  # pumps for IMMEDIATE and above, taken by the same worker as the calls
BULK = "bulk"  # pumps for everything

ANNOUNCED_SECONDS = 10
ANNOUNCE_EVERY_SECONDS = 3.0


@functools.cache
def redis_client() -> redis.Redis:
    """This process's client. It fails fast and never tries twice: its callers know better what to do then."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=0.25,
        socket_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
    )


def announce(role: str, name: str, slots: dict[str, int]) -> None:
    """Say that `name` is there, with so many slots per queue. Raises redis.RedisError."""
    with redis_client().pipeline() as pipeline:
        pipeline.sadd(_names(role), name)
        pipeline.set(f"{role}:{name}", json.dumps(slots), ex=ANNOUNCED_SECONDS)
        pipeline.execute()


def is_announced(role: str, name: str) -> bool:
    """Whether `name` has said within the last ten seconds that it is there. Raises redis.RedisError."""
    return bool(redis_client().exists(f"{role}:{name}"))


def withdraw(role: str, name: str) -> None:
    """Take an announcement back. Raises redis.RedisError."""
    redis_client().delete(f"{role}:{name}")


def slots(queue: str) -> int:
    """How many tasks of a queue can run at the same time, over all workers. Raises redis.RedisError."""
    return all_slots()[queue]


def all_slots() -> Counter[str]:
    """The same for every queue."""
    return sum(map(Counter, _announced("worker")), Counter[str]())


def dispatchers() -> int:
    """How many dispatchers are there. Raises redis.RedisError."""
    return len(_announced("dispatcher"))


def waiting(queue: str) -> int:
    """How many tasks lie in a queue that no worker has fetched. Raises redis.RedisError."""
    return int(redis_client().llen(queue))


def _announced(role: str) -> list[dict[str, int]]:
    """Asked with every page: it must not go through what else lies in Redis, which is thousands of keys under load."""
    client = redis_client()
    names = sorted(client.smembers(_names(role)))
    values = client.mget([f"{role}:{name}" for name in names]) if names else []
    if gone := [name for name, value in zip(names, values, strict=True) if value is None]:
        client.srem(_names(role), *gone)
    return [json.loads(value) for value in values if value]


def _names(role: str) -> str:
    return f"{role}s"


class Announcement(bootsteps.StartStopStep):
    """The worker parent announces itself from its own event loop: one that hangs or has lost Redis falls silent."""

    requires = frozenset({"celery.worker.consumer.tasks:Tasks"})

    def __init__(self, consumer, **options: object) -> None:
        self.timer = None

    def start(self, consumer) -> None:
        self.timer = consumer.timer.call_repeatedly(ANNOUNCE_EVERY_SECONDS, self.announce, (consumer,))
        self.announce(consumer)

    def stop(self, consumer) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def shutdown(self, consumer) -> None:
        self.stop(consumer)
        with contextlib.suppress(redis.RedisError):  # then it is forgotten by itself
            withdraw("worker", consumer.hostname)

    def announce(self, consumer) -> None:
        size = consumer.pool.num_processes
        queues = {queue.name: 1 if queue.name == URGENT else size for queue in consumer.task_consumer.queues}
        with contextlib.suppress(redis.RedisError):  # Celery itself notices, says so and connects again
            announce("worker", consumer.hostname, queues)
