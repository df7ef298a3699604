"""A letter becomes S/MIME: signed once, encrypted for each envelope, in one pass without any plaintext on the way."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import BinaryIO

from cryptography.hazmat.primitives.serialization import load_der_private_key

from portal.accounts.models import User
from portal.keys import objects
from portal.keys.chunks import open_chunks
from portal.keys.models import Certificate as CertificateRow
from portal.mail.directory import Party
from portal.outbox.models import Precedence
from portal.stops import stop_here
from secmail import (
    OWN_CAPABILITIES,
    Certificate,
    EssAttributes,
    ReceiptRequest,
    Recipient,
    SecurityLabel,
    SoftwareSigningKey,
    enveloping,
    mime,
    signing,
)


@dataclass(frozen=True)
class Attached:
    """An uploaded file, sealed; `file_key` opens it."""

    name: str
    content_type: str
    object_name: str
    file_key: bytes

    @classmethod
    def from_json(cls, data: bytes, object_name: str) -> "Attached":
        known = json.loads(data)
        return cls(known["name"], known["content_type"], object_name, bytes.fromhex(known["file_key"]))

    def open(self) -> BinaryIO:
        return open_chunks(objects.open_object(self.object_name), self.file_key)


@dataclass(frozen=True)
class Letter:
    """Everything that will be inside the signature."""

    message_id: str
    date: datetime
    originator: User
    to: list[Party]
    cc: list[Party]
    subject: str
    text: str
    in_reply_to: str
    references: list[str]
    attachments: list[Attached]
    label_der: bytes
    receipt_requested: bool
    precedence: Precedence | None  # None where nobody is in To, so that there is none to state
    copy_precedence: Precedence

    def headers(self) -> list[tuple[str, str]]:
        fields = [
            ("From", _mailbox(self.originator)),
            ("To", ", ".join(map(_mailbox, self.to))),
            ("Cc", ", ".join(map(_mailbox, self.cc))),
            ("Subject", self.subject),
            ("Date", format_datetime(self.date)),
            ("Message-ID", self.message_id),
            ("In-Reply-To", self.in_reply_to),
            ("References", " ".join(self.references)),
            ("MMHS-Primary-Precedence", _level(self.precedence)),
            ("MMHS-Copy-Precedence", _level(self.copy_precedence)),
        ]
        return [(name, value) for name, value in fields if value]


@dataclass(frozen=True)
class Made:
    """One finished object: the message encrypted for one envelope's recipients."""

    object_name: str
    size: int
    content_encryption: str


def make(
    letter: Letter,
    *,
    signer_key: bytes,
    signer: CertificateRow,
    encryption_certificate: CertificateRow,
    envelopes: Sequence[Sequence[CertificateRow]],
    cbc_only: bool,
    legacy_display: bool,
    now: datetime,
    progress: Callable[[], None],
) -> list[Made]:
    """Signs once and encrypts for each envelope, in one pass: what is signed flows into all envelopes at the same time.

    With `legacy_display` the text repeats the subject, for programs outside that would show "[...]" (RFC 9788 section 5.2.2).
    `progress` is called as it goes on.
    """
    protected = mime.protect(letter.headers())
    with ExitStack() as stack:
        files = [stack.enter_context(objects.create()) for _ in envelopes]
        outputs = [Counted(file, progress) for _, file in files]
        layers = ExitStack()
        sinks = []
        for output, certificates in zip(outputs, envelopes, strict=True):
            output.write(mime.format_headers(protected.outer) + b"MIME-Version: 1.0\r\n")
            choice = "cbc" if cbc_only else "auto"
            sinks.append(
                layers.enter_context(
                    enveloping(output, recipients=list(map(recipient_of, certificates)), content_encryption=choice)
                )
            )
        signed = layers.enter_context(
            signing(
                _Tee(sinks),
                signer=SoftwareSigningKey(load_der_private_key(signer_key, None), Certificate.from_der(signer.der)),
                now=now,
                encryption_certificate=Certificate.from_der(encryption_certificate.der),
                attributes=_attributes(letter),
            )
        )
        stop_here("seal.signing")
        with layers:
            mime.write_message(
                signed,
                headers=protected.inner,
                text=letter.text,
                attachments=[mime.Attachment(each.name, each.content_type, each.open) for each in letter.attachments],
                hp=protected.hp,
                legacy_display=protected.legacy_display if legacy_display else (),
            )
        stop_here("seal.written")
        names = [sink.envelope.content_encryption for sink in sinks]
    return [
        Made(name, output.size, encryption) for (name, _), output, encryption in zip(files, outputs, names, strict=True)
    ]


def _attributes(letter: Letter) -> EssAttributes:
    request = None
    if letter.receipt_requested:
        identifier = letter.message_id.encode() + b" " + letter.date.isoformat().encode()
        request = ReceiptRequest(identifier, "all_receipts", (letter.originator.address,))
    return EssAttributes(security_label=SecurityLabel.from_der(letter.label_der), receipt_request=request)


def recipient_of(row: CertificateRow) -> Recipient:
    """What somebody here reads, the portal knows; what somebody outside reads, their signatures say, or else their certificate."""
    if row.user_id is not None:
        return Recipient(Certificate.from_der(row.der), OWN_CAPABILITIES if row.reads_gcm else None)
    known = None if row.capabilities is None else frozenset(row.capabilities)
    return Recipient(Certificate.from_der(row.der), known)


def _level(precedence: Precedence | None) -> str:
    """RFC 6477 sections 3.8 and 3.9: one of "the six predefined case-insensitive labels"."""
    return "" if precedence is None else precedence.label.lower()


def _mailbox(party: Party) -> str:
    named = party.display_name != party.address
    return mime.format_address(party.display_name if named else "", party.address)


class _Tee:
    """One writer over many."""

    def __init__(self, sinks: Sequence[object]) -> None:
        self._sinks = sinks

    def write(self, data: bytes) -> int:
        for sink in self._sinks:
            sink.write(data)
        return len(data)


class Counted:
    """A file that knows how much was written to it, and says with `progress` that work goes on."""

    def __init__(self, file: BinaryIO, progress: Callable[[], None]) -> None:
        self._file, self._progress, self.size = file, progress, 0

    def write(self, data: bytes) -> int:
        self._progress()
        self.size += len(data)
        return self._file.write(data)
