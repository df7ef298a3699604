"""The audit pages: first what works, then who is refused; every look and every refusal is one event."""

import csv
import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from portal.audit import selectors
from portal.audit.models import Event, Outcome, Verb
from tests.portal.audit.events import ALICE, BOB, happened, refused
from tests.portal.people import client_of, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def audrey() -> Client:
    return client_of(make_person("audrey", "auditor"))


@pytest.fixture
def admin() -> Client:
    return client_of(make_person("admin", "administrator"))


@pytest.fixture
def alice() -> Client:
    return client_of(make_person("alice"))


def new_events(*before: Event) -> list[Event]:
    return list(Event.objects.exclude(id__in=[event.id for event in before]).order_by("at"))


def body(response) -> str:
    return b"".join(response).decode()


# --- the rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", ["audrey", "admin"])
def test_auditors_and_administrators_see_the_rows_and_the_look_is_one_event(reader: str, request) -> None:
    event = happened(Verb.SUBMITTED, correlation="m1", label="SECRET")
    page = request.getfixturevalue(reader).get("/audit/")
    assert page.status_code == 200
    assert f"/audit/event/{event.id}/" in page.text
    for words in ("1 event", "Submitted", "SECRET", "Granted", "2026-03-02 12:00:00Z"):
        assert words in page.text
    (look,) = new_events(event)
    assert (look.verb, look.name, look.object_id) == ("audit_viewed", reader, "everything")


def test_a_filter_shows_its_rows_and_is_named_in_the_event(audrey: Client) -> None:
    one, other = refused(actor=ALICE, reason="not cleared"), happened(actor=BOB)
    page = audrey.get("/audit/?user=alice&outcome=refused")
    assert one.id in page.text
    assert other.id not in page.text
    assert "not cleared" in page.text
    (look,) = new_events(one, other)
    assert (look.object_id, look.about) == ("user=alice outcome=refused", "alice")


def test_older_pages_belong_to_the_recorded_look(audrey: Client) -> None:
    made = [happened(minutes=number) for number in range(selectors.PAGE + 3)]
    first = audrey.get("/audit/?user=alice")
    older = re.search(r'href="(\?[^"]+)" rel="next"', first.text)[1].replace("&amp;", "&")
    second = audrey.get("/audit/" + older)
    assert made[0].id in second.text
    assert made[-1].id not in second.text
    assert len(new_events(*made)) == 1


def test_a_cursor_of_another_person_or_filter_is_none_and_the_look_is_recorded(audrey: Client, admin: Client) -> None:
    made = [happened(minutes=number) for number in range(selectors.PAGE + 3)]
    after = re.search(r"after=([^&\"]+)", audrey.get("/audit/").text)[1]
    for client, query in ((admin, f"after={after}"), (audrey, f"user=alice&after={after}"), (audrey, "after=forged")):
        before = Event.objects.count()
        assert made[-1].id in client.get(f"/audit/?{query}").text
        assert Event.objects.count() == before + 1


def test_a_filter_that_can_not_be_read_shows_nothing_and_says_why(audrey: Client) -> None:
    event = happened()
    page = audrey.get("/audit/?since=yesterday")
    assert page.status_code == 400
    assert event.id not in page.text
    assert "Enter a valid date/time." in page.text
    page = audrey.get("/audit/?since=2026-03-02T12:00&until=2026-03-02T11:00")
    assert "is not before" in page.text


def test_an_empty_answer_is_kind(audrey: Client) -> None:
    assert "No event matches this filter." in audrey.get("/audit/?user=nobody").text


def test_the_chart_has_an_equal_in_words_and_numbers(audrey: Client) -> None:
    happened(minutes=0), happened(minutes=1), happened(minutes=61)
    page = audrey.get("/audit/").text
    assert "3 events match. Drawn per hour, at most 2 in one." in page
    assert page.count("<rect ") == 2
    assert "<td>2026-03-02 12:00:00Z</td><td>2</td>" in page


def test_every_control_has_a_name_of_its_own(audrey: Client) -> None:
    labels = re.findall(r"<label[^>]*>([^<]+)</label>", audrey.get("/audit/").text)
    assert {"User", "Kind", "Outcome", "Label", "Message id"} <= set(labels)
    for label in labels:
        assert sum(label.lower() in other.lower() for other in labels) == 1, label


def test_names_and_reasons_are_text_and_never_markup(audrey: Client) -> None:
    evil = '<script>"&'
    happened(about=evil, reason=evil, label=evil)
    page = audrey.get("/audit/").text
    assert evil not in page
    assert escape(evil) in page


