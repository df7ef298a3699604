"""Submitting: everything is checked before anything is kept, and all that is kept is kept in one transaction."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import make_msgid
from functools import cached_property

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys import objects
from portal.keys import selectors as keys_selectors
from portal.keys.chunks import ChunkWriter
from portal.keys.models import Certificate, PrivateKey
from portal.keys.sealing import new_key
from portal.keys.uploads import SealedUpload
from portal.keys.vault import Vault
from portal.mail.content import DraftContent, Submission
from portal.mail.directory import Outside, Party, Recipient, cleared, resolve
from portal.mail.models import Delivery, Draft, Message, Upload, undo_time
from portal.mail.services.drafts import reopen_draft, unsaved_uploads, upload_digest
from portal.mail.states import State, after
from portal.outbox import clock
from portal.outbox import services as outbox
from portal.outbox.models import Precedence
from portal.policy import selectors as policy
from portal.policy import services as policy_services
from portal.policy.models import Label
from portal.stops import stop_here

MOST_RECIPIENTS = 500  # more are a mail list's work
MOST_COPIES = 10  # what all envelopes of a message hold together, in messages of the largest size


@dataclass(frozen=True)
class Person:
    """A chip: who was typed, whether mail can be encrypted for them, whether they may read the label chosen.

    `address` is that of somebody outside, else empty.
    """

    typed: str
    name: str
    known: bool
    has_key: bool
    may_read: bool
    address: str = ""

    @property
    def lacks_certificate(self) -> bool:
        return bool(self.address) and not self.has_key


@dataclass(frozen=True)
class Check:
    """What would happen if this were sent now."""

    originator: User
    people: list[Person]
    problems: list[str]
    sentence: str
    naming_typed: list[str] = field(default_factory=list)  # those of the problems that repeat what was typed
    label: Label | None = None
    to: list[Recipient] = field(default_factory=list)
    cc: list[Recipient] = field(default_factory=list)
    bcc: list[Recipient] = field(default_factory=list)
    typed: list[tuple[str, object]] = field(default_factory=list)  # everybody, as the policy is asked about them
    classification: int | None = None

    @cached_property
    def choices(self) -> list[policy.LabelChoice]:
        """The classifications to choose from, looked up only for a page that shows them."""
        return policy.label_choices(self.originator, self.typed)

    @cached_property
    def groups(self) -> list[policy.CategoryGroup]:
        return policy.category_groups(self.originator, self.typed, self.classification)

    @property
    def lacking(self) -> list[str]:
        """Addresses outside without a certificate."""
        return [each.address for each in self.people if each.lacks_certificate]

    @property
    def can_send(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Submitted:
    message_id: str
    label: Label | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Refusal:
    """Nothing was sent; the draft is kept. `problems` are sentences for the originator."""

    problems: list[str]


def check(originator: User, draft_id: str, content: DraftContent, more: Sequence[Upload] = ()) -> Check:
    """Looks at a draft as `submit` would, changing nothing: recipients, keys, label, size. `more` are files still to come."""
    to, cc, bcc = resolve(content.to), resolve(content.cc), resolve(content.bcc)
    everybody = _once([*to, *cc, *bcc])
    if len(everybody) > MOST_RECIPIENTS:
        too_many = f"{len(everybody)} recipients are too many: {MOST_RECIPIENTS} is the most."
        return Check(originator, people=[], problems=[too_many], sentence=too_many)
    typed = cleared((each.typed, each.party) for each in everybody)
    with_keys = encryption_certificates([each.party for each in everybody if each.party] + [originator])
    label, label_problems = _label(content)
    blocked = policy.blocked_recipients(originator, label, typed) if label else []
    barred = policy.barred(originator, label, typed) if label else set()
    unknown = [f"“{each.typed}” is not known here. Check the spelling." for each in everybody if each.party is None]
    keyless = [without_certificate(each.outside) for each in everybody if each.outside and each.outside.id not in with_keys]
    problems = unknown + keyless + _recipient_problems(everybody, with_keys, originator) + label_problems + blocked
    problems += _answer_problems(originator, draft_id, label)
    problems += _content_problems(originator, draft_id, content, more, envelopes=len(everybody) - len(_once([*to, *cc])) + 1)
    people = [
        Person(
            typed=each.typed,
            name=each.party.display_name if each.party else each.typed,
            known=each.party is not None,
            has_key=each.party is not None and each.party.id in with_keys,
            may_read=label is not None and each.typed not in barred,
            address=each.outside.address if each.outside else "",
        )
        for each in everybody
    ]
    return Check(
        originator,
        people=people,
        problems=problems,
        naming_typed=unknown + keyless + blocked,
        sentence=_sentence(everybody, label, content) if not problems else problems[0],
        label=label,
        to=to,
        cc=cc,
        bcc=bcc,
        typed=typed,
        classification=content.classification,
    )


def encryption_certificates(parties: Sequence[Party]) -> dict[str, Certificate]:
    """By id, a certificate that holds now to encrypt with for each; who is missing has none."""
    people = [each for each in parties if isinstance(each, User)]
    outside = [each.address for each in parties if isinstance(each, Outside)]
    return keys_selectors.valid_certificates(
        people, PrivateKey.Purpose.ENCRYPTION
    ) | keys_selectors.certificates_outside(outside)


def without_certificate(outside: Outside) -> str:
    return f"There is no certificate for {outside.address}, so nothing can be encrypted for them."


def submit(
    vault: Vault, actor: Actor, draft_id: str, content: DraftContent, files: Sequence[SealedUpload] = ()
) -> Submitted | Refusal:
    """Accepts a message for sealing. The draft stays until the message is sealed; posting the same draft again is the same message.

    `files` came with the form. They join the draft in the transaction that accepts the message, so that a form posted twice
    at the same time carries them once; if it is refused, at once. Raises `TooMuch`.
    """
    if (earlier := _earlier(vault.user, draft_id)) is not None:
        return earlier
    uploads = unsaved_uploads(vault, draft_id, files)
    checked = check(vault.user, draft_id, content, uploads)
    if checked.problems or checked.label is None or content.classification is None:
        Upload.objects.bulk_create(uploads)
        _record_refusal(vault.user, actor, draft_id, checked)
        return Refusal(checked.problems)
    now = timezone.now()
    submission = Submission(
        message_id=make_msgid(domain=settings.MAIL_DOMAIN),
        date=now.isoformat(),
        label=checked.label.der.hex(),
        to=_ids(checked.to),
        cc=_ids(checked.cc, but=checked.to),
        bcc=_ids(checked.bcc, but=[*checked.to, *checked.cc]),
        subject=content.subject,
        text=content.text,
        receipt_requested=content.receipt_requested,
        precedence=content.precedence,
        copy_precedence=content.copy_precedence,
        in_reply_to=content.in_reply_to,
        references=content.references,
        uploads={each.id: upload_digest(each) for each in [*_uploads(vault.user, draft_id), *uploads]},
    )
    key = new_key()
    grant = vault.grant(draft_id, key)
    stop_here("submit.granted")
    with objects.create() as (content_object, file):
        writer = ChunkWriter(file, key)
        writer.write(submission.to_json())
        writer.close()
    precedence = most_urgent(content, checked)
    stop_here("submit.written")
    with transaction.atomic():
        if (earlier := _earlier(vault.user, draft_id)) is not None:  # another request with the same form was faster
            return earlier
        Upload.objects.bulk_create(uploads)
        label = policy_services.label_row(classification=content.classification, categories=content.categories)
        Message.objects.create(
            id=draft_id,
            originator=vault.user,
            label=label,
            message_id=submission.message_id,
            submitted_at=now,
            receipt_wanted=content.receipt_requested,
            precedence=content.precedence if checked.to else content.copy_precedence,
            copy_precedence=content.copy_precedence,
            content_object=content_object,
            grant_wrapped_signing=grant.wrapped_signing,
            grant_sealed=grant.sealed,
            intake_key=grant.intake_key,
        )
        outbox.enqueue(
            kind="seal",
            target=draft_id,
            precedence=precedence,
            not_before=clock.now() + undo_time(precedence) if undo_time(precedence) else None,
        )
        record(
            verb=Verb.SUBMITTED,
            actor=actor,
            kind="message",
            id=draft_id,
            label=checked.label.marking,
            correlation=draft_id,
        )
        stop_here("submit.before-commit")
    stop_here("submit.committed")
    return Submitted(draft_id, label)


def most_urgent(content: DraftContent, checked: Check) -> Precedence:
    """The precedence of the message's own steps: signing can't wait longer than for the most urgent recipient."""
    wanted = [content.precedence] if checked.to else []
    wanted += [content.copy_precedence] if checked.cc or checked.bcc else []
    return Precedence(min(wanted))


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
        content_object = message.content_object
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
    objects.delete(content_object)
    return True


def finish_message(message: Message, event: str, reason: str = "") -> None:
    """Moves a message to its next state and erases grant and content. One that did not leave goes back to Drafts."""
    message.state = after(message.state, event)
    message.reason = reason
    message.content_object = ""
    message.grant_wrapped_signing, message.grant_sealed, message.intake_key = None, None, ""
    if message.state != State.SEALED:
        message.reopened_draft = reopen_draft(message.id, message.originator_id)
    message.save()


def _earlier(user: User, draft_id: str) -> Submitted | Refusal | None:
    """What became of this draft before, if it was submitted already."""
    message = Message.objects.select_related("label").filter(id=draft_id).first()
    if message is not None and message.originator_id == user.id:
        return Submitted(draft_id, message.label)
    if message is not None or Draft.objects.filter(id=draft_id).exclude(owner=user).exists():
        return Refusal(["This draft is not yours."])
    return None


def _record_refusal(originator: User, actor: Actor, draft_id: str, checked: Check) -> None:
    """On record without anything typed: what stands in a recipient's place may be anything, a pasted sentence for example."""
    reasons = [each for each in checked.problems if each not in checked.naming_typed]
    everybody = _once([*checked.to, *checked.cc, *checked.bcc])
    known = [(each.user.username, each.user) for each in everybody if each.user]
    outside = cleared(("Somebody outside", each.outside) for each in everybody if each.outside)
    if checked.label:
        reasons = policy.blocked_recipients(originator, checked.label, [*known, *outside]) + reasons
    if any(not each.known for each in checked.people):
        reasons.append("A recipient is not known here.")
    if checked.lacking:
        reasons.append("There is no certificate for somebody outside.")
    with transaction.atomic():
        record(
            verb=Verb.SUBMITTED,
            actor=actor,
            kind="message",
            id=draft_id,
            label=checked.label.marking if checked.label else "",
            outcome=Outcome.REFUSED,
            reason=" ".join(reasons),
            correlation=draft_id,
        )


