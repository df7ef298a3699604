"""The queue's promises, one job at a time."""

import concurrent.futures
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from portal.outbox import registry, selectors, services
from portal.outbox.models import Job, Precedence
from portal.outbox.states import State

pytestmark = pytest.mark.django_db(transaction=True)


def enqueue(target, **options):
    with transaction.atomic():
        services.enqueue(kind="test", target=target, **options)


def job(target):
    return Job.objects.get(kind="test", target=target)


class Work:
    def __init__(self):
        self.done = []
        self.dead = []
        self.service = lambda claimed: lambda: self.done.append(claimed.target)


@pytest.fixture
def work(monkeypatch):
    """A kind of job that notes what it does; `work.service` decides what one attempt is."""

    work = Work()

    def attempt(claimed):
        return work.service(claimed)

    entry = registry.Entry(attempt, on_dead=lambda claimed: work.dead.append(claimed.target))
    monkeypatch.setitem(registry._entries, "test", entry)
    return work


def test_a_step_queued_twice_happens_once(work):
    enqueue("a")
    enqueue("a")
    assert services.run_until_idle() == 1
    enqueue("a")
    assert services.run_until_idle() == 0
    assert work.done == ["a"]


def test_a_job_belongs_to_a_transaction():
    with pytest.raises(RuntimeError):
        services.enqueue(kind="test", target="a")


def test_a_job_of_a_transaction_that_rolls_back_was_never_there(work):
    with transaction.atomic():
        services.enqueue(kind="test", target="a")
        transaction.set_rollback(True)
    assert services.run_until_idle() == 0


def test_flash_overtakes_what_has_waited_longer(work):
    for number in range(20):
        enqueue(f"routine{number}", precedence=Precedence.ROUTINE)
    enqueue("flash", precedence=Precedence.FLASH)
    services.run_until_idle()
    assert work.done[:3] == ["flash", "routine0", "routine1"]


def test_an_urgent_pump_leaves_priority_and_below_alone(work):
    enqueue("priority", precedence=Precedence.PRIORITY)
    enqueue("immediate", precedence=Precedence.IMMEDIATE)
    services.run_ready(limit_seconds=60, urgent_only=True)
    assert work.done == ["immediate"]


def test_the_transaction_that_finishes_a_job_takes_the_next(work):
    for target in ("a", "b", "c"):
        enqueue(target)
    with CaptureQueriesContext(connection) as asked:
        services.run_ready(limit_seconds=60)
    begun = [each for each in asked if each["sql"].startswith(("SAVEPOINT", "BEGIN"))]
    assert (work.done, len(begun)) == (["a", "b", "c"], 5)  # the first claim, three ends, and a look that finds nothing


def test_a_job_whose_time_is_over_takes_no_other(work):
    for target in ("a", "b"):
        enqueue(target)
    assert services.run_ready(limit_seconds=0) == 1
    assert services.claim().target == "b"


def test_what_is_not_finished_after_all_has_taken_nothing(work):
    enqueue("a")
    enqueue("b")
    first = services.claim()

    def take_and_fail():
        services.claim()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        services.finish(first, then=take_and_fail)
    assert job("b").state == State.WAITING


@pytest.fixture
def limited(work, monkeypatch):
    """Jobs that wait for others: three at the same time."""
    monkeypatch.setitem(registry._entries, "test", registry.Entry(registry.find("test").service, at_once=3))


def targets(claims):
    return [each and each.target for each in claims]


def test_a_kind_with_a_limit_leaves_the_last_place_to_immediate_and_above(limited):
    for target in ("a", "b", "c"):
        enqueue(target)
    assert targets(services.claim() for _ in range(3)) == ["a", "b", None]
    enqueue("flash", precedence=Precedence.FLASH)
    enqueue("another", precedence=Precedence.FLASH)
    assert targets(services.claim() for _ in range(2)) == ["flash", None]


def test_a_kind_with_a_limit_holds_up_no_other(limited):
    for target in ("a", "b", "c"):
        enqueue(target, precedence=Precedence.PRIORITY)
    with transaction.atomic():
        services.enqueue(kind="deliver", target="local")
    assert targets(services.claim() for _ in range(3)) == ["a", "b", "local"]


