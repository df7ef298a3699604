"""/healthz: 200 when all parts are there, 503 with the reason otherwise, open to everybody, silent about the rest."""

import pytest
from django.db import transaction
from django.urls import resolve

from portal.outbox import services, workers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def all_there(redis_server):
    resolve("/healthz")  # the first request would import all pages, and announcements last no longer than ten seconds
    workers.announce("worker", "interactive@here", {"interactive": 2, "urgent": 1})
    workers.announce("worker", "bulk@here", {"bulk": 4})
    workers.announce("dispatcher", "here", {})


def test_all_well(client, all_there):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (
        200,
        {
            "database": "ok",
            "redis": "ok",
            "dispatcher": "ok",
            "workers": {"interactive": 2, "bulk": 4},
            "oldest_waiting_job": 0,
            "reason": "",
        },
    )
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("role", "name", "missing"),
    [
        ("worker", "bulk@here", "bulk worker"),
        ("worker", "interactive@here", "interactive worker"),
        ("dispatcher", "here", "dispatcher"),
    ],
)
def test_what_is_missing_is_named(client, all_there, role, name, missing):
    workers.withdraw(role, name)
    response = client.get("/healthz")
    assert (response.status_code, response.json()["reason"]) == (503, f"away: {missing}")


def test_without_redis(client):
    response = client.get("/healthz")
    assert (response.status_code, response.json()["redis"]) == (503, "away")


def test_the_age_of_the_oldest_job_is_shown(client, all_there, outbox_clock):
    with transaction.atomic():
        services.enqueue(kind="test", target="a")
    outbox_clock.advance(seconds=90)
    assert client.get("/healthz").json()["oldest_waiting_job"] == 90


def test_it_is_only_read(client):
    assert client.post("/healthz").status_code == 405
