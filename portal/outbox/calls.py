"""What a person waits for at the screen: a Celery call with a result and a short time-out.

Nothing is kept: if it fails, the person asks again. The answer comes back over a Redis list that only this call knows,
not over Celery's result backend (docs/decisions/calls.md).
"""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from portal.outbox import workers
from portal.stops import stop_here

Payload = dict[str, Any]
Function = Callable[[Payload], Payload]

logger = structlog.get_logger(__name__)
REPLY_KEPT_SECONDS = 60
# How long a call may go on after its caller has stopped waiting before its process is killed.
GRACE_SECONDS = 5.0
_SLICE_SECONDS = 0.5  # shorter than the client's socket time-out, so that a hanging Redis is noticed

_functions: dict[str, Function] = {}


class CallError(Exception):
    """There is no answer."""


class Unavailable(CallError):
    """Redis is away, or no worker is there to answer: known at once, nothing was started."""


class TimedOut(CallError):
    """No answer within the time-out. The function may still be running."""


class Failed(CallError):
    """The function raised; the argument is the name of the exception's class and nothing else."""


def register_call(name: str, function: Function) -> None:
    """Make `function` callable by name. Payload and answer are JSON objects; secrets in them are sealed."""
    if _functions.setdefault(name, function) is not function:
        raise ValueError(f"two functions for the call {name}")


def call(name: str, payload: Payload, *, timeout: float) -> Payload:
    """Let a worker do `name` and wait `timeout` seconds for its answer; raises Unavailable, TimedOut or Failed."""
    if settings.CALLS_IN_PROCESS:
        return _opened(answer(name, json.loads(json.dumps(payload))))
    deadline = time.monotonic() + timeout
    reply_to = f"reply:{secrets.token_hex(16)}"
    try:
        if not workers.slots(workers.INTERACTIVE):
            raise Unavailable("no worker")
        current_app.send_task(
            "call",
            (name, payload, reply_to),
            queue=workers.INTERACTIVE,
            expires=timeout,
            time_limit=timeout + GRACE_SECONDS,
            retry=False,
            argsrepr="",
            kwargsrepr="",
        )
        stop_here("call.asked")
        return _opened(_wait(reply_to, deadline))
    except (RedisError, OperationalError) as failure:
        raise Unavailable("Redis is away") from failure


def answer(name: str, payload: Payload) -> str:
    """The worker's side: what goes back to the caller, whatever happens."""
    try:
        return json.dumps({"answer": _functions[name](payload)})
    except Exception as failure:
        logger.exception("call_failed", call=name, reason=type(failure).__name__)
        return json.dumps({"failed": type(failure).__name__})


def reply(reply_to: str, text: str) -> None:
    """Hand an answer to whoever waits for it; nobody asks for it later than in a minute."""
    with workers.redis_client().pipeline() as pipeline:
        pipeline.lpush(reply_to, text)
        pipeline.expire(reply_to, REPLY_KEPT_SECONDS)
        pipeline.execute()


def _wait(reply_to: str, deadline: float) -> str:
    while (left := deadline - time.monotonic()) > 0:
        found = workers.redis_client().blpop([reply_to], timeout=max(0.01, min(left, _SLICE_SECONDS)))
        if found is not None:
            return found[1]
    raise TimedOut


def _opened(text: str) -> Payload:
    reply = json.loads(text)
    if "failed" in reply:
        raise Failed(reply["failed"])
    return reply["answer"]
