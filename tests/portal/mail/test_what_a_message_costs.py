"""Of what a message costs, most is putting questions to the database together: a millisecond of CPU for each, a third of that in SQL."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import random_id
from portal.outbox import services as outbox
from tests.portal.organisation import CONFIDENTIAL

pytestmark = pytest.mark.django_db

# Session and roles 2, what is there already 1, recipients with keys, clearances and policy 4, draft and files 2, keys to seal to 2; once more
# under the lock what is there already 2, then draft, label, message, job and event 5; how far it is 1. The test adds a savepoint, PostgreSQL a NOTIFY.
SUBMIT = 23
# What was submitted 1, intake keys 2, people with keys and clearances 4, label and originator 2; then job, events, envelope, next job, draft and files 7, message 1,
# the next claim 2; a savepoint, a NOTIFY.
SEAL = 23
DELIVER = 19  # what was sealed 2, label and originator 2, people with keys and clearances 3; then job, message, mailboxes, events, envelope, message 7, the next claim 2; a savepoint


def questions(act):
    """(what it returned, how much it asked)."""
    with CaptureQueriesContext(connection) as asked:
        result = act()
    return result, len(asked)


def test_a_message_asks_the_database_no_more_than_it_must(organisation):
    browser, fields = organisation.browser("alice"), {"to": "bob", "subject": "Fuel", "text": "x", "classification": str(CONFIDENTIAL)}

    def post():
        return browser.post(f"/mail/drafts/{random_id()}/send", fields, headers={"HX-Request": "true"}, secure=True)

    post(), outbox.run_until_idle()  # what a process reads once
    response, submit = questions(post)
    job = outbox.claim()
    job, seal = questions(lambda: outbox.run(job, outbox.take))
    _, deliver = questions(lambda: outbox.run(job, outbox.take))
    assert response.status_code == 200
    assert (submit <= SUBMIT, seal <= SEAL, deliver <= DELIVER) == (True,) * 3, (submit, seal, deliver)
