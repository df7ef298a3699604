"""Delivery status notifications (RFC 3464): what another mail system says became of a message. Nobody signs them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from portal.mail.content import printable
from secmail import Malformed, SecmailError, Source, mime

LONGEST = 64 * 1024  # octets that are read of a part
MOST_RECIPIENTS = 50
_ACTIONS = ("failed", "delivered", "delayed", "relayed", "expanded")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")  # RFC 3463 section 2
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")

Action = Literal["failed", "delivered", "delayed", "relayed", "expanded"]


@dataclass(frozen=True)
class Notified:
    """What is said about one recipient. `envelope_id` and `message_id` are empty where they were not repeated.

    `address` is in small letters. `reason` is what the other side wrote, in printable ASCII.
    """

    action: Action
    status: str
    reason: str
    address: str
    envelope_id: str
    message_id: str


def notifications(source: Source) -> list[Notified]:
    """What a message says as a notification; nothing if it is none, or is malformed."""
    try:
        entity = mime.read_entity(source)
        if entity.content_type != "multipart/report":
            return []
        return list(_notified(entity.parts()))
    except SecmailError:
        return []


def _notified(parts: tuple[mime.Entity, ...]) -> Iterator[Notified]:
    reports = [part for part in parts if part.content_type == "message/delivery-status"]
    if not reports:
        return
    about, *recipients = _groups(_text(reports[0]))
    envelope_id = printable(about.get("original-envelope-id", ""))
    message_id = next(filter(None, map(_returned_id, parts)), "")
    for each in recipients[:MOST_RECIPIENTS]:
        action = each.get("action", "").lower()
        if action in _ACTIONS:
            status = _STATUS.search(each.get("status", ""))
            yield Notified(
                action,
                status[0] if status else "",
                _typed(each.get("diagnostic-code", "")),
                _typed(each.get("original-recipient") or each.get("final-recipient", "")).lower(),
                envelope_id,
                message_id,
            )


def _groups(section: bytes) -> list[mime.Headers]:
    """RFC 3464 section 2.1: the fields about the message, then those about each recipient, with empty lines between."""
    blocks = re.split(rb"\r?\n(?:[ \t]*\r?\n)+", section.strip())
    found = [mime.parse_headers(block) for block in blocks if block.strip()]
    if not found:
        raise Malformed("an empty delivery status")
    return found


def _returned_id(part: mime.Entity) -> str:
    """The Message-ID of the message that comes back, whole or its header section only (RFC 3462 section 2)."""
    if part.content_type not in ("text/rfc822-headers", "message/rfc822"):
        return ""
    section = re.split(rb"\r?\n\r?\n", _text(part), maxsplit=1)[0]
    try:
        found = _MESSAGE_ID.search(mime.parse_headers(section.rstrip()).get("message-id", ""))
    except Malformed:  # cut off in the middle
        return ""
    return found[0] if found else ""


def _text(part: mime.Entity) -> bytes:
    with part.open_body() as stream:
        return stream.read(LONGEST)


def _typed(value: str) -> str:
    """RFC 3464 section 2.1.2: a type, a semicolon and the value."""
    return printable(value.partition(";")[2] or value)[:250]
