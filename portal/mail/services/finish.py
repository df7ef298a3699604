"""How a message's wait to be sealed ends, whatever ends it."""

from portal.mail.models import Message
from portal.mail.services.drafts import reopen_draft
from portal.mail.states import State, after
from portal.rows import keep

LONGEST_REASON = 300  # what there is room for; a reason may name many people

_CHANGED = ("state", "reason", "content_object", "grant_wrapped_signing", "grant_sealed", "intake_key", "reopened_draft", "sealed_at")


def finish_message(message: Message, event: str, reason: str = "") -> None:
    """Moves a message to its next state and erases grant and content. One that did not leave goes back to Drafts."""
    message.state = after(message.state, event)
    message.reason = reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"
    message.content_object = ""
    message.grant_wrapped_signing, message.grant_sealed, message.intake_key = None, None, ""
    if message.state != State.SEALED:
        message.reopened_draft = reopen_draft(message.id, message.originator_id)
    keep(message, *_CHANGED)
