"""Letters to S/MIME messages and back: the only part of this app that knows the engine."""

from portal.mail.engine.answering import answer
from portal.mail.engine.arriving import Seen, Unacceptable, keep, look_at, wrap
from portal.mail.engine.making import Attached, Letter, Made, make
from portal.mail.engine.notifying import Notified, notifications
from portal.mail.engine.showing import File, Shown, show
from portal.mail.engine.trust import Trust, lies_in

__all__ = [
    "Attached",
    "File",
    "Letter",
    "Made",
    "Notified",
    "Seen",
    "Shown",
    "Trust",
    "Unacceptable",
    "answer",
    "keep",
    "lies_in",
    "look_at",
    "make",
    "notifications",
    "show",
    "wrap",
]
