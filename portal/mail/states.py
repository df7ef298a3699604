"""What may follow what in a message's life. A missing pair is the error."""

from portal.mail.models import Message, Outbound

State = Message.State

TRANSITIONS: dict[tuple[str, str], str] = {
    (State.SUBMITTED, "undo"): State.UNDONE,
    (State.SUBMITTED, "seal"): State.SEALED,
    (State.SUBMITTED, "refuse"): State.REFUSED,
    (State.SUBMITTED, "fail"): State.FAILED,
    (State.SEALED, "deliver"): State.DELIVERED,
    (State.SEALED, "refuse"): State.REFUSED,
    (State.SEALED, "fail"): State.FAILED,
}


class WrongState(Exception):
    """The event does not fit the state the message is in."""


def after(state: str, event: str) -> str:
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise WrongState(f"{event} is not possible in state {state}") from None


_Way = Outbound.State

RELAY_TRANSITIONS: dict[tuple[str, str], str] = {
    (_Way.WAITING, "hand_over"): _Way.SENT,
    (_Way.WAITING, "refuse"): _Way.FAILED,
    (_Way.WAITING, "delivered"): _Way.DELIVERED,  # the notification was faster than our own transaction
    (_Way.WAITING, "failed"): _Way.BOUNCED,
    (_Way.SENT, "delayed"): _Way.SENT,
    (_Way.SENT, "relayed"): _Way.SENT,
    (_Way.SENT, "delivered"): _Way.DELIVERED,
    (_Way.SENT, "failed"): _Way.BOUNCED,
}


def after_relay(state: str, event: str) -> str:
    try:
        return RELAY_TRANSITIONS[state, event]
    except KeyError:
        raise WrongState(f"{event} is not possible in state {state}") from None
