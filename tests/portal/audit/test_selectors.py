"""Filters, pages by keyset, life lines and counts."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import selectors
from portal.audit.chart import chart
from portal.audit.models import Event, Verb
from portal.audit.search import Filter, walks
from portal.audit.selectors import Counts
from tests.portal.audit.events import ALICE, BOB, NOON, happened, refused

pytestmark = pytest.mark.django_db


def test_each_filter_keeps_what_it_names() -> None:
    one = happened(actor=ALICE, about="carol", correlation="m1", label="SECRET")
    other = refused(actor=BOB, verb=Verb.SIGNED_IN, minutes=5)
    questions = {
        Filter(user="alice"): one, Filter(concerning="carol"): one, Filter(message="m1"): one, Filter(kind="opened"): one,
        Filter(label="SECRET"): one, Filter(outcome="granted"): one, Filter(until=NOON + timedelta(minutes=5)): one,
        Filter(user="bob"): other, Filter(kind="all_sign_ins"): other, Filter(outcome="refused"): other,
        Filter(since=NOON + timedelta(minutes=5)): other,
    }  # fmt: skip
    for question, answer in questions.items():
        assert [event.id for event in selectors.page(question).events] == [answer.id], question
    assert not selectors.page(Filter(user="alice", outcome="refused")).events


def test_pages_hold_every_event_once_newest_first_even_within_one_microsecond() -> None:
    for number in range(2 * selectors.PAGE + 7):
        happened(minutes=number // 40)
    seen, cursor = [], None
    while True:
        page = selectors.page(Filter(), cursor)
        seen += page.events
        if (cursor := page.next) is None:
            break
    assert len(seen) == len({event.id for event in seen}) == 2 * selectors.PAGE + 7
    assert [(e.at, e.id) for e in seen] == sorted(((e.at, e.id) for e in seen), reverse=True)


def test_an_export_holds_every_event_of_the_filter_once_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "BATCH", 10)
    for number in range(35):
        happened(minutes=number // 12, actor=ALICE if number % 5 else BOB)
    got = list(selectors.export(Filter(user="alice"), NOON + timedelta(days=1)))
    alices = Event.objects.filter(name="alice").order_by("at", "id")
    assert [e.id for e in got] == [e.id for e in alices]


def test_an_export_leaves_out_what_happened_after_it_began() -> None:
    happened(minutes=0)
    happened(minutes=2)
    assert len(list(selectors.export(Filter(), NOON + timedelta(minutes=1)))) == 1


def test_a_life_line_is_one_message_from_its_submission_on_with_refusals_in_place() -> None:
    happened(Verb.DELIVERED, minutes=2, correlation="m1")
    happened(Verb.SUBMITTED, minutes=0, correlation="m1")
    refused(minutes=1, correlation="m1")
    happened(Verb.SUBMITTED, minutes=0, correlation="m2")
    line = selectors.life_line("m1")
    assert [(e.verb, e.outcome) for e in line.events] == [
        ("submitted", "granted"),
        ("opened", "refused"),
        ("delivered", "granted"),
    ]
    assert not line.cut


def test_the_total_is_exact_and_counts_old_events_once(django_assert_num_queries) -> None:
    total = selectors.Total()
    for minutes in (0, 1, 2):
        happened(minutes=minutes)
    assert total(NOON + timedelta(hours=1)) == 3
    happened(minutes=61)
    with django_assert_num_queries(2) as queries:
        assert total(NOON + timedelta(hours=2)) == 4
    counted_from = selectors.microseconds(NOON + timedelta(hours=1)) - selectors.Total.SETTLED
    assert f">= {counted_from} " in queries[0]["sql"]


def test_distinct_values_come_in_order_without_the_empty_one() -> None:
    for label in ("SECRET", "", "CONFIDENTIAL", "SECRET"):
        happened(label=label)
    assert selectors.distinct("label") == ["CONFIDENTIAL", "SECRET"]
    assert selectors.distinct("about") == []


def test_counts_are_by_hour_and_of_no_more_than_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (0, 10, 61, 62, 63):
        happened(minutes=minutes)
    noon = selectors.microseconds(NOON) // 3_600_000_000
    assert selectors.hourly(Filter()) == Counts({noon: 2, noon + 1: 3}, complete=True)
    monkeypatch.setattr(selectors, "LOOKED_AT", 4)
    assert selectors.hourly(Filter()) == Counts({noon: 1, noon + 1: 3}, complete=False)


def test_counts_of_several_kinds_reach_back_as_far_as_the_busiest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (0, 61, 121, 122):
        happened(Verb.SIGNED_IN, minutes=minutes)
        happened(Verb.SIGNED_OUT, minutes=minutes // 2)
    noon = selectors.microseconds(NOON) // 3_600_000_000
    monkeypatch.setattr(selectors, "LOOKED_AT", 4)
    assert selectors.hourly(Filter(kind="all_sign_ins")) == Counts({noon: 3, noon + 1: 3, noon + 2: 2}, complete=False)
    monkeypatch.setattr(selectors, "LOOKED_AT", 3)
    assert selectors.hourly(Filter(kind="all_sign_ins")).by_hour.keys() == {noon + 1, noon + 2}


def test_a_filter_of_several_columns_begins_with_the_rarest_and_counts_what_has_all() -> None:
    for minutes in range(5):
        happened(minutes=minutes, actor=ALICE, label="SECRET")
    happened(minutes=9, actor=BOB, label="SECRET")
    happened(minutes=9, actor=BOB, label="CONFIDENTIAL")
    question = Filter(user="bob", label="SECRET", kind="opened")
    (walk,) = walks(question)
    assert set(walk.also) == {"label", "verb"}
    assert len(selectors.page(question).events) == 1
    assert sum(selectors.hourly(question).by_hour.values()) == 1
    assert len(list(selectors.export(question, NOON + timedelta(days=1)))) == 1


def test_pages_and_exports_of_several_kinds_are_in_the_order_of_time() -> None:
    for minutes in range(80):
        happened([Verb.SIGNED_IN, Verb.OPENED, Verb.SIGNED_OUT][minutes % 3], minutes=minutes)
    question = Filter(kind="all_sign_ins")
    first = selectors.page(question)
    second = selectors.page(question, first.next)
    seen = [event.at for event in first.events + second.events]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 53
    assert [event.at for event in selectors.export(question, NOON + timedelta(days=1))] == seen[::-1]


def test_a_chart_counts_by_hour_then_day_then_week_and_loses_nothing() -> None:
    hour = 500_000
    for last, step in ((59, "hour"), (60, "day"), (59 * 24, "day"), (200 * 24, "week"), (2000 * 24, "four weeks")):
        drawn = chart({hour: 3, hour + 1: 2, hour + last: 5})
        assert drawn
        assert drawn.step == step
        assert sum(bar.count for bar in drawn.bars) == drawn.total == 10
        assert max(bar.height for bar in drawn.bars) == drawn.height
        assert all(bar.x + bar.width <= drawn.width for bar in drawn.bars)
    assert chart({}) is None


def test_weeks_begin_on_monday() -> None:
    drawn = chart({500_000: 1, 500_000 + 200 * 24: 1})
    assert drawn
    assert {bar.start.strftime("%a %H:%M") for bar in drawn.bars} == {"Mon 00:00"}


@pytest.mark.parametrize("question", [Filter(), Filter(user="alice"), Filter(message="m1"), Filter(outcome="refused")])
def test_a_page_is_one_query_that_seeks_in_an_index(question: Filter) -> None:
    with CaptureQueriesContext(connection) as queries:
        selectors.page(question, selectors.Cursor(5, "x"))
    assert len(queries) == 1
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + queries[0]["sql"])
            assert "USING INDEX audit_" in " ".join(str(row) for row in cursor.fetchall())
