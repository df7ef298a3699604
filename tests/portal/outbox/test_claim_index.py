"""A long backlog does not make claiming slow."""

import pytest

from portal.outbox import selectors
from portal.outbox.models import Job

pytestmark = pytest.mark.django_db


def test_a_claim_walks_the_index_of_open_jobs():
    assert "claim_order" in selectors.claimable().explain()


def test_counting_what_is_in_work_walks_the_index_of_running_jobs():
    assert "running_jobs" in Job.objects.filter(selectors.IS_RUNNING, kind="test").explain()


def test_the_words_of_the_index_are_those_of_the_query():
    """The planner compares the text of the condition: another state needs both places."""
    states = sorted(state for state in Job._meta.indexes[0].condition.children[0][1])
    assert sorted(selectors.IS_OPEN.sql.removeprefix("state IN ('").removesuffix("')").split("', '")) == states
    assert f"state = '{Job._meta.indexes[2].condition.children[0][1]}'" == selectors.IS_RUNNING.sql
