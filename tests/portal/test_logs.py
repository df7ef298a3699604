"""Logs name things and never tell what is in them."""

import io
import json
import logging

import pytest
import structlog
from django.http import HttpResponse

from portal import logs


@pytest.fixture
def log_lines(settings):
    root = logging.getLogger()
    before = root.handlers, root.level
    logs.configure(settings.LOGGING)
    written = io.StringIO()
    root.handlers[0].setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers, root.level = before


def raise_content():
    try:
        raise KeyError("attack at dawn")
    except KeyError:
        raise ValueError("at the bridge") from None


@pytest.mark.parametrize("logger", [logging.getLogger("foreign"), structlog.get_logger("ours")])
def test_an_exception_is_logged_as_its_class_and_places(log_lines, logger):
    try:
        raise_content()
    except ValueError:
        logger.exception("failed")
    (line,) = log_lines()
    assert (line["event"], line["error"], line["cause"]) == ("failed", "ValueError", "KeyError")
    assert line["at"][-1].endswith("raise_content")
    assert "dawn" not in json.dumps(line)
    assert "bridge" not in json.dumps(line)


def test_what_is_logged_during_a_request_carries_the_id_of_the_answer(log_lines, rf):
    def view(request):
        structlog.get_logger("ours").info("seen")
        return HttpResponse()

    response = logs.RequestId(view)(rf.get("/"))
    structlog.get_logger("ours").info("later")
    seen, later = log_lines()
    assert seen["request_id"] == response["X-Request-Id"]
    assert "request_id" not in later
