"""Jobs that only count, and calls that only answer: enough to see what the queue and the workers do."""

import ctypes
import hashlib
import os
import threading
from typing import Any

from django.apps import AppConfig
from django.db.models import F

from portal.outbox import calls, registry


def count(job: registry.Claimed) -> registry.Finish:
    """Some milliseconds of work, then one more on the row of the target."""
    from tests.counting.models import Count

    hashlib.pbkdf2_hmac("sha256", job.target.encode(), b"salt", 50_000)

    def finish() -> None:
        Count.objects.get_or_create(target=job.target)
        Count.objects.filter(target=job.target).update(times=F("times") + 1)

    return finish


def echo(payload: dict[str, Any]) -> dict[str, Any]:
    """Also says which process answers, and whether anybody may look into it."""
    pr_get_dumpable = 3
    return {**payload, "pid": os.getpid(), "dumpable": ctypes.CDLL(None).prctl(pr_get_dumpable)}


def hang(_payload: dict[str, Any]) -> dict[str, Any]:
    threading.Event().wait()
    return {}


class CountingConfig(AppConfig):
    name = "tests.counting"
    label = "counting"

    def ready(self) -> None:
        registry.register("count", count)
        calls.register_call("echo", echo)
        calls.register_call("hang", hang)
