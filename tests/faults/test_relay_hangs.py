"""A relay that takes a message and never answers: its jobs are held, and nothing else is."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.faults.outside import OLGA, Outside, outside
from tests.faults.sending import Sender, wait_until_drained
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults
LEASE, CONNECTIONS, FLASH = 5, 3, "1"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Outside]]:
    folder = tmp_path_factory.mktemp("hangs")
    with outside(folder) as around:
        environment = {"LEASE_SECONDS": str(LEASE), "UNDO_SECONDS": "0", "RELAY_CONNECTIONS": str(CONNECTIONS), **around.environment}
        with Stack(folder / "data", demo=True, **environment) as stack:
            around.introduce(stack)
            yield stack, around


@pytest.fixture
def hanging(town: tuple[Stack, Outside]) -> Iterator[tuple[Stack, Outside]]:
    """The relay takes what it is given and says nothing, until the test is over; then everything has left once."""
    stack, around = town
    around.relay.taken.clear()
    around.relay.released.clear()
    try:
        yield town
    finally:
        around.relay.released.set()
    wait_until_drained(stack)
    assert stack.query("SELECT DISTINCT attempts FROM outbox_job WHERE kind = 'relay'") == [(1,)]
    assert len(set(around.relay.taken)) == len(around.relay.taken)


def delivered(stack: Stack, message_id: str) -> bool:
    return bool(stack.query("SELECT 1 FROM mail_message WHERE id = ? AND state = 'delivered'", message_id))


def test_mail_to_people_here_is_delivered_and_flash_leaves_while_the_relay_hangs(hanging: tuple[Stack, Outside]) -> None:
    stack, around = hanging
    alice = Sender(stack, "alice", "bob")
    for number in range(8):
        alice.send(f"Held {number}", to=OLGA)
    wait_for(lambda: len(around.relay.taken) == CONNECTIONS - 1, within=30, what="routine has its places")
    for precedence in ("4", FLASH):
        message_id = alice.send(f"Here {precedence}", precedence=precedence)
        wait_for(lambda: delivered(stack, message_id), within=10, what="delivered")  # noqa: B023
    assert len(around.relay.taken) == CONNECTIONS - 1
    alice.send("Flash abroad", to=OLGA, precedence=FLASH)
    wait_for(lambda: len(around.relay.taken) == CONNECTIONS, within=10, what="the place that is kept is taken")


def test_a_job_that_takes_longer_than_its_lease_renews_it_and_happens_once(hanging: tuple[Stack, Outside]) -> None:
    stack, around = hanging
    Sender(stack, "alice", "bob").send("Long", to=OLGA)
    wait_for(lambda: around.relay.taken, within=30, what="taken")

    def lease() -> datetime:
        return datetime.fromisoformat(stack.query("SELECT lease_until FROM outbox_job WHERE kind = 'relay' AND state = 'running'")[0][0])

    first = lease()
    wait_for(lambda: lease() > first + timedelta(seconds=LEASE), within=30, what="renewed for longer than it was")
