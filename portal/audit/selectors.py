"""Reads of the audit trail: pages by keyset, counts with a limit, the life of one message.

Nothing here skips with OFFSET or counts without a bound, so a page costs the same at ten million events as at ten.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import connection
from django.db.models import Q, QuerySet

from portal.audit.models import Event, microseconds
from portal.audit.search import Filter, Walk, walks

PAGE = 50
LOOKED_AT = 100_000  # the chart looks at no more than the newest so many events of a walk
LIFE_LINE = 500
BATCH = 2_000
CHOICES = 200


@dataclass(frozen=True)
class Cursor:
    """The last row of the page before: the next page begins below it."""

    at: int
    id: str


@dataclass(frozen=True)
class Page:
    events: list[Event]
    next: Cursor | None  # None: this page ends with the oldest event


@dataclass(frozen=True)
class LifeLine:
    events: list[Event]  # oldest first
    cut: bool  # whether the message has more events than these


@dataclass(frozen=True)
class Counts:
    """Matching events by hour since 1970. If not ``complete``, there may be more in the first hour and before."""

    by_hour: dict[int, int]
    complete: bool


def page(filter: Filter, after: Cursor | None = None) -> Page:
    """One page of matching events, newest first."""
    pages = [_newest(walk.events, after) for walk in walks(filter)]
    found = list(islice(heapq.merge(*pages, key=_position, reverse=True), PAGE + 1))
    more = len(found) > PAGE
    found = found[:PAGE]
    return Page(found, Cursor(*_position(found[-1])) if more else None)


def export(filter: Filter, until: datetime) -> Iterator[Event]:
    """All matching events before ``until``, oldest first."""
    return heapq.merge(*(_oldest_first(walk.events, until) for walk in walks(filter)), key=_position)


def event(id: str) -> Event | None:
    return Event.objects.filter(id=id).first()


def life_line(message: str) -> LifeLine:
    """What happened to one message, from its submission on; refusals are in their place."""
    found = list(Event.objects.filter(correlation=message).defer("leaf").order_by("at", "id")[: LIFE_LINE + 1])
    return LifeLine(found[:LIFE_LINE], cut=len(found) > LIFE_LINE)


def hourly(filter: Filter) -> Counts:
    """How many matching events each hour has, as far back as LOOKED_AT events reach."""
    by_hour: dict[int, int] = {}
    reached = 0  # the first hour that every walk has reached
    for walk in walks(filter):
        rows = _hourly(walk)
        for hour, _, matching in rows:
            by_hour[hour] = by_hour.get(hour, 0) + matching
        if sum(looked_at for _, looked_at, _ in rows) == LOOKED_AT:
            reached = max(reached, min(hour for hour, _, _ in rows))
    return Counts({hour: count for hour, count in by_hour.items() if count and hour >= reached}, complete=not reached)


class Total:
    """How many events there are, exactly, without counting millions again for every page.

    Events are never deleted, so the number of those before an old moment is fixed: it is kept, and only newer ones are
    counted. ``SETTLED`` lies far enough back that no open transaction can still add an event before it.
    """

    SETTLED = 600_000_000  # microseconds

    def __init__(self) -> None:
        self._kept = (0, 0)  # (moment, events before it): one tuple, because threads of a web process share it

    def __call__(self, now: datetime) -> int:
        moment, before = self._kept
        settled = microseconds(now) - self.SETTLED
        if settled > moment:
            before += Event.objects.filter(at__gte=moment, at__lt=settled).count()
            moment = settled
            self._kept = (moment, before)
        return before + Event.objects.filter(at__gte=moment).count()


total = Total()


def distinct(column: str) -> list[str]:
    """The values of an indexed column in order, at most CHOICES: one seek per value instead of a scan of the table."""
    name = connection.ops.quote_name(Event._meta.get_field(column).column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH RECURSIVE found(value) AS (
                  SELECT MIN({name}) FROM audit_event
                  UNION ALL
                  SELECT (SELECT MIN({name}) FROM audit_event WHERE {name} > found.value) FROM found
                  WHERE found.value IS NOT NULL)
                SELECT value FROM found WHERE value <> '' LIMIT {CHOICES}"""  # noqa: S608 - a column's name
        )
        return [value for (value,) in cursor.fetchall()]


def _position(event: Event) -> tuple[int, str]:
    return event.at, event.id


def _newest(events: QuerySet[Event], after: Cursor | None) -> list[Event]:
    events = events.defer("leaf").order_by("-at", "-id")
    if after:
        # The first condition is what an index can seek to; the second only parts events of one microsecond.
        events = events.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(id__lt=after.id))
    return list(events[: PAGE + 1])


def _oldest_first(events: QuerySet[Event], until: datetime) -> Iterator[Event]:
    """Read in batches: no cursor of the database stays open while a slow reader reads."""
    events = events.filter(at__lt=microseconds(until)).order_by("at", "id")
    rest = events
    while batch := list(rest[:BATCH]):
        yield from batch
        last = batch[-1]
        rest = events.filter(at__gte=last.at).filter(Q(at__gt=last.at) | Q(id__gt=last.id))


def _hourly(walk: Walk) -> list[tuple[int, int, int]]:
    """(hour, events looked at, matching events) of the newest LOOKED_AT events that the walk begins with."""
    newest = walk.begin.order_by("-at").values("at", *walk.also)[:LOOKED_AT]
    sql, parameters = newest.query.sql_with_params()
    matching = " AND ".join(f"{connection.ops.quote_name(column)} = %s" for column in walk.also) or "1 = 1"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT at / 3600000000 AS hour, COUNT(*), SUM(CASE WHEN {matching} THEN 1 ELSE 0 END)"  # noqa: S608 - columns' names and the ORM's own SQL; values are parameters
            f" FROM ({sql}) AS newest GROUP BY hour",
            (*walk.also.values(), *parameters),
        )
        return cursor.fetchall()
