"""Submitting: everything is checked before anything is kept, and all that is kept is kept in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import make_msgid

from django.conf import settings
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys.uploads import SealedUpload
from portal.keys.vault import Vault
from portal.mail.content import DraftContent, Submission
from portal.mail.directory import Recipient, cleared
from portal.mail.models import Draft, Message, Upload, undo_time
from portal.mail.services.check import Check, check, once
from portal.mail.services.drafts import (
    DraftTaken,
    naming,
    save_draft,
    unsaved_uploads,
    upload_digest,
    write_draft,
)
from portal.outbox import clock
from portal.outbox import services as outbox
from portal.outbox.models import Precedence
from portal.policy import selectors as policy
from portal.policy import services as policy_services
from portal.policy.models import Label
from portal.rows import exists, insert
from portal.stops import stop_here


@dataclass(frozen=True)
class Submitted:
    message_id: str
    label: Label | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Refusal:
    """Nothing was sent; the draft is kept. `problems` are sentences for the originator."""

    problems: list[str]


class NotYours(Refusal):
    """The draft, or its message, is somebody else's: nothing was kept either."""


def submit(
    vault: Vault, actor: Actor, draft_id: str, content: DraftContent, files: Sequence[SealedUpload] = ()
) -> Submitted | Refusal:
    """Accepts a message for sealing. Whether it is accepted or refused, the draft is saved in the same transaction; if it fails, alone.

    The draft stays until the message is sealed; posting the same draft again is the same message. `files` came with the form:
    they join the draft in that transaction, too, so that a form posted twice at the same time carries them once. Raises `TooMuch`.
    """
    if exists(Message, id=draft_id):
        return earlier(vault.user, draft_id)
    try:
        return _submit(vault, actor, draft_id, content, files)
    except DraftTaken:  # another request with the same form was faster
        return earlier(vault.user, draft_id)
    except Exception:  # whatever it is, what was written is saved
        try:
            save_draft(vault.user.id, draft_id, content)
        except DraftTaken:
            return earlier(vault.user, draft_id)
        raise


def _submit(vault: Vault, actor: Actor, draft_id: str, content: DraftContent, files: Sequence[SealedUpload]) -> Submitted | Refusal:
    uploads = unsaved_uploads(vault, draft_id, files)
    checked = check(vault.user, draft_id, content, uploads)
    draft, content_key = write_draft(vault.user.id, draft_id, content, attachments=bool(checked.files))
    if checked.problems or checked.label is None:
        reason = _refusal(vault.user, checked)
        with _keeping(draft, uploads):
            _record(actor, draft_id, checked, Outcome.REFUSED, reason)
        return Refusal(checked.problems)
    message = _granted(vault, draft, content_key, _submission(content, checked, checked.label, checked.files))
    with _keeping(draft, uploads):
        message.label = policy_services.row_of(checked.label, categories=content.categories)
        insert([message])
        _enqueue(draft_id, _most_urgent(content, checked))
        _record(actor, draft_id, checked, Outcome.GRANTED)
        stop_here("submit.before-commit")
    stop_here("submit.committed")
    return Submitted(draft_id, message.label)


@contextmanager
def _keeping(draft: Draft, uploads: Sequence[Upload]) -> Iterator[None]:
    """The transaction that keeps a draft with its files, and what becomes of it."""
    with naming(draft):
        if exists(Message, id=draft.id):
            raise DraftTaken
        insert(uploads)
        yield


def _submission(content: DraftContent, checked: Check, label: Label, uploads: Iterable[Upload]) -> Submission:
    """What the seal job is to sign, dated now."""
    return Submission(
        content=content,
        message_id=make_msgid(domain=settings.MAIL_DOMAIN),
        date=timezone.now().isoformat(),
        label=label.der.hex(),
        to=_ids(checked.to),
        cc=_ids(checked.cc, but=checked.to),
        bcc=_ids(checked.bcc, but=[*checked.to, *checked.cc]),
        uploads={each.id: upload_digest(each) for each in uploads},
    )


def _granted(vault: Vault, draft: Draft, content_key: bytes, submission: Submission) -> Message:
    """The message's row, not saved and without its label. What it says is in its draft's object, which nobody writes over any more."""
    grant = vault.grant(draft.id, content_key + submission.beside_content())
    stop_here("submit.granted")
    content = submission.content
    return Message(
        id=draft.id,
        originator=vault.user,
        message_id=submission.message_id,
        submitted_at=datetime.fromisoformat(submission.date),
        receipt_wanted=content.receipt_requested,
        precedence=content.precedence if submission.to else content.copy_precedence,
        copy_precedence=content.copy_precedence,
        content_object=draft.object_name,
        grant_wrapped_signing=grant.wrapped_signing,
        grant_sealed=grant.sealed,
        intake_key=grant.intake_key,
    )


def _enqueue(draft_id: str, precedence: Precedence) -> None:
    """The seal job, which waits as long as the message may be taken back."""
    wait = undo_time(precedence)
    outbox.enqueue(kind="seal", target=draft_id, precedence=precedence, not_before=clock.now() + wait if wait else None)


def _most_urgent(content: DraftContent, checked: Check) -> Precedence:
    """The precedence of the message's own steps: signing can't wait longer than for the most urgent recipient."""
    wanted = [content.precedence] if checked.to else []
    wanted += [content.copy_precedence] if checked.cc or checked.bcc else []
    return Precedence(min(wanted))


def _ids(recipients: list[Recipient], but: list[Recipient] | None = None) -> list[str]:
    left_out = {each.party.id for each in but or [] if each.party}
    return [each.party.id for each in recipients if each.party and each.party.id not in left_out]


def earlier(user: User, draft_id: str) -> Submitted | NotYours:
    """What became of a draft that is taken: this person's message, or somebody else's."""
    message = Message.objects.select_related("label").filter(id=draft_id, originator=user).first()
    return Submitted(draft_id, message.label) if message else NotYours(["This draft is not yours."])


def _record(actor: Actor, draft_id: str, checked: Check, outcome: Outcome, reason: str = "") -> None:
    record(
        verb=Verb.SUBMITTED,
        actor=actor,
        kind="message",
        id=draft_id,
        label=checked.label.marking if checked.label else "",
        outcome=outcome,
        reason=reason,
        correlation=draft_id,
    )


def _refusal(originator: User, checked: Check) -> str:
    """For the record, without anything typed: what stands in a recipient's place may be anything, a pasted sentence for example."""
    reasons = [each for each in checked.problems if each not in checked.naming_typed]
    everybody = once([*checked.to, *checked.cc, *checked.bcc])
    known = [(each.user.username, each.user) for each in everybody if each.user]
    outside = cleared(("Somebody outside", each.outside) for each in everybody if each.outside)
    if checked.label:
        reasons = policy.blocked_recipients(originator, checked.label, [*known, *outside]) + reasons
    if any(not each.known for each in checked.people):
        reasons.append("A recipient is not known here.")
    if checked.lacking:
        reasons.append("There is no certificate for somebody outside.")
    return " ".join(reasons)
