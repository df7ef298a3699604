"""Drafts: sealed to their owner as they are written. The web process saves them; reading one back takes a worker and the session."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from portal.accounts.models import User, random_id
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys import intake, objects
from portal.keys.calls import Payload, answers, unlocked
from portal.keys.chunks import ChunkWriter, open_chunks
from portal.keys.sealing import context, new_key
from portal.keys.uploads import SealedUpload
from portal.keys.vault import Vault, sealers
from portal.mail.content import DraftContent, Summary
from portal.mail.models import Delivery, Draft, Message, Upload
from portal.policy.access import decide_for
from portal.policy.models import Label
from portal.rows import by_id, insert, rows
from portal.stops import stop_here

DRAFT_TIMEOUT = 3.0
MOST_ATTACHMENTS = 200
WAITING_MESSAGES = 10  # a person's files that wait in drafts may be as large as so many messages

_REPLACED = ("object_name", "sealed_key", "summary", "saved_at")


class DraftTaken(Exception):
    """This draft's id belongs to somebody else, or its message is on its way already."""


@dataclass(frozen=True)
class Attached:
    """An attachment of a draft, as its page shows it."""

    id: str
    name: str
    content_type: str
    size: int


def save_draft(
    owner_id: str, draft_id: str, content: DraftContent, *, answers: str = "", label: Label | None = None
) -> datetime:
    """Writes the draft, replacing what was there. `answers` is the delivery it answers, `label` its label; both stay once set.

    Raises `DraftTaken` if the message is on its way already, or the draft somebody else's.
    """
    draft, _ = write_draft(owner_id, draft_id, content, attachments=bool(uploads_of(owner_id, draft_id)))
    draft.answers, draft.label = answers, label
    with naming(draft):
        if Message.objects.filter(id=draft_id).exists():
            raise DraftTaken
    stop_here("draft.committed")
    return draft.saved_at


def write_draft(owner_id: str, draft_id: str, content: DraftContent, *, attachments: bool) -> tuple[Draft, bytes]:
    """A draft's row for `naming`, and the key of the object that holds what it says: the row's opens with its owner's storage key alone."""
    key, seal = new_key(), sealers([owner_id])[owner_id]
    with objects.create() as (name, file):
        writer = ChunkWriter(file, key)
        writer.write(content.to_json())
        writer.close()
    people = ", ".join(part for part in (content.to, content.cc, content.bcc) if part.strip())
    stop_here("draft.written")
    draft = Draft(
        id=draft_id,
        owner_id=owner_id,
        object_name=name,
        sealed_key=seal(key, "draft", name),
        summary=seal(Summary(content.subject, people, attachments).to_json(), "summary", name),
        saved_at=timezone.now(),
    )
    return draft, key


@contextmanager
def naming(draft: Draft) -> Iterator[None]:
    """A transaction that puts the row in its former's place, after its block. The object that no row names then is deleted.

    Raises `DraftTaken`, as the block may, if the draft is somebody else's: then nothing was kept.
    """
    try:
        with transaction.atomic():
            yield
            former = by_id(Draft, draft.id)
            if former is not None and former.owner_id != draft.owner_id:
                raise DraftTaken
            if former is not None:
                draft.answers, draft.label_id = former.answers, former.label_id
            # one statement, because the page may save by itself at the moment in which somebody sends
            insert([draft], replacing=_REPLACED)
    except DraftTaken:  # of any other end it is not known whether the row was kept
        objects.delete(draft.object_name)
        raise
    if former is not None:
        objects.delete(former.object_name)


def reopen_draft(draft_id: str, owner_id: str) -> str:
    """Gives the draft of a message that did not leave a new id, so that sending it again is another message. Returns that id."""
    new_id = random_id()
    Draft.objects.filter(id=draft_id, owner_id=owner_id).update(id=new_id)
    Upload.objects.filter(draft_id=draft_id, owner_id=owner_id).update(draft_id=new_id)
    return new_id


def load_draft(vault: Vault, draft_id: str) -> tuple[DraftContent, list[Attached], Draft] | None:
    """A draft of one's own with its attachments. A worker opens the file key; the object itself is read here."""
    draft = Draft.objects.select_related("label").filter(id=draft_id, owner=vault.user).first()
    if draft is None or not may_open(vault.user, draft):
        return None
    answer = vault.ask("open_draft", {"draft_id": draft_id}, timeout=DRAFT_TIMEOUT)
    if "key" not in answer:
        return None
    with open_chunks(objects.open_object(draft.object_name), bytes.fromhex(str(answer["key"]))) as stream:
        content = DraftContent.from_json(stream.read())
    return content, [Attached(**each) for each in answer["attachments"]], draft


def may_open(user: User, draft: Draft) -> bool:
    """A draft that quotes a message is read under that message's labels: whoever lost the clearance lost the quotation, too."""
    quoted = Delivery.objects.select_related("label", "provisional_label").filter(id=draft.answers, owner=user).first()
    also = quoted.labels if quoted else []
    return draft.label is None or decide_for(user, draft.label, *also).granted


def belongs_to_another(user: User, draft_id: str) -> bool:
    """Whether this id is that of somebody else's draft or message."""
    return (
        Draft.objects.filter(id=draft_id).exclude(owner=user).exists()
        or Message.objects.filter(id=draft_id).exclude(originator=user).exists()
    )


def note_refusal(actor: Actor, draft_id: str) -> None:
    """Somebody asked for a draft or a message's steps that are not theirs, or not there: one event for either."""
    with transaction.atomic():
        record(
            verb=Verb.DRAFT_REFUSED,
            actor=actor,
            kind="draft",
            id=draft_id,
            outcome=Outcome.REFUSED,
            reason="no such draft for this person",
        )


