"""Reading, in a worker with the unlocked vault: decide, decrypt, verify, and give back only what the page shows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

from django.db import transaction

from portal.accounts.models import random_id
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys import intake, objects
from portal.keys import selectors as keys_selectors
from portal.keys.calls import Payload, Unlocked, answers, unlocked
from portal.keys.chunks import ChunkWriter, open_chunks
from portal.keys.models import Certificate, PrivateKey
from portal.keys.sealing import SealBroken, new_key
from portal.keys.services.outside import remember_certificate
from portal.keys.vault import Vault, seal_for
from portal.mail import engine
from portal.mail.access import Access, access_message
from portal.mail.content import DraftContent, Summary
from portal.mail.models import Delivery, Envelope, Upload
from portal.mail.selectors import WHOLE_TIMEOUT
from portal.mail.services.arrive import outside_actor, sender_named, trust_outside
from portal.mail.services.drafts import save_draft, too_much, upload_context
from portal.policy.access import decide_for
from portal.policy.selectors import category_references
from portal.policy.services import LabelRefused, received_label


@answers("open_summaries")
def open_summaries(*, user_id: str, session_id: str, decrypt: str, summaries: list[list[str]]) -> Payload:
    """The lines of a page of a mailbox or of Drafts: [[what it is bound to, sealed summary in hex], …] opened."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    opener = vault.storage_opener()
    lines = {}
    for key, sealed in summaries:
        with suppress(SealBroken, ValueError):  # one bad line does not darken the others
            lines[key] = opener(bytes.fromhex(sealed), "summary", key).decode()
    return {"lines": lines}


@answers("open_message")
def open_message(*, user_id: str, session_id: str, decrypt: str, delivery_id: str, actor: dict[str, str]) -> Payload:
    """What the reading page shows, or {} for absent and not permitted alike."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    access = access_message(vault.user, delivery_id, Verb.OPENED, Actor(**actor))
    if access is None:
        return {}
    with _opened(vault, access) as opened:
        shown = _checked(vault, access, opened, Actor(**actor))
        if shown is None:
            return {}
        if access.delivery.envelope.kind == Envelope.Kind.INBOUND:
            if shown.proven:
                remember_certificate(actor=outside_actor(), proven=shown.proven)
            if access.delivery.read_at is None:
                _rewrite_line(access.delivery, shown)
        return shown.to_payload()


def _rewrite_line(delivery: Delivery, shown: engine.Shown) -> None:
    """The list shows of encrypted mail what stands outside, often no more than "[...]", until it is opened: then what stands inside."""
    envelope = delivery.envelope
    if envelope.wrapped or shown.verdict == "broken":
        return
    # Verified is not proven: it may be the address in Sender that the signature fits
    people = sender_named(shown.from_address, envelope.message.outside_sender, proven=False)
    line = Summary(shown.subject, people, bool(shown.files))
    sealed = seal_for(delivery.owner_id, line.to_json(), "summary", delivery.id)
    Delivery.objects.filter(id=delivery.id).update(summary=sealed)


@answers("open_attachment")
def open_attachment(
    *, user_id: str, session_id: str, decrypt: str, delivery_id: str, number: int, actor: dict[str, str]
) -> Payload:
    """Writes one attachment as a sealed object under a fresh key, from which the web process streams the download."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    access = access_message(vault.user, delivery_id, Verb.ATTACHMENT_OPENED, Actor(**actor))
    if access is None:
        return {}
    with _opened(vault, access) as opened:
        shown = _checked(vault, access, opened, Actor(**actor))
        if shown is None or not 0 <= number < len(shown.files):
            return {}
        part = shown.files[number]
        object_name, key, size = _reseal(part)
    return {"object": object_name, "key": key.hex(), "name": part.name, "content_type": part.content_type, "size": size}


@dataclass(frozen=True)
class Download:
    """An opened attachment on its way to the browser."""

    name: str
    content_type: str
    size: int
    chunks: Iterator[bytes]


def attachment(vault: Vault, actor: Actor, delivery_id: str, number: int) -> Download | None:
    """Web: one attachment as a stream; None for absent and not permitted alike. The sealed object goes when the download ends."""
    payload = {"delivery_id": delivery_id, "number": number, "actor": asdict(actor)}
    answer = vault.ask("open_attachment", payload, timeout=WHOLE_TIMEOUT)
    if not answer:
        return None
    chunks = _stream_once(str(answer["object"]), bytes.fromhex(str(answer["key"])))
    return Download(str(answer["name"]), str(answer["content_type"]), int(str(answer["size"])), chunks)


def _stream_once(object_name: str, key: bytes) -> Iterator[bytes]:
    try:
        with open_chunks(objects.open_object(object_name), key) as opened:
            while chunk := opened.read(64 * 1024):
                yield chunk
    finally:
        objects.delete(object_name)


