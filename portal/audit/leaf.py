"""An event as canonical JSON (RFC 8785): the bytes that are stored as written and that a proof will hash.

Every value is a string except the version, and every key is ASCII, so RFC 8785 asks for no more than sorted keys, no
blanks and UTF-8. Changing this function changes what new events look like, so a change raises ``VERSION``.
"""

import json
from datetime import timedelta

from portal.audit.models import EPOCH, Event

VERSION = 1


def leaf_bytes(event: Event) -> bytes:
    """The canonical JSON bytes of an event; its own column ``leaf`` is not looked at."""
    return json.dumps(_members(event), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _members(event: Event) -> dict[str, object]:
    return {
        "v": VERSION,
        "id": event.id,
        "when": rfc3339(event.at),
        "who": {"person": event.person, "name": event.name, "role": event.role, "session": event.session},
        "from": {"address": event.address, "process": event.process},
        "what": event.verb,
        "on": {"kind": event.kind, "id": event.object_id},
        "about": event.about,
        "label": event.label,
        "outcome": event.outcome,
        "reason": event.reason,
        "correlation": event.correlation,
    }


def rfc3339(at: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC, always with six digits of the second."""
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
