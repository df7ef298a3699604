"""What a browser posts while somebody writes. Nothing is refused here: a draft may be half done, `check` says what is missing."""

import re

from django.http import QueryDict

from portal.mail.content import DraftContent
from portal.outbox.models import Precedence

MESSAGE_ID = re.compile(
    r"<[!-;=?-~]{1,900}>"
)  # printable ASCII without space and angle brackets, RFC 5322 section 3.6.4
MOST_REFERENCES = 100


def draft_content(posted: QueryDict) -> DraftContent:
    """The draft as it stands in the form."""
    return DraftContent(
        to=_text(posted, "to"),
        cc=_text(posted, "cc"),
        bcc=_text(posted, "bcc"),
        subject=_text(posted, "subject"),
        text=_text(posted, "text"),
        classification=_number(posted.get("classification", "")),
        categories=posted.getlist("category"),
        receipt_requested="receipt_requested" in posted,
        precedence=_precedence(posted, "precedence"),
        copy_precedence=_precedence(posted, "copy_precedence"),
        in_reply_to="".join(_message_ids(posted, "in_reply_to")[:1]),
        references=_message_ids(posted, "references")[-MOST_REFERENCES:],
    )


def _text(posted: QueryDict, name: str) -> str:
    return posted.get(name, "").replace("\0", "")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _precedence(posted: QueryDict, name: str) -> int:
    number = _number(posted.get(name, ""))
    return number if number in Precedence.values else Precedence.ROUTINE


def _message_ids(posted: QueryDict, name: str) -> list[str]:
    """The form carries them, so a browser could change them: only what can stand in a header comes through."""
    return MESSAGE_ID.findall(posted.get(name, ""))