def _label(content: DraftContent) -> tuple[Label | None, list[str]]:
    if content.classification is None:
        return None, ["Choose a security label: nothing is sent without one."]
    try:
        return policy.unsaved_label(content.classification, content.categories), []
    except policy_services.LabelRefused as refusal:
        return None, [str(refusal)]


def _recipient_problems(everybody: list[Recipient], with_keys: dict[str, object], originator: User) -> list[str]:
    if not everybody:
        return ["Name at least one recipient."]
    without = [each.user.username for each in everybody if each.user and each.user.id not in with_keys]
    problems = [f"{name} has no valid encryption key yet, so nothing can be encrypted for them." for name in without]
    if not settings.RELAY_HOST and any(each.outside for each in everybody):
        problems.append("This portal sends no mail to the outside: its operator has named no relay.")
    if originator.id not in with_keys:
        problems.append("You have no valid encryption key, so your own copy can't be encrypted.")
    return problems


def _answer_problems(originator: User, draft_id: str, label: Label | None) -> list[str]:
    """An answer is never labelled lower than what it quotes."""
    draft = Draft.objects.filter(id=draft_id, owner=originator).first()
    if draft is None or not draft.answers or label is None:
        return []
    quoted = Delivery.objects.select_related("label", "provisional_label").filter(id=draft.answers, owner=originator).first()
    if quoted is None:
        return []
    decision = policy.not_lower(label, quoted.labels)
    return [] if decision.granted else [decision.reason]