def test_a_page_asks_the_same_number_of_questions_however_many_rows_it_has(audrey: Client) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            audrey.get("/audit/")
        return len(queries)

    happened()
    few = questions()
    for number in range(30):
        happened(minutes=number, about=f"p{number}", label=f"L{number}")
    assert questions() == few


# --- one event ------------------------------------------------------------------------------------------------------


def test_an_event_opens_with_its_record_and_the_life_line_of_its_message(audrey: Client) -> None:
    steps = [
        happened(Verb.SUBMITTED, correlation="m1"),
        refused(minutes=1, correlation="m1", actor=BOB, reason="not cleared"),
        happened(Verb.DELIVERED, minutes=2, correlation="m1", about="bob"),
    ]
    other = happened(Verb.SUBMITTED, correlation="m2")
    page = audrey.get(f"/audit/event/{steps[0].id}/").text
    assert escape(steps[0].leaf.decode()) in page
    line = page[page.index('class="life-line"') :]
    assert [line.index(step.id) for step in steps] == sorted(line.index(step.id) for step in steps)
    assert "Refused: not cleared" in line
    assert other.id not in page
    (look,) = new_events(*steps, other)
    assert (look.verb, look.kind, look.object_id) == ("audit_viewed", "event", steps[0].id)


def test_an_event_without_a_message_has_no_life_line(audrey: Client) -> None:
    event = happened(Verb.SIGNED_IN)
    assert "life-line" not in audrey.get(f"/audit/event/{event.id}/").text


def test_an_event_that_is_not_there_is_the_page_of_absent_things_and_one_event(audrey: Client) -> None:
    page = audrey.get(f"/audit/event/{'0' * 32}/")
    assert page.status_code == 404
    (look,) = new_events()
    assert (look.outcome, look.object_id) == ("failed", "0" * 32)


# --- export ---------------------------------------------------------------------------------------------------------


def test_an_auditor_exports_exactly_the_filtered_rows_as_csv(audrey: Client) -> None:
    mine = [happened(minutes=number, actor=ALICE, reason='a,b\n"c"') for number in range(3)]
    happened(actor=BOB)
    answer = audrey.get("/audit/export.csv?user=alice")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.DictReader(body(answer).splitlines(keepends=True)))
    assert [row["id"] for row in rows] == [event.id for event in mine]
    assert rows[0]["reason"] == 'a,b\n"c"'
    assert rows[0]["when"] == "2026-03-02T12:00:00.000000Z"


def test_json_lines_are_the_leaves_as_they_were_written(audrey: Client) -> None:
    mine = [happened(minutes=number, actor=ALICE, reason="x\n\u2028y") for number in range(3)]
    happened(actor=BOB)
    lines = b"".join(audrey.get("/audit/export.jsonl?user=alice")).split(b"\n")
    assert lines == [*(event.leaf for event in mine), b""]
    assert json.loads(lines[0])["id"] == mine[0].id


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "＝"])
def test_no_text_in_the_csv_runs_as_a_formula(audrey: Client, start: str) -> None:
    happened(reason=start + "HYPERLINK(0)")
    (row,) = csv.DictReader(body(audrey.get("/audit/export.csv?user=alice")).splitlines(keepends=True))
    assert row["reason"].startswith("'")


def test_an_export_is_one_event_written_before_its_rows_leave(audrey: Client) -> None:
    event = happened()
    answer = audrey.get("/audit/export.csv?user=alice")
    (taken,) = new_events(event)
    assert (taken.verb, taken.kind, taken.object_id, taken.about) == ("exported", "audit as csv", "user=alice", "alice")
    assert event.id in body(answer)


def test_an_administrator_reads_that_exporting_is_the_auditors_and_may_not(admin: Client) -> None:
    event = happened()
    page = admin.get("/audit/").text
    assert "export.csv" not in page
    assert "Exporting is the auditor’s" in page
    before = new_events()
    assert admin.get("/audit/export.csv").status_code == 404
    (refusal,) = new_events(*before)
    assert (refusal.outcome, refusal.id != event.id) == (Outcome.REFUSED, True)


# --- who is refused -------------------------------------------------------------------------------------------------

ADDRESSES = ["/audit/", "/audit/?user=bob", f"/audit/event/{'0' * 32}/", "/audit/export.csv", "/audit/export.jsonl"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_everybody_else_meets_the_page_of_absent_things_and_it_is_one_event(alice: Client, address: str) -> None:
    happened(actor=BOB)
    before = new_events()
    page = alice.get(address)
    assert page.status_code == 404
    assert "bob" not in page.text
    (refusal,) = new_events(*before)
    assert (refusal.name, refusal.outcome) == ("alice", "refused")


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_signing_in_there_is_only_the_way_to_sign_in(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_can_be_posted(audrey: Client, address: str) -> None:
    assert audrey.post(address).status_code == 405
