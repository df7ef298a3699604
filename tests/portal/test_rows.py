"""Questions in SQL find what a queryset finds."""

from datetime import timedelta

import pytest

from portal.accounts.models import User
from portal.rows import by_id, rows
from tests.portal.people import make_person

pytestmark = pytest.mark.django_db
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
