"""What may become of a job. An event that is missing here does not exist."""

from django.db.models import TextChoices


class State(TextChoices):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


OPEN = (State.WAITING, State.RUNNING)

# event -> (states it may happen in, state it leads to)
TRANSITIONS: dict[str, tuple[tuple[State, ...], State]] = {
    "claim": ((State.WAITING, State.RUNNING), State.RUNNING),
    "finish": ((State.RUNNING,), State.DONE),
    "put_back": ((State.RUNNING,), State.WAITING),
    "bury": ((State.RUNNING,), State.DEAD),
    "cancel": ((State.WAITING, State.DEAD), State.CANCELLED),
    "retry": ((State.DEAD,), State.WAITING),
}
