"""What happens to drafts and messages: one function per event, each checks, changes, audits and queues in one transaction."""

from portal.mail.services.accept import accept
from portal.mail.services.arrive import arrive, is_own, mailbox_of
from portal.mail.services.check import check
from portal.mail.services.deliver import deliver
from portal.mail.services.drafts import (
    attach,
    belongs_to_another,
    detach,
    discard_draft,
    kept,
    load_draft,
    note_refusal,
    save_draft,
)
from portal.mail.services.housekeeping import sweep
from portal.mail.services.mailbox import mark_read, mark_unread, move
from portal.mail.services.origins import remove_origin, set_origin
from portal.mail.services.reading import Download, attachment, open_attachment, open_message, start_answer
from portal.mail.services.relay import relay
from portal.mail.services.release import end_release, release
from portal.mail.services.seal import seal
from portal.mail.services.submit import Refusal, Submitted, earlier, submit
from portal.mail.services.undo import undo

__all__ = [
    "Download",
    "Refusal",
    "Submitted",
    "accept",
    "arrive",
    "attach",
    "attachment",
    "belongs_to_another",
    "check",
    "deliver",
    "detach",
    "discard_draft",
    "earlier",
    "end_release",
    "is_own",
    "kept",
    "load_draft",
    "mailbox_of",
    "mark_read",
    "mark_unread",
    "move",
    "note_refusal",
    "open_attachment",
    "open_message",
    "relay",
    "release",
    "remove_origin",
    "save_draft",
    "seal",
    "set_origin",
    "start_answer",
    "submit",
    "sweep",
    "undo",
]
