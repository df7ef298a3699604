"""What the commands of this app share: who acts, and what they say about mail that was on its way."""

import getpass
from typing import Any

from portal.audit.services import Actor
from portal.mail.services import restored
from portal.operations.archive import Manifest

WAITING = {
    restored.UNSIGNED: "messages not signed yet: after a restore they are in Drafts again, to be sent once more",
    restored.UNDELIVERED: "envelopes not delivered yet: after a restore they are, their subjects shown on opening only",
    restored.ARRIVED: "messages from outside not stored yet: after a restore they can't be opened; ask their senders again",
    restored.FILES: "files of drafts: after a restore they have to be attached again",
}


def actor() -> Actor:
    return Actor(name=f"{getpass.getuser()} (terminal)", role="operator")


def say_waiting(out: Any, manifest: Manifest) -> None:
    """What was sealed to an intake key, which no backup holds."""
    for name, meaning in WAITING.items():
        if count := manifest.waiting[name]:
            out.write(f"{count:8} {meaning}")