def test_a_place_is_free_again_when_a_job_is_done_or_its_lease_is_over(limited, outbox_clock, settings):
    for target in ("a", "b", "c"):
        enqueue(target)
    first, _ = services.claim(), services.claim()
    services.finish(first)
    assert services.claim().target == "c"
    outbox_clock.time += settings.LEASE
    assert services.claim().target == "b"


def test_the_worker_that_is_kept_for_urgent_jobs_waits_for_nobody(limited):
    enqueue("flash", precedence=Precedence.FLASH)
    assert services.claim(urgent_only=True) is None


def test_a_full_kind_rings_no_bell(limited):
    for target in ("a", "b", "c"):
        enqueue(target)
    for _ in range(2):
        services.claim()
    assert selectors.ready_counts(5) == (0, 0)


def test_many_workers_never_have_more_of_a_kind_than_its_limit(limited):
    for number in range(40):
        enqueue(f"job{number}", precedence=Precedence.FLASH)

    def claim_all():
        try:
            return [job for job in [services.claim() for _ in range(30)] if job]
        finally:
            connections.close_all()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sum(len(future.result()) for future in [pool.submit(claim_all) for _ in range(4)]) == 3


def test_a_job_waits_for_its_time(work, outbox_clock):
    enqueue("a", not_before=outbox_clock.time + timedelta(seconds=5))
    assert services.claim() is None
    outbox_clock.advance(seconds=5)
    assert services.run_until_idle() == 1


def test_a_time_that_nobody_may_set_comes_from_a_wrong_clock_and_counts_as_passed(work, outbox_clock):
    enqueue("a", not_before=outbox_clock.time + timedelta(minutes=1))
    outbox_clock.advance(days=-400)
    assert services.run_until_idle() == 1


def test_nobody_queues_further_ahead_than_that(outbox_clock):
    with pytest.raises(ValueError, match="ahead"):
        enqueue("a", not_before=outbox_clock.time + timedelta(days=1))


def test_a_claimed_job_is_taken_by_nobody_else_until_its_lease_is_over(work, outbox_clock, settings):
    enqueue("a")
    first = services.claim()
    assert services.claim() is None
    outbox_clock.time += settings.LEASE
    second = services.claim()
    assert (second.id, second.fence, second.attempts) == (first.id, first.fence + 1, 2)


def test_a_renewed_lease_holds(outbox_clock, settings):
    enqueue("a")
    claimed = services.claim()
    outbox_clock.time += settings.LEASE * 0.9
    services.renew(claimed)
    outbox_clock.time += settings.LEASE * 0.9
    assert services.claim() is None


def test_long_work_asks_for_its_lease_when_a_third_is_over(outbox_clock, settings):
    enqueue("a")
    zombie = services.claim()
    outbox_clock.time += settings.LEASE
    services.claim()
    services.keeper(zombie)()  # just begun: nobody is asked
    keep = services.keeper(zombie)
    settings.LEASE = timedelta(0)
    with pytest.raises(services.LeaseLost):
        keep()


def test_a_lease_from_a_wrong_clock_is_over(outbox_clock):
    enqueue("a")
    services.claim()
    outbox_clock.advance(days=-1)
    assert services.claim() is not None


def test_what_a_worker_does_after_its_lease_does_not_count(work, outbox_clock, settings):
    enqueue("a")
    zombie = services.claim()
    outbox_clock.time += settings.LEASE
    heir = services.claim()
    with pytest.raises(services.LeaseLost):
        services.finish(zombie, lambda: work.done.append("zombie"))
    with pytest.raises(services.LeaseLost):
        services.renew(zombie)
    services.run(heir)
    assert work.done == ["a"]


