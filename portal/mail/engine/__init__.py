"""Letters to S/MIME messages and back: the only part of this app that knows the engine."""

from portal.mail.engine.answering import answer
from portal.mail.engine.making import Attached, Letter, Made, make
from portal.mail.engine.showing import File, Shown, show

__all__ = ["Attached", "File", "Letter", "Made", "Shown", "answer", "make", "show"]
