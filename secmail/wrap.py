"""Making S/MIME messages (RFC 8551 section 3): sign, encrypt, or sign and encrypt, in one pass from content to message.

Everything is pushed: what the caller writes goes through signature, base64, encryption and base64 straight into ``out``. Nothing is
kept, so that memory does not grow with the message and no plaintext rests anywhere. Each layer is a MIME entity: its Content-… fields,
an empty line and base64. The caller writes the other header fields (MIME-Version among them) before, without an empty line.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal

from secmail.algorithms import AES256_CBC, AES256_GCM, ContentEncryption
from secmail.certificates import Certificate
from secmail.cms.attributes import EssAttributes
from secmail.cms.enveloped import EnvelopedDataWriter
from secmail.cms.recipients import Recipient, without_gcm
from secmail.cms.signed import SignedDataWriter
from secmail.errors import Unsupported
from secmail.keys import SigningKey
from secmail.streams import Base64Writer, Writable, copy

ContentEncryptionChoice = Literal["auto", "gcm", "cbc"]


@dataclass(frozen=True)
class Envelope:
    """How a message is encrypted, and why so. The names are for people; ``key_management`` has each recipient once."""

    content_encryption: str
    reason: str
    key_management: tuple[tuple[Certificate, str], ...]


class Wrapping:
    """The sink for the content of a message that is being wrapped; ``envelope`` says how it is encrypted."""

    def __init__(self, target: Writable, envelope: Envelope) -> None:
        self._target = target
        self.envelope = envelope

    def write(self, data: bytes, /) -> int:
        self._target.write(data)
        return len(data)


@contextmanager
def wrapping(
    out: Writable,
    *,
    signer: SigningKey,
    recipients: Sequence[Recipient | Certificate],
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    attributes: EssAttributes | None = None,
    content_encryption: ContentEncryptionChoice = "auto",
) -> Iterator[Wrapping]:
    """Sign and encrypt what is written to the sink inside the ``with`` block: a MIME entity in canonical form (CRLF line ends).

    ``certificates`` (the signer's path without the anchor) and ``encryption_certificate`` go along in the signature, ``now`` becomes the
    signing time (aware). A recipient given as a bare Certificate is known to read only what the certificate states. If the block raises, ``out``
    is left incomplete. Raises Unsupported for a key or certificate that can't be used, ValueError without recipients.
    """
    known = [each if isinstance(each, Recipient) else Recipient(each) for each in recipients]
    algorithm, envelope = plan_envelope(known, content_encryption)
    with (
        _enveloping(out, known, algorithm) as enveloped,
        signing(
            enveloped,
            signer=signer,
            now=now,
            certificates=certificates,
            encryption_certificate=encryption_certificate,
            attributes=attributes,
        ) as signed,
    ):
        yield Wrapping(signed, envelope)


@contextmanager
def signing(
    out: Writable,
    *,
    signer: SigningKey,
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    attributes: EssAttributes | None = None,
) -> Iterator[Writable]:
    """Only sign what is written to the sink (application/pkcs7-mime, signed-data); parameters as for ``wrapping``."""
    if not signer.certificate.can_sign:
        raise Unsupported("the signer's certificate is not for signing e-mail")
    with _base64_entity(out, "signed-data") as body:
        writer = SignedDataWriter(
            body,
            signer=signer,
            signing_time=now,
            certificates=certificates,
            encryption_certificate=encryption_certificate,
            attributes=attributes,
        )
        yield writer
        writer.close()


@contextmanager
def enveloping(
    out: Writable, *, recipients: Sequence[Recipient | Certificate], content_encryption: ContentEncryptionChoice = "auto"
) -> Iterator[Wrapping]:
    """Only encrypt what is written to the sink; parameters as for ``wrapping``."""
    known = [each if isinstance(each, Recipient) else Recipient(each) for each in recipients]
    algorithm, envelope = plan_envelope(known, content_encryption)
    with _enveloping(out, known, algorithm) as writer:
        yield Wrapping(writer, envelope)


def sign(
    content: BinaryIO,
    out: Writable,
    *,
    signer: SigningKey,
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    attributes: EssAttributes | None = None,
) -> None:
    """Sign a whole stream; parameters as for ``wrapping``."""
    with signing(
        out,
        signer=signer,
        now=now,
        certificates=certificates,
        encryption_certificate=encryption_certificate,
        attributes=attributes,
    ) as sink:
        copy(content, sink)


def encrypt(
    content: BinaryIO,
    out: Writable,
    *,
    recipients: Sequence[Recipient | Certificate],
    content_encryption: ContentEncryptionChoice = "auto",
) -> Envelope:
    """Encrypt a whole stream; parameters as for ``wrapping``."""
    with enveloping(out, recipients=recipients, content_encryption=content_encryption) as sink:
        copy(content, sink)
        return sink.envelope


def plan_envelope(recipients: Sequence[Recipient], choice: ContentEncryptionChoice) -> tuple[ContentEncryption, Envelope]:
    """Choose the content encryption: AES-256-GCM only if every recipient is known to read it, else AES-256-CBC."""
    if not recipients:
        raise ValueError("there are no recipients")
    for each in recipients:
        if not each.certificate.can_encrypt:
            raise Unsupported(f"the certificate of {each.certificate.subject} is not for encryption")
    unknown = without_gcm(recipients)
    algorithm = AES256_GCM if choice == "gcm" or (choice == "auto" and not unknown) else AES256_CBC
    if choice != "auto":
        reason = "chosen by the sender"
    elif unknown:
        names = ", ".join(each.certificate.emails[0] if each.certificate.emails else each.certificate.subject for each in unknown)
        reason = f"not known to read AES-256-GCM: {names}"
    else:
        reason = "every recipient is known to read AES-256-GCM"
    unique = {each.certificate: each.key_management_name for each in recipients}
    return algorithm, Envelope(algorithm.name, reason, tuple(unique.items()))


@contextmanager
def _enveloping(out: Writable, recipients: Sequence[Recipient], algorithm: ContentEncryption) -> Iterator[Writable]:
    with _base64_entity(out, "authEnveloped-data" if algorithm.authenticated else "enveloped-data") as body:
        writer = EnvelopedDataWriter(body, recipients=recipients, content_encryption=algorithm)
        yield writer
        writer.close()


@contextmanager
def _base64_entity(out: Writable, smime_type: str) -> Iterator[Writable]:
    """RFC 8551 section 3.2: one application/pkcs7-mime entity around what is written to the sink."""
    out.write(
        f'Content-Type: application/pkcs7-mime; smime-type={smime_type}; name="smime.p7m"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="smime.p7m"\r\n\r\n'.encode("ascii")
    )
    body = Base64Writer(out)
    yield body
    body.close()
