"""A long backlog does not make claiming slow."""

import pytest
from django.db import connection

from portal.outbox import selectors
from portal.outbox.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def as_if_there_were_many(db):
    """PostgreSQL reads a short table from start to end, whatever its indexes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")


def test_a_claim_walks_the_index_of_open_jobs():
    assert "claim_order" in selectors.claimable().explain()


def test_counting_what_is_in_work_walks_the_index_of_running_jobs():
    assert "running_jobs" in Job.objects.filter(selectors.IS_RUNNING, kind="test").explain()


def test_the_words_of_the_index_are_those_of_the_query():
    """The planner compares the text of the condition: another state needs both places."""
    states = sorted(state for state in Job._meta.indexes[0].condition.children[0][1])
    assert sorted(selectors.IS_OPEN.sql.removeprefix("state IN ('").removesuffix("')").split("', '")) == states
    assert f"state = '{Job._meta.indexes[2].condition.children[0][1]}'" == selectors.IS_RUNNING.sql


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans in no time")
def test_a_claim_that_is_made_again_and_again_is_planned_once():
    for _ in range(5):
        selectors.first_ready()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_prepared_statements WHERE statement LIKE 'SELECT * FROM outbox_job%%'")
        assert cursor.fetchone()
