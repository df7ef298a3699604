"""The dispatcher looks for ready jobs and rings for workers. It holds no state that its death could lose."""

import threading
import time
from collections import Counter

import structlog
from celery import current_app
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from portal.outbox import selectors, services, wakeup, workers
from portal.stops import stop_here

logger = structlog.get_logger(__name__)
PERIODIC_EVERY_SECONDS = 60.0
MOST_AT_ONCE = 100  # jobs that one look sees: with more slots than that the next look rings for the others


class Dispatcher:
    """Rings only as often as there are slots: a queue of doorbells would outlive the jobs it rang for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.trouble = ""
        self.announced_at = float("-inf")
        self.periodic_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Look, ring, wait; until `stop` is set. Survives the database and Redis being away."""
        alarm = wakeup.Alarm()
        while not stop.is_set():
            alarm.wait(stop)
            self.queue_periodic()
            self.look()

    def look(self) -> None:
        """One look. Trouble is logged when it begins and when it ends, not twenty times a second."""
        try:
            self._announce()
            urgent, every = selectors.ready_counts(MOST_AT_ONCE)
            if every:  # when nothing is ready, which is nearly always, Redis is not asked at all
                slots = workers.all_slots()
                self._ring("pump_urgent", workers.URGENT, urgent, slots)
                self._ring("pump", workers.BULK, every, slots)
            self._note("")
        except (RedisError, OperationalError):
            self._note("redis")
        except DatabaseError:
            self._note("database")
            connection.close_if_unusable_or_obsolete()

    def queue_periodic(self) -> None:
        """What comes back by itself, looked after once a minute."""
        if time.monotonic() - self.periodic_at < PERIODIC_EVERY_SECONDS:
            return
        try:
            services.enqueue_periodic()
            self.periodic_at = time.monotonic()
        except DatabaseError:
            self._note("database")
            connection.close_if_unusable_or_obsolete()

    def _announce(self) -> None:
        if time.monotonic() - self.announced_at >= workers.ANNOUNCE_EVERY_SECONDS:
            workers.announce("dispatcher", self.name, {})
            self.announced_at = time.monotonic()
            stop_here("dispatcher.announced")

    def _ring(self, task: str, queue: str, ready: int, slots: Counter[str]) -> None:
        free = slots[queue] - workers.waiting(queue) if ready else 0
        if free <= 0:
            return
        stop_here("dispatcher.before-ring")
        for _ in range(min(free, ready)):
            current_app.send_task(task, queue=queue, retry=False, ignore_result=True)
            stop_here("dispatcher.rung")

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:
            logger.warning("dispatcher_trouble", trouble=trouble or "over")
            self.trouble = trouble
            self.announced_at = float("-inf")
