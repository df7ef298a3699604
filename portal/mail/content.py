"""What a person writes, between the form, the sealed draft and the seal job."""

import json
import re
from dataclasses import asdict, dataclass, field, fields

from portal.outbox.models import Precedence


@dataclass(frozen=True)
class DraftContent:
    """A message being written. To, Cc and Bcc as typed; `classification` None as long as no label is chosen."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    classification: int | None = None
    categories: list[str] = field(default_factory=list)
    receipt_requested: bool = False
    precedence: int = Precedence.ROUTINE  # for those in To, who shall act
    copy_precedence: int = Precedence.ROUTINE  # for those in Cc and Bcc, who shall know
    in_reply_to: str = ""
    references: list[str] = field(default_factory=list)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "DraftContent":
        return cls(**json.loads(data))


@dataclass(frozen=True)
class Submission:
    """What the seal job signs: the draft as it was submitted, with its recipients resolved to ids of users or addresses outside.

    Only this is believed when signing, never a column of a row: the grant holds all but the content, and the key that opens the content.
    """

    content: DraftContent
    message_id: str
    date: str
    label: str  # DER in hexadecimal

    to: list[str]
    cc: list[str]
    bcc: list[str]
    uploads: dict[str, str]  # id of each upload to the SHA-256 of its sealed file key

    def beside_content(self) -> bytes:
        """All but the content, as JSON."""
        return json.dumps({each.name: getattr(self, each.name) for each in fields(self) if each.name != "content"}).encode()

    @classmethod
    def from_parts(cls, beside_content: bytes, content: bytes) -> "Submission":
        return cls(content=DraftContent.from_json(content), **json.loads(beside_content))


@dataclass(frozen=True)
class Summary:
    """One line of a mailbox: at most 1 KB, sealed to the mailbox's owner."""

    subject: str
    people: str
    attachments: bool

    def __post_init__(self) -> None:
        if not (isinstance(self.subject, str) and isinstance(self.people, str)):
            raise TypeError("a summary holds texts")

    def to_json(self) -> bytes:
        cut = Summary(_cut(self.subject, 500), _cut(self.people, 300), self.attachments)
        return json.dumps(asdict(cut), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Summary":
        return cls(**json.loads(data))


@dataclass(frozen=True)
class EnvelopeSummary:
    """What `deliver` writes the mailboxes' lines from; sealed to the intake key in between."""

    subject: str
    attachments: bool
    from_name: str
    to_names: str
    addressed: str  # digest of originator, label and recipients: the subject is sealed for these people and no others

    def to_json(self) -> bytes:
        cut = EnvelopeSummary(
            _cut(self.subject, 500),
            self.attachments,
            _cut(self.from_name, 300),
            _cut(self.to_names, 300),
            self.addressed,
        )
        return json.dumps(asdict(cut), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "EnvelopeSummary":
        return cls(**json.loads(data))

    def received(self) -> Summary:
        """The line in a recipient's mailbox."""
        return Summary(self.subject, self.from_name, self.attachments)

    def sent(self) -> Summary:
        """The line in the originator's Sent."""
        return Summary(self.subject, self.to_names, self.attachments)


_UNPRINTABLE = re.compile(r"[^!-~]+")


def printable(text: str) -> str:
    """What another mail system wrote, for a page: printable ASCII, and one space for all else."""
    return _UNPRINTABLE.sub(" ", text).strip()


def _cut(text: str, octets: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= octets else encoded[: octets - 3].decode(errors="ignore") + "…"