def test_what_fails_after_its_lease_takes_the_job_from_nobody(work, outbox_clock, settings):
    def fails(claimed):
        raise services.Retry("too late")

    enqueue("a")
    zombie = services.claim()
    outbox_clock.time += settings.LEASE
    heir = services.claim()
    work.service, does = fails, work.service
    services.run(zombie)
    work.service = does
    services.run(heir)
    assert (job("a").state, job("a").reason, work.done) == (State.DONE, "", ["a"])


def test_results_and_the_end_of_the_job_are_one_transaction(work):
    def results():
        services.enqueue(kind="test", target="next")
        raise ZeroDivisionError

    work.service = lambda claimed: results
    enqueue("a")
    services.run(services.claim())
    assert not Job.objects.filter(target="next").exists()
    assert (job("a").state, job("a").reason) == (State.WAITING, "ZeroDivisionError")


def test_a_failed_job_comes_back_later_each_time_and_is_dead_after_five_attempts(work, outbox_clock):
    def fails(claimed):
        raise services.Retry("the other side is busy")

    work.service = fails
    enqueue("a")
    waits = []
    for _attempt in range(4):
        services.run(services.claim())
        waits.append(job("a").not_before - outbox_clock.time)
        assert services.claim() is None
        outbox_clock.time = job("a").not_before
    services.run(services.claim())
    assert waits == sorted(set(waits))
    assert (job("a").state, job("a").attempts, job("a").reason) == (State.DEAD, 5, "the other side is busy")
    assert work.dead == ["a"]
    outbox_clock.advance(days=30)
    assert services.claim() is None


def test_the_reason_of_a_failure_holds_no_content(work):
    def fails(claimed):
        raise ValueError("attack at dawn")

    work.service = fails
    enqueue("a")
    services.run(services.claim())
    assert job("a").reason == "ValueError"


def test_a_job_that_kills_its_worker_five_times_is_not_tried_again(work, outbox_clock, settings):
    enqueue("a")
    for _attempt in range(5):
        services.claim()
        outbox_clock.time += settings.LEASE
    services.run_until_idle()
    assert (job("a").state, job("a").reason) == (State.DEAD, "worker lost")
    assert work.done == []
    assert work.dead == ["a"]


def test_a_death_that_cannot_be_told_is_a_death_all_the_same(work, outbox_clock, settings, monkeypatch):
    def untold(claimed):
        raise ZeroDivisionError

    monkeypatch.setitem(registry._entries, "test", registry.Entry(work.service, untold))
    enqueue("a")
    for _attempt in range(5):
        services.claim()
        outbox_clock.time += settings.LEASE
    services.run_until_idle()
    assert job("a").state == State.DEAD


def test_a_kind_that_nobody_knows_is_kept(outbox_clock):
    enqueue("a")
    services.run(services.claim())
    assert (job("a").state, job("a").reason) == (State.WAITING, "UnknownKind")


def test_a_waiting_job_can_be_cancelled_once(work):
    enqueue("a")
    assert services.cancel("test", "a")
    assert not services.cancel("test", "a")
    assert services.run_until_idle() == 0


def test_a_job_that_a_worker_has_cannot_be_cancelled(work):
    enqueue("a")
    claimed = services.claim()
    assert not services.cancel("test", "a")
    services.run(claimed)
    assert work.done == ["a"]


def test_what_comes_back_by_itself_is_queued_once_in_each_period(work, outbox_clock, monkeypatch):
    monkeypatch.setattr(registry, "_entries", {"test": registry.Entry(work.service, every=timedelta(days=1))})
    outbox_clock.time = outbox_clock.time.replace(hour=0, minute=0, second=0, microsecond=0)
    for _hour in range(48):
        services.enqueue_periodic()
        services.run_until_idle()
        outbox_clock.advance(hours=1)
    assert len(work.done) == 2


def test_two_workers_never_claim_the_same_job():
    for number in range(60):
        enqueue(f"job{number}")

    def claim_all():
        try:
            claimed = []
            while (job := services.claim()) is not None:
                claimed.append(job.target)
            return claimed
        finally:
            connections.close_all()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        claimed = [target for future in [pool.submit(claim_all) for _ in range(4)] for target in future.result()]
    assert sorted(claimed) == sorted(f"job{number}" for number in range(60))
