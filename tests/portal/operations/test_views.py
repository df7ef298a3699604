"""The Operations page: first what works, then each refusal with its one event."""

import pytest
from django.db import transaction
from django.test import Client

from portal.audit.models import Event
from portal.outbox import registry, services
from portal.outbox.models import Job, Precedence
from portal.outbox.states import State
from tests.portal.people import client_of, make_person

pytestmark = pytest.mark.django_db
TOKEN = "a token of sixteen"


@pytest.fixture
def operator() -> Client:
    return client_of(make_person("otto", "operator"))


def job(**fields: object) -> Job:
    from portal.outbox import clock

    known = {"kind": "test", "target": "a", "precedence": Precedence.ROUTINE, "created_at": clock.now()}
    return Job.objects.create(**(known | fields))


def dead(**fields: object) -> Job:
    return job(state=State.DEAD, attempts=5, reason="OSError", **fields)


def the_events() -> list[tuple[str, str, str]]:
    return list(Event.objects.values_list("verb", "outcome", "reason"))


# --- what works -----------------------------------------------------------------------------------------------------


def test_the_page_shows_depth_and_age_per_kind_and_precedence(operator: Client) -> None:
    for number in range(3):
        job(target=f"routine {number}")
    job(target="flash", precedence=Precedence.FLASH, state=State.RUNNING)
    page = operator.get("/operations/").text
    assert page.index('data-column="Precedence">Flash') < page.index('data-column="Precedence">Routine')
    assert 'data-column="Ready">3</td>' in page
    assert 'data-column="In work">1</td>' in page


def test_a_dead_job_is_shown_with_its_reason_and_begins_again(operator: Client) -> None:
    given_up = dead(fence=7)
    assert "OSError" in operator.get("/operations/").text
    assert operator.post(f"/operations/jobs/{given_up.id}/retry/").status_code == 302
    given_up.refresh_from_db()
    assert (given_up.state, given_up.attempts, given_up.fence, given_up.reason) == (State.WAITING, 0, 7, "")
    assert the_events() == [("job_retried", "granted", "")]


def test_a_dead_job_that_is_cancelled_tells_what_it_was_for(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setitem(registry._entries, "test", registry.Entry(lambda claimed: None, on_cancelled=told.append))
    assert operator.post(f"/operations/jobs/{dead().id}/cancel/").status_code == 302
    assert (Job.objects.get().state, told) == (State.CANCELLED, ["a"])
    assert the_events() == [("job_cancelled", "granted", "")]


def test_the_piece_that_renews_itself_is_the_page_without_its_frame(operator: Client) -> None:
    dead()
    piece = operator.get("/operations/now/").text
    assert piece.startswith('<div id="operations-state"')
    assert "<html" not in piece


@pytest.mark.parametrize(
    ("kind", "words"),
    [("seal", "The message is a draft again"), ("deliver", "Who has the message keeps it"), ("relay", "It does not leave to this address"), ("accept", "its sender outside is not told"), ("sweep", "It is not done this time")],
)
def test_before_a_dead_job_is_cancelled_the_page_says_what_becomes_of_it(operator: Client, kind: str, words: str) -> None:
    dead(kind=kind)
    assert words in operator.get("/operations/").text


def test_what_was_given_up_has_not_been_dealt_with(operator: Client) -> None:
    assert "has been dealt with" in operator.get("/operations/").text
    dead()
    assert "has been dealt with" not in operator.get("/operations/").text


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", ["retry", "cancel"])
@pytest.mark.parametrize("state", [State.WAITING, State.RUNNING, State.DONE, State.CANCELLED, None])
def test_only_what_is_dead_is_decided_about(operator: Client, decision: str, state: str | None) -> None:
    number = job(state=state).id if state else 4711
    response = operator.post(f"/operations/jobs/{number}/{decision}/")
    assert response.status_code == 409
    assert "somebody else has decided" in response.text
    assert [event[:2] for event in the_events()] == [(f"job_{'retried' if decision == 'retry' else 'cancelled'}", "refused")]
    assert not state or Job.objects.get().state == state


@pytest.mark.parametrize("path", ["/operations/", "/operations/now/"])
def test_nobody_but_operators_sees_it_administrators_included(path: str) -> None:
    other = client_of(make_person("ada", "administrator", "security_officer"))
    assert other.get(path).status_code == 404
    assert [event[:2] for event in the_events()] == [("refused", "refused")]


def test_nobody_but_operators_decides() -> None:
    given_up = dead()
    assert client_of(make_person("ada", "administrator")).post(f"/operations/jobs/{given_up.id}/retry/").status_code == 404
    given_up.refresh_from_db()
    assert given_up.state == State.DEAD


# --- for machines ---------------------------------------------------------------------------------------------------


def test_metrics_are_for_who_has_the_token(client: Client, settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    job(precedence=Precedence.FLASH)
    dead(target="b")
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    assert 'portal_jobs{kind="test",precedence="flash",state="waiting"} 1.0' in text
    assert 'portal_jobs_dead{kind="test"} 1.0' in text
    assert 'portal_up{part="database"} 1.0' in text


@pytest.mark.parametrize(("configured", "given"), [("", "Bearer "), ("", ""), (TOKEN, ""), (TOKEN, "Bearer wrong"), (TOKEN, TOKEN)])
def test_without_the_token_metrics_are_absent(client: Client, settings, configured: str, given: str) -> None:
    settings.METRICS_TOKEN = configured
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 404


def test_the_queue_on_a_terminal(capsys: pytest.CaptureFixture) -> None:
    from django.core.management import CommandError, call_command

    job(precedence=Precedence.FLASH)
    given_up = dead(target="b")
    call_command("queue")
    shown = capsys.readouterr().out
    assert "flash" in shown
    assert "OSError" in shown
    call_command("queue", "retry", str(given_up.id))
    assert Job.objects.filter(state=State.DEAD).count() == 0
    with pytest.raises(CommandError, match="not dead"):
        call_command("queue", "cancel", str(given_up.id))
    assert Event.objects.filter(verb="job_retried", name__endswith="(terminal)").count() == 1


def test_all_dead_jobs_are_more_than_those_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.management import call_command

    monkeypatch.setattr("portal.operations.selectors.DEAD_SHOWN", 1)
    for target in "bc":
        dead(target=target)
    call_command("queue", "retry", "--all")
    assert not Job.objects.filter(state=State.DEAD).exists()


def test_a_job_that_begins_again_has_all_its_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(claimed: object) -> None:
        raise OSError

    monkeypatch.setitem(registry._entries, "test", registry.Entry(fails, delays=()))
    with transaction.atomic():
        services.enqueue(kind="test", target="a")
    for _ in range(2):
        services.run_until_idle()
        given_up = Job.objects.get()
        assert (given_up.state, given_up.attempts) == (State.DEAD, 1)
        with transaction.atomic():
            assert services.retry_dead(given_up)
