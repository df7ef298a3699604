"""Taking back: only as long as the seal job waits."""

from django.db import transaction

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor, record
from portal.mail.models import Message
from portal.mail.services.finish import finish_message
from portal.mail.states import State
from portal.outbox import services as outbox
from portal.stops import stop_here


def undo(actor: Actor, originator: User, message_id: str) -> bool:
    """Takes a message back while its seal job waits: one conditional UPDATE decides. The draft is still there.

    True also for one that was taken back before: whoever asks again did not see the answer.
    """
    with transaction.atomic():
        message = Message.objects.select_related("label").filter(id=message_id, originator=originator).first()
        if message is not None and message.state == State.UNDONE:
            return True
        if message is None or message.state != State.SUBMITTED or not outbox.cancel("seal", message_id):
            return False
        finish_message(message, "undo")
        record(
            verb=Verb.UNDONE,
            actor=actor,
            kind="message",
            id=message_id,
            label=message.label.marking,
            correlation=message_id,
        )
        stop_here("undo.before-commit")
    stop_here("undo.committed")
    return True
