"""The seal job: decide once more, sign once, encrypt for everybody or for nobody."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys import intake, objects
from portal.keys import selectors as keys_selectors
from portal.keys.calls import open_private_key
from portal.keys.chunks import open_chunks
from portal.keys.master import master_key
from portal.keys.models import Certificate, PrivateKey
from portal.keys.sealing import SealBroken, aead_open, context
from portal.keys.vault import Grant, open_grant, session_context
from portal.mail import engine
from portal.mail.content import EnvelopeSummary, Submission
from portal.mail.directory import Outside, Party, cleared, encryption_certificates
from portal.mail.models import Draft, Envelope, Message, Outbound, Upload
from portal.mail.services.drafts import upload_context, upload_digest
from portal.mail.services.finish import finish_message
from portal.mail.states import State
from portal.outbox import services as outbox
from portal.outbox.models import Precedence
from portal.outbox.registry import Claimed
from portal.policy import selectors as policy
from portal.policy.access import decide_for
from portal.stops import stop_here

Finish = Callable[[], None]


HELD_UP = "Signing is held up. Nothing is lost: the operator has been told and can let it begin again."


class CannotSeal(Exception):
    """A reason, for the originator, why this message must not leave. The draft is kept."""


@dataclass(frozen=True)
class Plan:
    """One envelope to make: for whom, under which certificates."""

    kind: str
    recipients: list[Party]
    certificates: list[Certificate]

    @property
    def people(self) -> list[User]:
        return [each for each in self.recipients if isinstance(each, User)]

    @property
    def outside(self) -> list[Outside]:
        return [each for each in self.recipients if isinstance(each, Outside)]


def seal(job: Claimed) -> Finish | None:
    """Makes the signed and encrypted objects of a message. Every attempt has its own keys, nonces and object names."""
    message = _submitted(job.target)
    if message is None:
        return None
    try:
        half, submission = _open_grant(message)
        stop_here("seal.grant-opened")
        people = _people(message, submission)
        _decide(message, people)
        plans = _plans(message, submission, people)
        made = _make(message, submission, people, plans, half, progress=outbox.keeper(job))
        envelopes = _envelopes(message, submission, people, plans, made)
    except CannotSeal as refusal:
        return _refuse(message, str(refusal))
    stop_here("seal.made")
    return lambda: _finish(message, submission, envelopes)


def _open_grant(message: Message) -> tuple[bytes, Submission]:
    """(half of the session key, what was submitted). What is not as it was submitted is not signed."""
    grant = Grant(message.grant_wrapped_signing or b"", message.intake_key, message.grant_sealed or b"")
    try:
        half, content_key = open_grant(grant, message.originator_id, message.id)
        with open_chunks(objects.open_object(message.content_object), content_key) as stream:
            submission = Submission.from_json(stream.read())
    except (SealBroken, FileNotFoundError):
        raise CannotSeal("What was written can't be opened any more. It is still in Drafts: send it again.") from None
    if submission.label != message.label.der.hex():
        raise CannotSeal("The label is no longer the one this message was submitted under.")
    return half, submission


def _people(message: Message, submission: Submission) -> dict[str, Party]:
    """Originator and recipients by id, as they are now."""
    ids = {message.originator_id, *submission.to, *submission.cc, *submission.bcc}
    people: dict[str, Party] = {each: Outside(each) for each in ids if "@" in each}
    people |= {user.id: user for user in User.objects.filter(id__in=ids, is_active=True)}
    if missing := ids - people.keys():
        raise CannotSeal(f"{len(missing)} of the people addressed can't be reached any more.")
    return people


def _decide(message: Message, people: dict[str, Party]) -> None:
    """Again, with the clearances of this moment: they may have changed since the message was accepted."""
    if not decide_for(message.originator, message.label).granted:
        raise CannotSeal("Your clearance no longer allows this label.")
    others = cleared((each.username, each) for each in people.values())
    if blocked := policy.blocked_recipients(message.originator, message.label, others):
        raise CannotSeal(" ".join(blocked))


def _plans(message: Message, submission: Submission, people: dict[str, Party]) -> list[Plan]:
    certificates = encryption_certificates(list(people.values()))
    if without := sorted(user.username for user in people.values() if user.id not in certificates):
        raise CannotSeal(f"There is no valid encryption key for {', '.join(without)}.")
    shared = [people[each] for each in dict.fromkeys([*submission.to, *submission.cc])]
    plans = [Plan(Envelope.Kind.SHARED, shared, _for(certificates, [message.originator, *shared]))]
    plans += [Plan(Envelope.Kind.BCC, [people[each]], _for(certificates, [people[each]])) for each in submission.bcc]
    return plans


def _for(certificates: dict[str, Certificate], users: list[Party]) -> list[Certificate]:
    return [certificates[each] for each in dict.fromkeys(user.id for user in users)]


def _make(
    message: Message,
    submission: Submission,
    people: dict[str, Party],
    plans: list[Plan],
    half: bytes,
    *,
    progress: Callable[[], None],
) -> list[engine.Made]:
    signing = keys_selectors.valid_certificates([message.originator], PrivateKey.Purpose.SIGNING).get(
        message.originator_id
    )
    if signing is None:
        raise CannotSeal("You have no valid signing key.")
    shared = next(plan for plan in plans if plan.kind == Envelope.Kind.SHARED)
    letter = engine.Letter(
        message_id=submission.message_id,
        date=datetime.fromisoformat(submission.date),
        originator=message.originator,
        to=[people[each] for each in submission.to],
        cc=[people[each] for each in submission.cc],
        subject=submission.subject,
        text=submission.text,
        in_reply_to=submission.in_reply_to,
        references=submission.references,
        attachments=_attachments(message, submission),
        label_der=bytes.fromhex(submission.label),
        receipt_requested=submission.receipt_requested,
        precedence=Precedence(submission.precedence) if submission.to else None,
        copy_precedence=Precedence(submission.copy_precedence),  # always there, or it would tell of a Bcc
    )
    try:
        return engine.make(
            letter,
            signer_key=_signing_key(message, signing, half),
            signer=signing,
            encryption_certificate=shared.certificates[0],
            envelopes=[plan.certificates for plan in plans],
            cbc_only=settings.CONTENT_ENCRYPTION == "cbc",
            legacy_display=any(plan.outside for plan in plans),
            now=timezone.now(),
            progress=progress,
        )
    except SealBroken:
        raise CannotSeal("An attachment was changed after it was uploaded. Attach it again.") from None
    except ValueError:  # a name or header that can't be written: trying again would not help
        raise CannotSeal("The message can't be put together: a name or a header field can't be written.") from None


def _signing_key(message: Message, certificate: Certificate, half: bytes) -> bytes:
    """The originator's private signing key (PKCS#8), through the grant that came with the message."""
    bound_to = session_context(message.originator_id, "signing")
    inner = master_key().unwrap(message.grant_wrapped_signing or b"", bound_to)
    return open_private_key(certificate.private_key, aead_open(half, inner, bound_to))


