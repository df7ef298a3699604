"""The queue and the parts as Prometheus reads them: computed when asked, from what all processes share."""

from collections.abc import Iterator

from django.db import Error as DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from portal.outbox import health
from portal.outbox import selectors as queue


def render() -> bytes:
    """The metrics in the text format, version 0.0.4. Parts that are away are 0; nothing here is about a person or a message."""
    registry = CollectorRegistry()
    registry.register(_Portal())
    return generate_latest(registry)


class _Portal(Collector):
    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        report = health.report()
        up = GaugeMetricFamily("portal_up", "1 if the part answers", labels=["part"])
        for part in ("database", "redis", "dispatcher"):
            up.add_metric([part], report[part] == "ok")
        slots = GaugeMetricFamily("portal_worker_slots", "Tasks that run at the same time, over all workers", labels=["queue"])
        for name, number in report["workers"].items():
            slots.add_metric([name], number)
        yield from (up, slots)
        try:
            yield from self._jobs()
        except DatabaseError:
            return

    def _jobs(self) -> Iterator[GaugeMetricFamily]:
        names = ["kind", "precedence"]
        open_jobs = GaugeMetricFamily("portal_jobs", "Jobs that are not finished", labels=[*names, "state"])
        oldest = GaugeMetricFamily("portal_jobs_oldest_seconds", "Age of the oldest job that is not finished", labels=names)
        for each in queue.depths():
            labels = [each.kind, each.precedence_name.lower()]
            for state in ("waiting", "delayed", "running"):
                open_jobs.add_metric([*labels, state], getattr(each, state))
            oldest.add_metric(labels, each.oldest)
        dead = GaugeMetricFamily("portal_jobs_dead", "Jobs that were given up and wait for an operator", labels=["kind"])
        for kind, number in queue.dead_by_kind():
            dead.add_metric([kind], number)
        yield from (open_jobs, oldest, dead)
