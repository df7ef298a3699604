"""The Celery application. Workers ring for jobs and answer interactive calls; the database holds what must last."""

import os

from celery import Celery, signals
from django.db import close_old_connections

from portal import process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["consumer"].add("portal.outbox.workers:Announcement")


@signals.setup_logging.connect
def leave_logging_to_django(**_: object) -> None:
    """Celery sets up no logging of its own when somebody listens here; portal/logs.py has done it."""


@signals.task_prerun.connect
def drop_broken_connections(**_: object) -> None:
    """A connection that is open stays: to open one costs as much as a call does, and on PostgreSQL a process."""
    close_old_connections()


@signals.worker_init.connect
def protect_worker(**_: object) -> None:
    """The parent, before it forks. Its children inherit this, and end with it."""
    process.not_dumpable()
    parent = os.getpid()
    signals.worker_process_init.connect(lambda **_: process.die_with(parent), weak=False)