def _attachments(message: Message, submission: Submission) -> list[engine.Attached]:
    """The files as they were submitted: an upload put in another's place is not signed."""
    uploads = {each.id: each for each in Upload.objects.filter(id__in=submission.uploads, owner=message.originator)}
    found = []
    for upload_id, digest in submission.uploads.items():
        upload = uploads.get(upload_id)
        if upload is None or upload_digest(upload) != digest:
            raise CannotSeal("An attachment is gone or was changed. The message is still in Drafts.")
        found.append(engine.Attached.from_json(_opened_upload(upload), upload.object_name))
    return found


def _opened_upload(upload: Upload) -> bytes:
    sealed = intake.Sealed(upload.intake_key, upload.sealed)
    try:
        return intake.unseal(sealed, upload_context(upload.owner_id, upload.id))
    except SealBroken:  # its intake key is in no backup, for example
        raise CannotSeal("An attachment can't be opened any more. Take it off the draft and attach it again.") from None


def _refuse(message: Message, reason: str) -> Finish:
    content_object = message.content_object

    def finish() -> None:
        finish_message(message, "refuse", reason)
        record(
            verb=Verb.SIGNED,
            actor=originator_actor(message),
            kind="message",
            id=message.id,
            label=message.label.marking,
            outcome=Outcome.REFUSED,
            reason=reason,
            correlation=message.id,
        )
        transaction.on_commit(lambda: objects.delete(content_object))

    return finish


