"""How a message is encrypted: the choice of the content encryption, and what to say about it (RFC 8551 section 2.7.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from secmail.algorithms import AES256_CBC, AES256_GCM, CHACHA20_POLY1305, ContentEncryption
from secmail.certificates import Certificate
from secmail.cms.recipients import AnyRecipient, Recipient, without_gcm
from secmail.keys import Password, SecretKey

ContentEncryptionChoice = Literal["auto", "gcm", "cbc", "chacha20-poly1305"]
NAMED = 10  # recipients in a reason, which is for people


@dataclass(frozen=True)
class Envelope:
    """How a message is encrypted, and why so (RFC 8551 section 2.7.1). The names are for people."""

    content_encryption: str
    reason: str
    recipients: tuple[AnyRecipient, ...]

    @cached_property
    def key_management(self) -> tuple[tuple[Certificate | SecretKey | Password, str], ...]:
        """Each recipient once, and how the content-encryption key gets there."""
        return tuple({_identity(each): _management(each) for each in self.recipients}.items())


def plan_envelope(recipients: Sequence[AnyRecipient], choice: ContentEncryptionChoice) -> tuple[ContentEncryption, Envelope]:
    """Choose the content encryption: AES-256-GCM only if every recipient is known to read it, else AES-256-CBC."""
    if not recipients:
        raise ValueError("there are no recipients")
    for each in recipients:
        if isinstance(each, Recipient):
            each.check()
    if choice not in (choices := get_args(ContentEncryptionChoice)):
        raise ValueError(f"the content encryption is one of {', '.join(choices)}")
    unknown = without_gcm(recipients)
    chosen = {"gcm": AES256_GCM, "cbc": AES256_CBC, "chacha20-poly1305": CHACHA20_POLY1305}
    algorithm = (AES256_CBC if unknown else AES256_GCM) if choice == "auto" else chosen[choice]
    if choice != "auto":
        reason = "chosen by the sender"
    elif unknown:
        more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
        reason = f"not known to read AES-256-GCM: {', '.join(map(_name, unknown[:NAMED]))}{more}"
    else:
        reason = "every recipient is known to read AES-256-GCM"
    return algorithm, Envelope(algorithm.name, reason, tuple(recipients))


def _identity(recipient: AnyRecipient) -> Certificate | SecretKey | Password:
    return recipient.certificate if isinstance(recipient, Recipient) else recipient


def _management(recipient: AnyRecipient) -> str:
    """How the content-encryption key gets to a recipient, by name."""
    if isinstance(recipient, SecretKey):
        return "shared key"
    if isinstance(recipient, Password):
        return "password"
    return recipient.key_management_name


def _name(recipient: AnyRecipient) -> str:
    if isinstance(recipient, Recipient):
        certificate = recipient.certificate
        return certificate.emails[0] if certificate.emails else certificate.subject
    return f"whoever has the {_management(recipient)}"
