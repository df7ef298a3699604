"""Somebody waits at the screen: the answer, or at once why there is none."""

import signal
import time

import pytest

from portal.outbox import calls, workers


@pytest.fixture
def to_workers(settings):
    settings.CALLS_IN_PROCESS = False


def seconds(function):
    started = time.monotonic()
    function()
    return time.monotonic() - started


def unavailable():
    with pytest.raises(calls.Unavailable):
        calls.call("echo", {}, timeout=5)


def test_without_redis_it_says_so_at_once(to_workers):
    unavailable()
    assert seconds(unavailable) < 0.3


def test_without_a_worker_it_says_so_at_once(to_workers, redis_server):
    unavailable()
    assert seconds(unavailable) < 0.3


def test_a_worker_for_bulk_alone_answers_no_calls(to_workers, redis_server):
    workers.announce("worker", "bulk@here", {"bulk": 2})
    unavailable()


def test_an_answer_that_does_not_come_is_late_and_never_unavailable(to_workers, redis_server):
    workers.announce("worker", "interactive@here", {"interactive": 2})
    with pytest.raises(calls.TimedOut):
        calls.call("echo", {}, timeout=0.3)
    assert workers.waiting("interactive") == 1


def test_a_redis_that_hangs_is_away_within_two_seconds(to_workers, redis_server):
    workers.announce("worker", "interactive@here", {"interactive": 2})
    redis_server.send_signal(signal.SIGSTOP)
    try:
        assert seconds(unavailable) < 2
    finally:
        redis_server.send_signal(signal.SIGCONT)


def test_an_announcement_is_forgotten_after_ten_seconds(redis_server):
    workers.announce("worker", "bulk@here", {"bulk": 2})
    assert workers.slots("bulk") == 2
    assert 0 < workers.redis_client().ttl("worker:bulk@here") <= 10


def test_a_function_that_raises_tells_its_class_and_not_its_text(settings, monkeypatch, capsys):
    def fails(payload):
        raise ValueError("attack at dawn")

    settings.CALLS_IN_PROCESS = True
    monkeypatch.setitem(calls._functions, "fails", fails)
    with pytest.raises(calls.Failed) as failure:
        calls.call("fails", {}, timeout=1)
    assert failure.value.args == ("ValueError",)
    assert "dawn" not in capsys.readouterr().err


def test_a_name_has_one_function():
    with pytest.raises(ValueError, match="echo"):
        calls.register_call("echo", lambda payload: payload)