def _envelopes(
    message: Message, submission: Submission, people: dict[str, Party], plans: list[Plan], made: list[engine.Made]
) -> list[Envelope]:
    """The rows for the objects made, each with what `deliver` needs for the mailboxes' lines."""
    addressed = [people[each].display_name for each in [*submission.to, *submission.cc, *submission.bcc]]
    rows = []
    for plan, each in zip(plans, made, strict=True):
        row = Envelope(
            message=message,
            kind=plan.kind,
            object_name=each.object_name,
            size=each.size,
            content_encryption=each.content_encryption,
            recipients=[user.id for user in plan.people],
            copies=[each.id for each in plan.recipients if each.id not in submission.to],
            outside=[each.address for each in plan.outside],
        )
        line = EnvelopeSummary(
            subject=submission.subject,
            attachments=bool(submission.uploads),
            from_name=message.originator.display_name,
            to_names=", ".join(addressed),
            addressed=addressed_digest(row),
        )
        sealed = intake.seal(line.to_json(), summary_context(row.id))
        row.summary, row.intake_key = sealed.blob, sealed.intake_key
        rows.append(row)
    return rows


def addressed_digest(envelope: Envelope) -> str:
    """Names originator, label and recipients of an envelope."""
    message = envelope.message
    who = message.originator_id or message.outside_sender
    parts = (who, message.label.der.hex(), envelope.kind, *envelope.recipients, *envelope.outside)
    return hashlib.sha256(context("addressed", *parts)).hexdigest()


def summary_context(envelope_id: str) -> bytes:
    return context("summary", envelope_id)


def _finish(message: Message, submission: Submission, envelopes: list[Envelope]) -> None:
    """The only place that names the objects made. The draft goes now, not earlier."""
    leftovers = [message.content_object]
    _record(message, Verb.SIGNED, "message", message.id)
    for envelope in envelopes:
        envelope.save(force_insert=True)
        outbox.enqueue(kind="deliver", target=envelope.id, precedence=min(_precedences(message, envelope)))
        for address in envelope.outside:
            way = Outbound.objects.create(envelope=envelope, address=address)
            outbox.enqueue(kind="relay", target=way.id, precedence=_precedence(message, envelope, address))
        _record(message, Verb.ENCRYPTED, "envelope", envelope.id, reason=envelope.content_encryption)
        stop_here("seal.envelope-named")
    draft = Draft.objects.filter(id=message.id, owner=message.originator)
    leftovers += draft.values_list("object_name", flat=True)
    uploads = Upload.objects.filter(draft_id=message.id, owner=message.originator)  # also those of a form posted twice
    leftovers += uploads.values_list("object_name", flat=True)
    draft.delete()
    uploads.delete()
    message.sealed_at = timezone.now()
    finish_message(message, "seal")
    transaction.on_commit(lambda: _delete(leftovers))


def _precedences(message: Message, envelope: Envelope) -> list[int]:
    """Those of the people an envelope is for; one that only holds the originator's own copy is ROUTINE."""
    return [_precedence(message, envelope, each) for each in envelope.recipients] or [Precedence.ROUTINE]


def _precedence(message: Message, envelope: Envelope, recipient: str) -> int:
    return message.copy_precedence if recipient in envelope.copies else message.precedence


def _delete(names: list[str]) -> None:
    for name in names:
        objects.delete(name)
        stop_here("seal.leftover-deleted")


def sealing_held_up(job: Claimed) -> None:
    """The job is dead: all attempts failed. Content and grant are kept, so that the operator can let it begin again."""
    message = _submitted(job.target)
    if message is None:
        return
    message.reason = HELD_UP
    message.save(update_fields=["reason"])
    _record(message, Verb.FAILED, "message", message.id, reason="seal", outcome=Outcome.FAILED)


def fail(message_id: str) -> None:
    """The operator decided that the message shall not leave: its draft opens again."""
    message = _submitted(message_id)
    if message is None:
        return
    content_object = message.content_object
    finish_message(message, "fail", "The portal could not sign this message. It is in Drafts again.")
    transaction.on_commit(lambda: objects.delete(content_object))


def _submitted(message_id: str) -> Message | None:
    found = Message.objects.select_related("originator", "label").filter(id=message_id, state=State.SUBMITTED)
    return found.first()


def _record(
    message: Message, verb: Verb, kind: str, object_id: str, *, reason: str = "", outcome: Outcome = Outcome.GRANTED
) -> None:
    record(
        verb=verb,
        actor=originator_actor(message),
        kind=kind,
        id=object_id,
        label=message.label.marking,
        outcome=outcome,
        reason=reason,
        correlation=message.id,
    )


def originator_actor(message: Message) -> Actor:
    """Workers act for the originator; somebody outside has no name here."""
    if message.originator is None:
        return Actor(name="outside", role="worker")
    return Actor(person=message.originator_id, name=message.originator.username, role="worker")
