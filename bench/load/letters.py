"""Messages as people write them: subjects, texts, labels and sizes, drawn from one seed. Needs Django."""

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from bench.load.members import Member
from portal.accounts.models import random_id
from portal.keys import objects
from portal.keys.chunks import ChunkWriter
from portal.keys.sealing import new_key
from portal.mail import engine
from portal.outbox.models import Precedence
from portal.policy.access import decide_for
from portal.policy.models import Label
from portal.policy.services import label_row

SUBJECTS = (
    "Fuel for the {place} depot", "Minutes of the {place} meeting", "Duty roster, {place}, week {number}", "Convoy to {place}, {number} vehicles",
    "Spare parts for {place}", "Weather at {place}", "Request {number}: medical supplies for {place}", "Budget of {place}, second draft",
    "Visitors at {place}", "Radio plan {number}", "Bridge at {place} closed", "Report {number} of the {place} inspection",
)  # fmt: skip
PLACES = "Alder Birchwood Caldera Dunmore Eastgate Fairhaven Glenrock Harbour Islip Juniper Kestrel Lowfield".split()
SENTENCES = (
    "The figures of last week are attached to the file and have been checked twice.",
    "Please confirm by Thursday noon whether the second date suits you.",
    "We need two more drivers, and somebody who knows the northern road.",
    "Nothing has changed since the last report except the state of the bridge.",
    "The stores will be closed for counting; urgent requests go to the duty officer.",
    "Thank you for the quick answer, which helped us a great deal.",
)
_REL_UK, _EYES, _LEGAL = "1.3.6.1.4.1.32473.1.1.3/6/0", "1.3.6.1.4.1.32473.1.1.1/1/0", "1.3.6.1.4.1.32473.1.1.1/1/3"
LABELS = ((1, ()), (2, ()), (2, ()), (2, (_LEGAL,)), (3, ()), (3, (_REL_UK,)), (4, ()), (4, (_EYES,)))
PRECEDENCES = (Precedence.ROUTINE,) * 16 + (Precedence.PRIORITY,) * 2 + (Precedence.IMMEDIATE, Precedence.DEFERRED)
OBJECTS_IN_A_THREAD = 4


@dataclass(frozen=True)
class Stored:
    """One sealed object, and what the rows that share it say about it."""

    made: engine.Made
    originator: Member
    to: list[Member]
    label: Label
    subject: str
    precedence: Precedence
    receipt: bool
    attachments: bool


def labels() -> list[Label]:
    return [label_row(classification=value, categories=categories) for value, categories in LABELS]


def write(dice: random.Random, count: int, readers: Sequence[Member], offered: Sequence[Label]) -> list[Stored]:
    """`count` objects, signed and encrypted by the engine; each fourth begins a thread that the others answer."""
    allowed = {label.id: [each for each in readers if decide_for(each.user, label).granted] for label in offered}
    stored: list[Stored] = []
    thread: list[str] = []
    for number in range(count):
        if number % OBJECTS_IN_A_THREAD == 0:
            thread, subject = [], dice.choice(SUBJECTS).format(place=dice.choice(PLACES), number=dice.randrange(2, 400))
        label = dice.choice(offered)
        originator, *to = dice.sample(allowed[label.id], min(len(allowed[label.id]), dice.randrange(8, 25)))
        message_id = f"<{random_id()}@{settings.MAIL_DOMAIN}>"
        head = _Head(originator, to, label, f"Re: {subject}" if thread else subject, message_id, list(thread))
        stored.append(_store(dice, head))
        thread.append(message_id)
    return stored


@dataclass(frozen=True)
class _Head:
    originator: Member
    to: list[Member]
    label: Label
    subject: str
    message_id: str
    thread: list[str]


def _store(dice: random.Random, head: _Head) -> Stored:
    precedence, receipt = dice.choice(PRECEDENCES), dice.random() < 0.05
    with ExitStack() as stack:
        attached = [_attached(dice, stack)] if dice.random() < 0.15 else []
        letter = engine.Letter(
            message_id=head.message_id,
            date=timezone.now() - timedelta(seconds=1),
            originator=head.originator.user,
            to=[each.user for each in head.to],
            cc=[],
            subject=head.subject,
            text=_text(dice),
            in_reply_to=head.thread[-1] if head.thread else "",
            references=head.thread,
            attachments=attached,
            label_der=head.label.der,
            receipt_requested=receipt,
            precedence=precedence,
            copy_precedence=precedence,
        )
        made = engine.make(
            letter,
            signer_key=head.originator.signing_key,
            signer=head.originator.signing,
            encryption_certificate=head.originator.encryption,
            envelopes=[[each.encryption for each in (head.originator, *head.to)]],
            cbc_only=False,
            legacy_display=False,
            now=timezone.now(),
            progress=lambda: None,
        )
    return Stored(made[0], head.originator, head.to, head.label, head.subject, precedence, receipt, bool(attached))


def _text(dice: random.Random) -> str:
    """Mostly a few hundred octets; one in fifty is long."""
    paragraphs = dice.randrange(40, 200) if dice.random() < 0.02 else dice.randrange(1, 6)
    return "\n\n".join(" ".join(dice.choices(SENTENCES, k=dice.randrange(1, 6))) for _ in range(paragraphs))


def _attached(dice: random.Random, stack: ExitStack) -> engine.Attached:
    """A sealed file as an upload leaves it; it goes when the message is made."""
    key, content = new_key(), dice.randbytes(round(dice.lognormvariate(10, 1)))  # 22 kB in the middle
    with objects.create() as (name, file):
        writer = ChunkWriter(file, key)
        writer.write(content)
        writer.close()
    stack.callback(objects.delete, name)
    return engine.Attached("figures.bin", "application/octet-stream", name, key)
