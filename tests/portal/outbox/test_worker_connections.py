"""A worker's connection to the database outlives its tasks, as the web's outlives requests; a broken one does not."""

import pytest
from celery import signals
from celery.fixups.django import DjangoWorkerFixup
from django.db import DatabaseError, connection

from portal.celery import app
from portal.outbox.models import Job
from portal.outbox.tasks import pump

pytestmark = pytest.mark.django_db(transaction=True)


def between_two_tasks() -> None:
    fixup = DjangoWorkerFixup(app)
    fixup.on_task_postrun(pump)
    fixup.on_task_prerun(pump)
    signals.task_prerun.send(sender=pump)


def test_the_next_task_has_the_connection_of_the_last():
    Job.objects.exists()
    before = connection.connection
    between_two_tasks()
    assert connection.connection is before


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file, which does not go away")
def test_a_connection_that_no_longer_works_is_dropped():
    Job.objects.exists()
    connection.connection.close()
    with pytest.raises(DatabaseError):
        Job.objects.exists()
    between_two_tasks()
    assert not Job.objects.exists()
