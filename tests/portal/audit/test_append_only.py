"""Nobody rewrites the audit trail: not a service, not a page, not somebody with a database connection."""

# ruff: noqa: S608 - the statements are the tests

import pytest
from django.db import DatabaseError, connection, transaction

from portal.audit.models import AppendOnly, Event
from tests.portal.audit.events import happened

pytestmark = pytest.mark.django_db
COLUMNS = ", ".join(f'"{field.column}"' for field in Event._meta.fields)
UNDER_ANOTHER_ID = COLUMNS.replace('"id"', "'another'")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET outcome = 'granted'",
        "UPDATE audit_event SET leaf = leaf",
        "DELETE FROM audit_event",
    ],
)
def test_the_database_refuses_to_change_an_event(statement: str) -> None:
    _is_refused(statement)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="REPLACE is SQLite's own way around DELETE triggers")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE OR IGNORE audit_event SET outcome = 'granted'",
        f"INSERT OR REPLACE INTO audit_event SELECT {COLUMNS} FROM audit_event",
        f"INSERT INTO audit_event (rowid, {COLUMNS}) "
        f"SELECT rowid, {UNDER_ANOTHER_ID} FROM audit_event WHERE true "
        "ON CONFLICT DO UPDATE SET outcome = 'granted'",
        f"REPLACE INTO audit_event (rowid, {COLUMNS}) SELECT rowid, {UNDER_ANOTHER_ID} FROM audit_event",
    ],
)
def test_sqlite_refuses_to_replace_an_event(statement: str) -> None:
    _is_refused(statement)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
def test_postgresql_refuses_to_truncate_the_table() -> None:
    _is_refused("TRUNCATE audit_event")


def test_the_model_refuses_to_change_an_event() -> None:
    event = happened()
    with pytest.raises(AppendOnly):
        event.save()
    with pytest.raises(AppendOnly):
        event.delete()
    with pytest.raises(AppendOnly):
        Event.objects.all().delete()
    with pytest.raises(AppendOnly):
        Event.objects.update(reason="")


def _is_refused(statement: str) -> None:
    before = happened()
    with pytest.raises(DatabaseError, match="never"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    after = Event.objects.get()
    assert (after.id, after.outcome, after.leaf) == (before.id, before.outcome, before.leaf)
