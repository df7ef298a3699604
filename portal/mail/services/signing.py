"""Signing and encrypting what was submitted, with what its grant opens and nothing else."""

import json
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from portal.keys import intake, objects
from portal.keys import selectors as keys_selectors
from portal.keys.calls import open_private_key
from portal.keys.chunks import open_chunks
from portal.keys.master import master_key
from portal.keys.models import Certificate, PrivateKey
from portal.keys.sealing import KEY_LENGTH, SealBroken, aead_open
from portal.keys.vault import Grant, open_grant, session_context
from portal.mail import engine
from portal.mail.content import Submission
from portal.mail.directory import Party
from portal.mail.models import Envelope, Message, Upload
from portal.mail.services.drafts import upload_context, upload_digest
from portal.mail.services.plans import CannotSeal, Plan
from portal.outbox.models import Precedence
from portal.rows import by_id


def open_submission(message: Message) -> tuple[bytes, Submission]:
    """(half of the session key, what was submitted). What is not as it was submitted is not signed."""
    grant = Grant(message.grant_wrapped_signing or b"", message.intake_key, message.grant_sealed or b"")
    try:
        half, given_for = open_grant(grant, message.originator_id, message.id)
        content_key, beside_content = given_for[:KEY_LENGTH], given_for[KEY_LENGTH:]
        with open_chunks(objects.open_object(message.content_object), content_key) as stream:
            submission = Submission.from_parts(beside_content, stream.read())
    except (SealBroken, FileNotFoundError, json.JSONDecodeError):
        raise CannotSeal("What was written can't be opened any more. It is still in Drafts: send it again.") from None
    if submission.label != message.label.der.hex():
        raise CannotSeal("The label is no longer the one this message was submitted under.")
    return half, submission


def make(
    message: Message,
    submission: Submission,
    people: dict[str, Party],
    plans: list[Plan],
    half: bytes,
    *,
    progress: Callable[[], None],
) -> list[engine.Made]:
    """The objects of all plans, in their order, signed once."""
    signing = keys_selectors.valid_certificates([message.originator], PrivateKey.Purpose.SIGNING).get(
        message.originator_id
    )
    if signing is None:
        raise CannotSeal(keys_selectors.why_none_holds(message.originator, PrivateKey.Purpose.SIGNING))
    shared = next(plan for plan in plans if plan.kind == Envelope.Kind.SHARED)
    letter = _letter(message, submission, people)
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


def _letter(message: Message, submission: Submission, people: dict[str, Party]) -> engine.Letter:
    content = submission.content
    return engine.Letter(
        message_id=submission.message_id,
        date=datetime.fromisoformat(submission.date),
        originator=message.originator,
        to=[people[each] for each in submission.to],
        cc=[people[each] for each in submission.cc],
        subject=content.subject,
        text=content.text,
        in_reply_to=content.in_reply_to,
        references=content.references,
        attachments=_attachments(message, submission),
        label_der=bytes.fromhex(submission.label),
        receipt_requested=content.receipt_requested,
        precedence=Precedence(content.precedence) if submission.to else None,
        copy_precedence=Precedence(content.copy_precedence),  # always there, or it would tell of a Bcc
    )


def _signing_key(message: Message, certificate: Certificate, half: bytes) -> bytes:
    """The originator's private signing key (PKCS#8), through the grant that came with the message."""
    bound_to = session_context(message.originator_id, "signing")
    inner = master_key().unwrap(message.grant_wrapped_signing or b"", bound_to)
    return open_private_key(by_id(PrivateKey, certificate.private_key_id), aead_open(half, inner, bound_to))


def _attachments(message: Message, submission: Submission) -> list[engine.Attached]:
    """The files as they were submitted: an upload put in another's place is not signed."""
    if not submission.uploads:
        return []
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