def _content_problems(
    originator: User, draft_id: str, content: DraftContent, more: Sequence[Upload], *, envelopes: int
) -> list[str]:
    problems = []
    sizes = [each.size for each in [*_uploads(originator, draft_id), *more]]
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


def _uploads(user: User, draft_id: str):
    return Upload.objects.filter(owner=user, draft_id=draft_id).order_by("uploaded_at")


def _sentence(everybody: list[Recipient], label: Label | None, content: DraftContent) -> str:
    names = [each.party.username for each in everybody if each.party]
    shown = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
    if len(names) > 4:
        shown = f"{', '.join(names[:3])} and {len(names) - 3} more"
    precedence = Precedence(min(content.precedence, content.copy_precedence))
    urgency = f", precedence {precedence.label.upper()}" if precedence < Precedence.ROUTINE else ""
    return f"Signed by you, encrypted for {shown}, label {label.marking if label else ''}{urgency}."


def _once(recipients: list[Recipient]) -> list[Recipient]:
    seen: dict[str, Recipient] = {}
    for each in recipients:
        seen.setdefault(each.party.id if each.party else each.typed.casefold(), each)
    return list(seen.values())


def _ids(recipients: list[Recipient], but: list[Recipient] | None = None) -> list[str]:
    left_out = {each.party.id for each in but or [] if each.party}
    return [each.party.id for each in recipients if each.party and each.party.id not in left_out]
