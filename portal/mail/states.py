"""What may follow what in a message's life. A missing pair is the error."""

from portal.mail.models import Message

State = Message.State

TRANSITIONS: dict[tuple[str, str], str] = {
    (State.SUBMITTED, "undo"): State.UNDONE,
    (State.SUBMITTED, "seal"): State.SEALED,
    (State.SUBMITTED, "refuse"): State.REFUSED,
    (State.SUBMITTED, "fail"): State.FAILED,
    (State.SEALED, "deliver"): State.DELIVERED,
    (State.SEALED, "fail"): State.FAILED,
}


class WrongState(Exception):
    """The event does not fit the state the message is in."""


def after(state: str, event: str) -> str:
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise WrongState(f"{event} is not possible in state {state}") from None