@answers("open_draft")
def open_draft(*, user_id: str, session_id: str, decrypt: str, draft_id: str) -> Payload:
    """Worker: the draft's file key and the names of its attachments."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    draft = Draft.objects.select_related("label").filter(id=draft_id, owner_id=user_id).first()
    if draft is None or not may_open(vault.user, draft):
        return {}
    opener, attached = vault.storage_opener(), []
    for upload in uploads_of(user_id, draft_id):
        named = json.loads(opener(upload.sealed_for_owner, "upload", upload.id))
        attached.append({"id": upload.id, "size": upload.size, **named})
    return {"key": opener(draft.sealed_key, "draft", draft.object_name).hex(), "attachments": attached}


def discard_draft(actor: Actor, owner_id: str, draft_id: str) -> bool:
    """Deletes a draft of one's own with its attachments."""
    with transaction.atomic():
        draft = Draft.objects.filter(id=draft_id, owner_id=owner_id).first()
        uploads = list(Upload.objects.filter(draft_id=draft_id, owner_id=owner_id))
        if Message.objects.filter(id=draft_id).exists() or (draft is None and not uploads):
            return False
        names = ([draft.object_name] if draft else []) + [each.object_name for each in uploads]
        Draft.objects.filter(id=draft_id, owner_id=owner_id).delete()
        Upload.objects.filter(draft_id=draft_id, owner_id=owner_id).delete()
        record(verb=Verb.DRAFT_DELETED, actor=actor, kind="draft", id=draft_id)
    stop_here("discard.committed")
    objects.delete(*names)
    return True


class TooMuch(Exception):
    """More than one message may carry; the files were not kept."""


def attach(vault: Vault, draft_id: str, files: Sequence[SealedUpload]) -> list[Attached]:
    """Puts uploaded files with a draft. Their file keys go to the intake key, for the job; their names to the owner, for the page.

    Files for a message that is on its way already (a form posted again) are dropped. Raises `TooMuch` if the draft would
    carry more than a message may.
    """
    uploads = [_upload(vault, draft_id, file) for file in files]
    with transaction.atomic():  # what comes at the same time is counted, too
        sent = Message.objects.filter(id=draft_id).exists()
        if not sent and not too_much(vault.user.id, draft_id, uploads):
            Upload.objects.bulk_create(uploads)
            stop_here("attach.before-commit")
            pairs = zip(uploads, files, strict=True)
            return [Attached(each.id, file.name, file.content_type, file.size) for each, file in pairs]
    objects.delete(*(each.object_name for each in uploads))
    if sent:
        return []
    raise TooMuch


def unsaved_uploads(vault: Vault, draft_id: str, files: Sequence[SealedUpload]) -> list[Upload]:
    """The rows of uploaded files that are not with the draft yet. Raises `TooMuch` as `attach` does."""
    uploads = [_upload(vault, draft_id, file) for file in files]
    if uploads and too_much(vault.user.id, draft_id, uploads):
        raise TooMuch
    return uploads


def uploads_of(owner_id: str, draft_id: str) -> list[Upload]:
    """The files with a draft, in the order in which they came."""
    return rows(Upload, "SELECT * FROM mail_upload WHERE owner_id = %s AND draft_id = %s ORDER BY uploaded_at", owner_id, draft_id)


def kept(files: Sequence[SealedUpload]) -> set[str]:
    """The names of those objects that rows name."""
    names = [file.object_name for file in files]
    return set(Upload.objects.filter(object_name__in=names).values_list("object_name", flat=True))


def too_much(owner_id: str, draft_id: str, uploads: Sequence[Upload]) -> bool:
    """Whether these are more than a draft may carry together with its other files, or than may wait in all of a person's drafts."""
    waiting = Upload.objects.filter(owner_id=owner_id, draft_id=draft_id).aggregate(octets=Sum("size"), n=Count("id"))
    everywhere = Upload.objects.filter(owner_id=owner_id).aggregate(octets=Sum("size"))["octets"] or 0
    new = sum(each.size for each in uploads)
    return (
        (waiting["octets"] or 0) + new > settings.MESSAGE_MAX_SIZE
        or everywhere + new > WAITING_MESSAGES * settings.MESSAGE_MAX_SIZE
        or waiting["n"] + len(uploads) > MOST_ATTACHMENTS
    )


def _upload(vault: Vault, draft_id: str, file: SealedUpload) -> Upload:
    upload = Upload(owner=vault.user, draft_id=draft_id, object_name=file.object_name, size=file.size)
    named = {"name": file.name, "content_type": file.content_type}
    sealed = intake.seal(
        json.dumps({**named, "file_key": file.file_key.hex()}).encode(), upload_context(vault.user.id, upload.id)
    )
    upload.sealed, upload.intake_key = sealed.blob, sealed.intake_key
    upload.sealed_for_owner = vault.seal_for_owner(json.dumps(named).encode(), "upload", upload.id)
    return upload


def upload_digest(upload: Upload) -> str:
    """Names exactly this file: its sealed key opens this object and no other."""
    return hashlib.sha256(upload.sealed).hexdigest()


def upload_context(owner_id: str, upload_id: str) -> bytes:
    return context("upload", owner_id, upload_id)


def detach(owner_id: str, draft_id: str, upload_id: str) -> bool:
    """Takes an attachment off a draft."""
    upload = Upload.objects.filter(id=upload_id, draft_id=draft_id, owner_id=owner_id).first()
    if upload is None or Message.objects.filter(id=draft_id).exists():
        return False
    upload.delete()
    objects.delete(upload.object_name)
    return True
