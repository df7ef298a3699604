"""Statements in SQL find and write what a queryset finds and writes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from portal.accounts.models import User
from portal.outbox.models import Job
from portal.rows import _plain, by_id, change, exists, insert, keep, remove, rows
from tests.portal.people import make_person

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
NAMED = "SELECT * FROM accounts_user WHERE username IN %s AND is_active ORDER BY username"


def test_a_list_stands_for_several_values():
    people = [make_person(name) for name in ("ada", "ben", "cleo")]
    assert rows(User, NAMED, ["ada", "cleo"]) == [people[0], people[2]]


def test_nobody_is_in_an_empty_list():
    make_person("ada")
    assert rows(User, NAMED, []) == []


def test_a_value_is_never_read_as_sql():
    make_person("ada")
    assert rows(User, NAMED, ["x') OR 1=1 --", "%s"]) == []


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(microseconds=1)])
def test_a_time_is_compared_to_the_microsecond(ahead):
    joined = make_person("ada").joined_at.replace(microsecond=0)
    User.objects.update(joined_at=joined)
    found = rows(User, "SELECT * FROM accounts_user WHERE joined_at >= %s", joined + ahead)
    assert [each.joined_at for each in found] == ([joined] if not ahead else [])


def test_a_row_is_found_by_its_id_or_is_not_there():
    ada = make_person("ada")
    assert (by_id(User, ada.id), by_id(User, "nobody")) == (ada, None)


def test_what_a_select_leaves_out_is_asked_for_when_it_is_wanted():
    ada = make_person("ada")
    (found,) = rows(User, "SELECT id, 7 AS seven FROM accounts_user WHERE id = %s", ada.id)
    assert (found.seven, found.get_deferred_fields() > {"username"}, found.username) == (7, True, "ada")


def job(target: str, **values: object) -> Job:
    return Job(**{"kind": "count", "target": target, "precedence": 4, "created_at": NOW} | values)


def test_rows_are_inserted_as_a_queryset_reads_them():
    insert([job("a", not_before=None), job("b", reason="%s")])
    found = Job.objects.order_by("id").values_list("target", "created_at", "not_before", "reason")
    assert list(found) == [("a", NOW, None, ""), ("b", NOW, None, "%s")]


def test_more_rows_than_one_statement_takes_are_inserted_all(monkeypatch):
    monkeypatch.setattr("portal.rows.MOST_VALUES", 25)
    insert([job(str(number)) for number in range(7)])
    assert Job.objects.count() == 7


def test_a_row_that_is_there_is_refused_or_stays_as_it_is():
    insert([job("a", reason="first")])
    insert([job("a", reason="second"), job("b")], unless_there=True)
    assert list(Job.objects.order_by("target").values_list("target", "reason")) == [("a", "first"), ("b", "")]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([job("a")])


def test_of_a_row_with_the_same_id_only_what_is_named_is_replaced():
    ada = make_person("ada")
    insert([User(id=ada.id, username="eve", address="ada@new.example")], replacing=("address",))
    assert User.objects.values_list("username", "address").get(id=ada.id) == ("ada", "ada@new.example")


def test_only_rows_that_meet_every_condition_are_changed_and_they_are_counted():
    insert([job("a", attempts=1), job("b", attempts=2), job("c", attempts=3)])
    assert change(Job, {"state": "running", "lease_until": None}, attempts=(1, 2), target="b") == 1
    assert change(Job, {"state": "dead"}, target="nobody") == 0
    assert change(Job, {"reason": "at once"}, not_before=None, state="waiting") == 2
    assert list(Job.objects.filter(state="running").values_list("target", flat=True)) == ["b"]


def test_only_rows_that_meet_the_conditions_are_removed():
    insert([job("a"), job("b"), job("c")])
    remove(Job, target=["a", "c"], kind="count")
    assert Job.objects.get().target == "b"


def test_kept_are_the_fields_that_are_named():
    ada = make_person("ada")
    ada.username, ada.address = "eve", "ada@new.example"
    keep(ada, "address")
    assert User.objects.values_list("username", "address").get(id=ada.id) == ("ada", "ada@new.example")


def test_there_is_a_row_or_there_is_none():
    insert([job("a")])
    assert (exists(Job, target="a", kind="count"), exists(Job, target="a", kind="other")) == (True, False)


@pytest.mark.parametrize("field", [field for model in apps.get_models() for field in model._meta.concrete_fields], ids=str)
def test_what_goes_past_a_field_is_what_the_field_would_have_made_of_it(field):
    for value in ("text", "", "0" * 32, 0, 1, 2**31 - 1):
        if type(value) is _plain(field):
            assert field.get_db_prep_save(value, connection) == value
