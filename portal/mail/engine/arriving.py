"""What came from outside: which kind of mail it is, what its signature proves, what a mailbox shows of it, and the envelope made here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from portal.keys import objects
from portal.keys.chunks import SealedSource
from portal.keys.models import Certificate as CertificateRow
from portal.keys.services.outside import Proven
from portal.mail.engine.making import Counted, Made, recipient_of
from portal.mail.engine.trust import Trust, proven
from portal.outbox.models import Precedence
from secmail import (
    EnvelopedLayer,
    Malformed,
    NotARecipient,
    SignedLayer,
    Unsupported,
    Unwrapped,
    enveloping,
    mime,
)
from secmail.peeling import peel, sealed_layer
from secmail.streams import copy

Kind = Literal["plain", "signed", "encrypted"]
_IN_SIGNATURE = ("signed-only", "signed-and-encrypted")


class Unacceptable(Exception):
    """This is no mail that can be kept; the message says why, for the other side, and repeats nothing of it."""


@dataclass(frozen=True)
class Seen:
    """A message as far as it can be seen without a key of its recipients.

    `label_der` is the label that a verified signature has, of encrypted mail that of a signature around it. `addressed` are the addresses
    in To and Cc, in lower case. `from_address` is what From says; `unproven` are the addresses in From that no signature proves, of mail
    whose signatures can be seen.
    """

    kind: Kind
    message_id: str
    subject: str
    from_address: str
    addressed: frozenset[str]
    attachments: bool = False
    label_der: bytes | None = None
    precedence: Precedence = Precedence.ROUTINE
    content_encryption: str = ""
    proven: Proven | None = None  # how to answer the signer in secret
    unproven: tuple[str, ...] = ()


def look_at(source: SealedSource, *, trust: Trust, now: datetime) -> Seen:
    """Raises `Unacceptable` for what is malformed, has too many parts or header fields, or is S/MIME of a kind that is not read here."""
    try:
        outer = mime.read_entity(source)
        outer.parts()
        try:
            opened = trust.unwrap(source, keys=(), now=now)
        except (NotARecipient, Unsupported):
            return _encrypted(outer, trust, now)
        if any(isinstance(layer, EnvelopedLayer) for layer in opened.layers):  # to a key that nobody has to have
            return _encrypted(outer, trust, now)
        return _open(outer, opened)
    except Malformed as malformed:
        raise Unacceptable(f"The message is malformed: {malformed}.") from None
    except Unsupported as unsupported:
        raise Unacceptable(f"This can't be read here: {unsupported}.") from None


def _open(outer: mime.Entity, opened: Unwrapped) -> Seen:
    """Mail that is not encrypted. Where a signature covers header fields, those count."""
    verified = opened.verdict == "verified"
    entity = opened.entity or outer
    fields = opened.headers
    return Seen(
        kind="signed" if any(isinstance(layer, SignedLayer) for layer in opened.layers) else "plain",
        message_id=outer.headers.get("Message-ID", "") or "",
        subject=fields["subject"].value if "subject" in fields else "",
        from_address=_first(fields["from"].addresses if "from" in fields else ()),
        addressed=frozenset(each.addr_spec.lower() for name in ("to", "cc") if name in fields for each in fields[name].all_addresses),
        attachments=bool(mime.display(mime.message_root(entity), encrypted=False).attachments),
        label_der=opened.label.to_der() if opened.label else None,
        precedence=_precedence(fields) if verified else Precedence.ROUTINE,
        proven=proven(opened),
        unproven=_unproven(opened, outer),
    )


def _unproven(opened: Unwrapped, outer: mime.Entity) -> tuple[str, ...]:
    """Of all that From says, inside the signature and outside: other programs may show the other one."""
    claimed = [*outer.headers.addresses("From"), *(opened.headers["from"].all_addresses if "from" in opened.headers else ())]
    author = opened.author.address if opened.verdict == "verified" and opened.author else None
    return tuple(each.addr_spec for each in claimed if author is None or each.addr_spec.lower() != author.lower())


def _encrypted(outer: mime.Entity, trust: Trust, now: datetime) -> Seen:
    """Mail whose content nobody can see yet; a signature around it may have a label that covers it."""
    envelope, label = None, None
    entity: mime.Entity | None = outer
    try:
        for peeled in peel(outer, keys=(), trust=trust.store, now=now, options=trust.options):
            if isinstance(peeled.layer, SignedLayer) and peeled.layer.verified_signers:
                label = peeled.layer.label
            entity = peeled.entity
    except (NotARecipient, Unsupported):
        envelope = sealed_layer(entity) if entity is not None else None
    if envelope is None:
        raise Unsupported("S/MIME of a kind that is not for one recipient")
    headers = outer.headers
    return Seen(
        kind="encrypted",
        message_id=headers.get("Message-ID", "") or "",
        subject=headers.text("Subject") or "",
        from_address=_first(headers.addresses("From")),
        addressed=frozenset(each.addr_spec.lower() for name in ("To", "Cc") for each in headers.addresses(name)),
        label_der=label.to_der() if label else None,
        content_encryption=envelope.content_encryption,
    )


def _first(addresses: Sequence[mime.Address]) -> str:
    """Never the name beside it: that may be anybody's."""
    return addresses[0].addr_spec if addresses else ""


def _precedence(fields: Mapping[str, mime.ProtectedHeader]) -> Precedence:
    """RFC 6477 section 3.8, if the signature covers it. Nobody gets ahead of others by a field that anyone could write."""
    field = fields.get("mmhs-primary-precedence")
    if field is None or field.protection not in _IN_SIGNATURE:
        return Precedence.ROUTINE
    return {each.label.lower(): each for each in Precedence}.get(field.value.strip().lower(), Precedence.ROUTINE)


def wrap(source: SealedSource, certificates: Sequence[CertificateRow], *, cbc_only: bool, progress: Callable[[], None]) -> Made:
    """The whole message as it came, encrypted here: inside is everything, its header fields too; outside is nothing of it."""
    with objects.create() as (name, file):
        output = Counted(file, progress)
        output.write(b"MIME-Version: 1.0\r\n")
        with (
            enveloping(output, recipients=list(map(recipient_of, certificates)), content_encryption="cbc" if cbc_only else "auto") as sink,
            source.open() as stream,
        ):
            copy(stream, sink)
            encryption = sink.envelope.content_encryption
    return Made(name, output.size, encryption)


def keep(source: SealedSource, content_encryption: str, *, progress: Callable[[], None]) -> Made:
    """Encrypted mail as it came."""
    with objects.create() as (name, file), source.open() as stream:
        output = Counted(file, progress)
        copy(stream, output)
    return Made(name, output.size, content_encryption)


