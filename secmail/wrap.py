"""Making S/MIME messages (RFC 8551 section 3): sign, encrypt, or sign and encrypt, in one pass from content to message.

Everything is pushed: what the caller writes goes through signature, base64, encryption and base64 straight into ``out``. Nothing is
kept, so that memory does not grow with the message and no plaintext rests anywhere. Each layer is a MIME entity: its Content-… fields,
an empty line and base64. The caller writes the other header fields (MIME-Version among them) before, without an empty line.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import BinaryIO

from secmail.algorithms import RSASSA_PSS, ContentEncryption, Digest
from secmail.certificates import Certificate
from secmail.cms.attributes import DerValue, EssAttributes
from secmail.cms.compressed import CompressedDataWriter
from secmail.cms.enveloped import EnvelopedDataWriter
from secmail.cms.recipients import AnyRecipient, Recipient
from secmail.cms.signed import SignedDataWriter, certificates_only
from secmail.envelope import ContentEncryptionChoice, Envelope, plan_envelope
from secmail.errors import Unsupported
from secmail.keys import Password, SecretKey, SigningKey
from secmail.mime.encodings import Base64Writer
from secmail.streams import Writable, copy

EncryptTo = Recipient | Certificate | SecretKey | Password
FILE_NAMES = {"compressed-data": "smime.p7z", "certs-only": "smime.p7c"}


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
    recipients: Sequence[EncryptTo],
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    attributes: EssAttributes | None = None,
    co_signers: Sequence[SigningKey] = (),
    content_encryption: ContentEncryptionChoice = "auto",
) -> Iterator[Wrapping]:
    """Sign and encrypt (RFC 8551 section 3.7) what is written to the sink in the ``with`` block: a MIME entity in canonical form (CRLF).

    ``certificates`` (the signer's path without the anchor) and ``encryption_certificate`` go along in the signature, ``now`` becomes the
    signing time (aware). RSA keys sign with RSASSA-PSS if every recipient is known to read it. A recipient given as a bare Certificate is
    known to read only what the certificate states. If the block raises, ``out`` is left incomplete. Raises Unsupported for a key or certificate that can't be used, ValueError without recipients.
    """
    known = _known(recipients)
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
            co_signers=co_signers,
            pss=_all_read_pss(known),
        ) as signed,
    ):
        yield Wrapping(signed, envelope)


@contextmanager
def triple_wrapping(
    out: Writable,
    *,
    signer: SigningKey,
    recipients: Sequence[EncryptTo],
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    attributes: EssAttributes | None = None,
    outer_label: DerValue | None = None,
    content_encryption: ContentEncryptionChoice = "auto",
) -> Iterator[Wrapping]:
    """Sign, encrypt, and sign the encrypted form again (RFC 2634 section 1.1); parameters and errors as for ``wrapping``.

    ``attributes`` go into the inside signature. The outside one says nothing about the content: it has ``outer_label``, which is about
    the encrypted message and no copy of the inner one, and nothing else, so never a receipt request (section 1.3.1) or a description.
    """
    known = _known(recipients)
    algorithm, envelope = plan_envelope(known, content_encryption)
    side = partial(
        signing,
        signer=signer,
        now=now,
        certificates=tuple(certificates),
        encryption_certificate=encryption_certificate,
        pss=_all_read_pss(known),
    )
    with (
        side(out, attributes=EssAttributes(outer_label)) as outside,
        _enveloping(outside, known, algorithm) as enveloped,
        side(enveloped, attributes=attributes) as inside,
    ):
        yield Wrapping(inside, envelope)


@contextmanager
def signing(
    out: Writable,
    *,
    signer: SigningKey,
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    attributes: EssAttributes | None = None,
    co_signers: Sequence[SigningKey] = (),
    detached: bool = False,
    pss: bool = False,
) -> Iterator[Writable]:
    """Only sign what is written to the sink (RFC 8551 section 3.5.2, signed-data); parameters and errors as for ``wrapping``.

    ``co_signers`` sign the same content and attributes. ``detached`` makes a multipart/signed (section 3.5.3), which every program can show: its entity must have
    lines and transfer encodings that survive mail transport (RFC 8551 section 3.1.3). ``pss`` makes RSA keys sign with RSASSA-PSS.
    """
    for each in (signer, *co_signers):
        if not each.certificate.can_sign:
            raise Unsupported("the signer's certificate is not for signing e-mail")

    def signed_data(target: Writable) -> SignedDataWriter:
        return SignedDataWriter(
            target,
            signer=signer,
            signing_time=now,
            co_signers=co_signers,
            certificates=certificates,
            encryption_certificate=encryption_certificate,
            attributes=attributes,
            detached=detached,
            pss=pss,
        )

    if detached:
        clear = _ClearSigned(out, signed_data)
        yield clear
        clear.close()
        return
    with pkcs7_entity(out, "signed-data") as body:
        writer = signed_data(body)
        yield writer
        writer.close()


@contextmanager
def compressing(out: Writable) -> Iterator[Writable]:
    """Compress what is written to the sink (RFC 8551 section 3.6); Unsupported at the end if it would expand more than 100-fold."""
    with pkcs7_entity(out, "compressed-data") as body:
        writer = CompressedDataWriter(body)
        yield writer
        writer.close()


def send_certificates(certificates: Iterable[Certificate], out: Writable, *, crls: Iterable[bytes] = ()) -> None:
    """Write an entity that carries certificates, and CRLs as DER, and nothing else (RFC 8551 section 3.8)."""
    with pkcs7_entity(out, "certs-only") as body:
        body.write(certificates_only(certificates, crls))


@contextmanager
def enveloping(
    out: Writable, *, recipients: Sequence[EncryptTo], content_encryption: ContentEncryptionChoice = "auto"
) -> Iterator[Wrapping]:
    """Only encrypt what is written to the sink (RFC 8551 sections 3.3 and 3.4); parameters and errors as for ``wrapping``."""
    known = _known(recipients)
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
    """Sign a whole stream (RFC 8551 section 3.5.2); parameters and errors as for ``wrapping``."""
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
    recipients: Sequence[EncryptTo],
    content_encryption: ContentEncryptionChoice = "auto",
) -> Envelope:
    """Encrypt a whole stream (RFC 8551 sections 3.3 and 3.4); parameters and errors as for ``wrapping``."""
    with enveloping(out, recipients=recipients, content_encryption=content_encryption) as sink:
        copy(content, sink)
        return sink.envelope


def _known(recipients: Sequence[EncryptTo]) -> list[AnyRecipient]:
    return [Recipient(each) if isinstance(each, Certificate) else each for each in recipients]


def _all_read_pss(recipients: Sequence[AnyRecipient]) -> bool:
    return all(isinstance(each, Recipient) and each.reads(RSASSA_PSS) for each in recipients)


@contextmanager
def _enveloping(out: Writable, recipients: Sequence[AnyRecipient], algorithm: ContentEncryption) -> Iterator[Writable]:
    with pkcs7_entity(out, "authEnveloped-data" if algorithm.authenticated else "enveloped-data") as body:
        writer = EnvelopedDataWriter(body, recipients=recipients, content_encryption=algorithm)
        yield writer
        writer.close()


@contextmanager
def pkcs7_entity(out: Writable, smime_type: str) -> Iterator[Writable]:
    """RFC 8551 section 3.2: one application/pkcs7-mime entity around what is written to the sink."""
    name = FILE_NAMES.get(smime_type, "smime.p7m")
    out.write(_fields(f'application/pkcs7-mime; smime-type={smime_type}; name="{name}"', name))
    body = Base64Writer(out)
    yield body
    body.close()


def _fields(content_type: str, name: str) -> bytes:
    return (
        f"Content-Type: {content_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    ).encode("ascii")


class _ClearSigned:
    """RFC 8551 section 3.5.3: a multipart/signed; what is written becomes its first part, the signature follows at the end."""

    def __init__(self, target: Writable, signed_data: Callable[[Writable], SignedDataWriter]) -> None:
        self._target, self._boundary, self._pieces = target, f"signed-{secrets.token_hex(16)}", _Pieces()
        self._signature = signed_data(self._pieces)
        micalg = ",".join(sorted(set(map(_micalg, self._signature.digests))))
        target.write(
            f'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg={micalg};\r\n'
            f' boundary="{self._boundary}"\r\n\r\n--{self._boundary}\r\n'.encode("ascii")
        )

    def write(self, data: bytes, /) -> int:
        self._signature.write(data)
        self._target.write(data)
        return len(data)

    def close(self) -> None:
        # The line end before a boundary belongs to the boundary
        self._target.write(f"\r\n--{self._boundary}\r\n".encode("ascii"))
        self._target.write(_fields('application/pkcs7-signature; name="smime.p7s"', "smime.p7s"))
        self._signature.close()
        body = Base64Writer(self._target)
        body.write(b"".join(self._pieces))
        body.close()
        self._target.write(f"\r\n--{self._boundary}--\r\n".encode("ascii"))


class _Pieces(list[bytes]):
    """A sink that keeps what it is given: a signature without content is small."""

    def write(self, data: bytes, /) -> int:
        self.append(bytes(data))
        return len(data)


def _micalg(digest: Digest) -> str:
    """RFC 8551 section 3.5.3.2; "unknown" for digests that have no name there."""
    return digest.name.lower() if digest.name.startswith("SHA-") else "unknown"
