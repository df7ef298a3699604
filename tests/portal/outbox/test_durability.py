"""Accepted means kept: a database that is set to forget is refused."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from portal.outbox import durability

pytestmark = pytest.mark.django_db(transaction=True)

sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="a setting of SQLite")
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="a setting of PostgreSQL")


@pytest.fixture
def execute():
    def run(text):
        with connection.cursor() as cursor:
            cursor.execute(text)

    yield run
    connection.close()  # the next one is set up anew


def test_the_portals_own_settings_hold():
    durability.check()


@sqlite
def test_less_than_full_synchronisation_is_refused(execute):
    execute("PRAGMA synchronous=NORMAL")
    with pytest.raises(ImproperlyConfigured):
        durability.check()


@sqlite
def test_another_journal_is_refused(execute):
    execute("PRAGMA journal_mode=MEMORY")
    with pytest.raises(ImproperlyConfigured):
        durability.check()
    execute("PRAGMA journal_mode=WAL")


@postgresql
def test_a_commit_that_waits_for_no_disk_is_refused(execute):
    execute("SET synchronous_commit TO off")
    with pytest.raises(ImproperlyConfigured):
        durability.check()