@answers("start_answer")
def start_answer(
    *, user_id: str, session_id: str, decrypt: str, delivery_id: str, how: str, draft_id: str, actor: dict[str, str]
) -> Payload:
    """A draft that answers (one or all) or forwards a message; a forward takes the attachments along, sealed anew."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    access = access_message(vault.user, delivery_id, Verb.OPENED, Actor(**actor))
    if access is None:
        return {}
    with _opened(vault, access) as opened:
        shown = _checked(vault, access, opened, Actor(**actor))
        if shown is None:
            return {}
        content = engine.answer(shown, how, own_address=vault.user.address)
        if how == "forward":
            for part in shown.files:
                if not _attach_again(vault, draft_id, part):
                    _take_off(vault, draft_id)
                    return {"full": True}
    save_draft(user_id, draft_id, _labelled(content, access), answers=delivery_id, label=access.delivery.label)
    return {"draft": draft_id}


def _labelled(content: DraftContent, access: Access) -> DraftContent:
    """The label that is quoted is the first choice for the answer; the originator may raise it."""
    label = access.delivery.label
    return replace(content, classification=label.classification, categories=category_references(label))


def _attach_again(vault: Unlocked, draft_id: str, part: engine.File) -> bool:
    """False if it does not fit into the drafts of this person: opening the page that forwards takes no more room than uploading would."""
    object_name, key, size = _reseal(part)
    upload = Upload(id=random_id(), owner=vault.user, draft_id=draft_id, object_name=object_name, size=size)
    named = {"name": part.name, "content_type": part.content_type}
    sealed = intake.seal(
        json.dumps({**named, "file_key": key.hex()}).encode(), upload_context(vault.user.id, upload.id)
    )
    upload.sealed, upload.intake_key = sealed.blob, sealed.intake_key
    upload.sealed_for_owner = seal_for(vault.user.id, json.dumps(named).encode(), "upload", upload.id)
    with transaction.atomic():
        fits = not too_much(vault.user.id, draft_id, [upload])
        if fits:
            upload.save(force_insert=True)
    if not fits:
        objects.delete(object_name)
    return fits


def _take_off(vault: Unlocked, draft_id: str) -> None:
    with transaction.atomic():
        uploads = Upload.objects.filter(owner=vault.user, draft_id=draft_id)
        names = list(uploads.values_list("object_name", flat=True))
        uploads.delete()
    objects.delete(*names)


def _reseal(part: engine.File) -> tuple[str, bytes, int]:
    key = new_key()
    with objects.create() as (object_name, file), part.open() as stream:
        writer = ChunkWriter(file, key)
        while chunk := stream.read(64 * 1024):
            writer.write(chunk)
        writer.close()
    return object_name, key, writer.size


@contextmanager
def _opened(vault: Unlocked, access: Access) -> Iterator[engine.Shown]:
    """The message behind a delivery, decrypted and verified with the keys of this vault, current and retired."""
    rows = Certificate.objects.filter(private_key__user=vault.user, private_key__purpose=PrivateKey.Purpose.ENCRYPTION)
    keys = [(vault.private_key(each.private_key), each.der) for each in rows.select_related("private_key")]
    # Certificates must have held when the message arrived here: it stays readable and verified after they expire.
    envelope = access.delivery.envelope
    inbound = envelope.kind == Envelope.Kind.INBOUND
    trust = trust_outside() if inbound else engine.Trust(keys_selectors.anchors())
    with objects.open_object(envelope.object_name) as file:
        yield engine.show(file, keys=keys, trust=trust, now=access.delivery.delivered_at, wrapped=envelope.wrapped)


def _checked(vault: Unlocked, access: Access, shown: engine.Shown, actor: Actor) -> engine.Shown | None:
    """The label that was signed must be the one the row says: a difference shows nothing, and goes on record.

    Mail from outside was labelled before anybody could look inside: there the label inside counts from its first opening on. None if it
    keeps this reader out, which looks as if the message were not there.
    """
    delivery: Delivery = access.delivery
    if shown.verdict == "broken":
        return shown
    if delivery.provisional:
        Delivery.objects.filter(id=delivery.id).update(provisional=False)
    if shown.label_der == delivery.label.der:
        return shown
    if delivery.envelope.kind == Envelope.Kind.INBOUND and delivery.provisional_label is None:
        with suppress(LabelRefused):
            return shown if _may_read_inside(vault, delivery, shown.label_der, actor) else None
    _record(delivery, Verb.REFUSED, actor, "the signed label is not the one this message was stored under")
    return shown.withheld(
        "The label inside this message is not the one it was stored under. Its content is not shown; the security officer can see this."
    )


def _may_read_inside(vault: Unlocked, delivery: Delivery, label_der: bytes | None, actor: Actor) -> bool:
    """Decides again with the label that was signed; it and the one the mail was accepted under govern from now on.

    Without a verified signature, or under a policy that is not known here, the label it was accepted under stays. Raises `LabelRefused`.
    """
    with transaction.atomic():
        inside = received_label(label_der) if label_der else None
        if inside is None:
            return True
        decision = decide_for(vault.user, inside)
        Delivery.objects.filter(id=delivery.id).update(label=inside, provisional_label=delivery.label)
        delivery.label, delivery.provisional_label = inside, delivery.label
        _record(delivery, Verb.LABELLED, actor, "" if decision.granted else decision.reason)
    return decision.granted


def _record(delivery: Delivery, verb: Verb, actor: Actor, refusal: str) -> None:
    with transaction.atomic():
        record(
            verb=verb,
            actor=actor,
            kind="delivery",
            id=delivery.id,
            label=delivery.label.marking,
            outcome=Outcome.REFUSED if refusal else Outcome.GRANTED,
            reason=refusal,
            correlation=delivery.envelope.message_id,
        )
