"""Logs are JSON lines on stderr. They hold names of things and never what is in them: no content, no secrets.

An exception is logged as the name of its class and the lines it passed, without its text, because texts of exceptions
repeat what they choked on.
"""

import logging
import re
import secrets
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

# Loggers that would tell of every doorbell.
QUIET = {
    "celery.app.trace": logging.ERROR,
    "celery.worker.strategy": logging.WARNING,
    "celery.bootsteps": logging.WARNING,
    "kombu": logging.WARNING,
    "django.db.backends": logging.WARNING,
}

_ONE_TIME_LINK = re.compile(r"(/invitation/)[^/?\s]+")

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def frames_only(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by class names and places, from the outermost cause to the error itself."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        event["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        cause = error.__cause__ or error.__context__
        if cause is not None:
            event["cause"] = type(cause).__name__
    event.pop("exc_text", None)
    event.pop("stack_info", None)
    return event


def without_tokens(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank the token in the address of an invitation: whoever reads it first sets the person's password."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _ONE_TIME_LINK.sub(r"\1…", value)
    return event


def configure(logging_settings: dict[str, Any]) -> None:
    """Set up structlog and the standard library's logging; Django calls it with settings.LOGGING at start."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                frames_only,
                without_tokens,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging_settings["level"])
    logging.captureWarnings(True)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


class RequestId:
    """Middleware: everything logged while a request is answered carries the same random id, and so does the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = secrets.token_hex(8)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
