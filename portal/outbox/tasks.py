"""Doorways. A pump carries no argument: what is to be done stands in the table."""

import fcntl
import tempfile

from celery import shared_task

from portal.outbox import calls, services
from portal.stops import stop_here

# As long as there is something to do. A new pump comes through dispatcher, Redis and the worker's parent, which on a busy machine takes a fifth of
# a second; a worker that shall end waits for its pump.
PUMP_SECONDS = 5.0
# A job that hangs ends with the process it hangs in; its attempts run out like any other's.
HANGING_SECONDS = 900

# One child of the interactive worker at a time may pump, so that the other is free for calls. A POSIX lock on a file
# without a name that the children inherit: it ends with the process that holds it, however that ends.
_one_at_a_time = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process


@shared_task(name="pump", ignore_result=True, time_limit=HANGING_SECONDS)
def pump() -> None:
    stop_here("pump.begun")
    services.run_ready(limit_seconds=PUMP_SECONDS)
    stop_here("pump.ended")


@shared_task(name="pump_urgent", ignore_result=True, time_limit=HANGING_SECONDS)
def pump_urgent() -> None:
    try:
        fcntl.lockf(_one_at_a_time, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    try:
        services.run_ready(limit_seconds=PUMP_SECONDS, urgent_only=True)
    finally:
        fcntl.lockf(_one_at_a_time, fcntl.LOCK_UN)


@shared_task(name="call", ignore_result=True)
def call(name: str, payload: dict, reply_to: str) -> None:
    stop_here("call.taken")
    answer = calls.answer(name, payload)
    stop_here("call.answered")
    calls.reply(reply_to, answer)
    stop_here("call.replied")
