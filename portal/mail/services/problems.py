"""What keeps a draft from being sent, in sentences for the originator: each says what is wrong, or is not there."""

import unicodedata
from collections.abc import Collection, Sequence

from django.conf import settings

from portal.accounts.models import User
from portal.keys.known import why_none
from portal.mail.content import DraftContent
from portal.mail.directory import Recipient
from portal.mail.models import Delivery, Draft, Upload
from portal.policy import selectors as policy
from portal.policy.models import Label
from portal.rows import by_id

MOST_COPIES = 10  # what all envelopes of a message hold together, in messages of the largest size


def unknown(everybody: Sequence[Recipient]) -> list[str]:
    return [f"“{each.typed}” is not known here. Check the spelling." for each in everybody if each.party is None]


def without_certificate(everybody: Sequence[Recipient], with_keys: Collection[str]) -> list[str]:
    addresses = [each.outside.address for each in everybody if each.outside and each.outside.id not in with_keys]
    return [f"{why_none(each).rstrip('.')}, so nothing can be encrypted for them." for each in addresses]


def of_recipients(everybody: Sequence[Recipient], with_keys: Collection[str], originator: User) -> list[str]:
    if not everybody:
        return ["Name at least one recipient."]
    without = [each.user.username for each in everybody if each.user and each.user.id not in with_keys]
    problems = [f"{name} has no valid encryption key yet, so nothing can be encrypted for them." for name in without]
    if not settings.RELAY_HOST and any(each.outside for each in everybody):
        problems.append("This portal sends no mail to the outside: its operator has named no relay.")
    if originator.id not in with_keys:
        problems.append("You have no valid encryption key, so your own copy can't be encrypted.")
    return problems


def of_answer(originator: User, draft_id: str, label: Label | None) -> list[str]:
    """An answer is never labelled lower than what it quotes."""
    draft = by_id(Draft, draft_id)
    if draft is None or draft.owner_id != originator.id or not draft.answers or label is None:
        return []
    quoted = Delivery.objects.select_related("label", "provisional_label").filter(id=draft.answers, owner=originator).first()
    if quoted is None:
        return []
    decision = policy.not_lower(label, quoted.labels)
    return [] if decision.granted else [decision.reason]


def of_content(content: DraftContent, files: Sequence[Upload], *, envelopes: int) -> list[str]:
    problems = []
    sizes = [each.size for each in files]
    if not content.text.strip() and not sizes:
        problems.append("The message is empty: write something or attach a file.")
    if len(content.subject) > 998:
        problems.append("The subject is longer than 998 characters.")
    if any(unicodedata.category(character) == "Cc" for character in content.subject):
        problems.append("The subject contains a line break or another control character.")
    total = len(content.text.encode()) + sum(sizes)
    if total > settings.MESSAGE_MAX_SIZE:
        limit = settings.MESSAGE_MAX_SIZE // 1_000_000
        problems.append(f"The message is {total // 1_000_000} MB with its attachments; {limit} MB is the most.")
    elif total * envelopes > MOST_COPIES * settings.MESSAGE_MAX_SIZE:
        problems.append("The message is too large for so many people in Bcc: each gets an encrypted copy of their own.")
    return problems
