"""Accepted means kept: a database that is set to forget is refused."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from portal.outbox import durability

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pragma():
    def run(text):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {text}")

    yield run
    connection.close()  # the next one is set up anew


def test_the_portals_own_settings_hold():
    durability.check()


def test_less_than_full_synchronisation_is_refused(pragma):
    pragma("synchronous=NORMAL")
    with pytest.raises(ImproperlyConfigured):
        durability.check()


def test_another_journal_is_refused(pragma):
    pragma("journal_mode=MEMORY")
    with pytest.raises(ImproperlyConfigured):
        durability.check()
    pragma("journal_mode=WAL")
