"""Opening S/MIME messages: walk the layers outside-in, and say what each of them proves.

Nothing is released before it is proven: an envelope is decrypted to its end once before anything of it is used, a signature is verified
before its content is handed out, and content encrypted without authentication (CBC) whose signature fails is not handed out at all.
The content is a source whose every pass decrypts the ciphertext again, so no plaintext rests anywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Literal

from secmail.certificates import Certificate
from secmail.cms import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA, SIGNED_DATA
from secmail.cms.attributes import ReceiptRequest
from secmail.cms.ber import BerReader, enter_content_info
from secmail.cms.enveloped import open_enveloped
from secmail.cms.signed import LabelState, SignedData, verify
from secmail.cms.signers import RejectedSigner, Signer, VerifiedSigner
from secmail.errors import LabelError, Malformed, SignerMismatch, Unsupported, VerificationError
from secmail.keys import DecryptionKey
from secmail.labels.label import SecurityLabel
from secmail.mime import Entity, ProtectedHeader, protection_states, read_entity
from secmail.paths import TrustStore
from secmail.streams import CrlfReader, Source

MAX_LAYERS = 10
DATE_TOLERANCE = timedelta(hours=1)
PKCS7_MIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
PKCS7_SIGNATURE = ("application/pkcs7-signature", "application/x-pkcs7-signature")

Verdict = Literal["verified", "not-verified", "unsigned"]


@dataclass(frozen=True)
class EnvelopedLayer:
    """A layer of encryption. ``authenticated``: the encryption itself (AES-GCM) proves that nothing was changed."""

    content_encryption: str
    authenticated: bool
    weak: bool
    recipient: Certificate


@dataclass(frozen=True)
class SignedLayer:
    """A layer of signatures. Label and receipt request are those of its verified signers."""

    signers: tuple[Signer, ...]
    label_state: LabelState
    label: SecurityLabel | None
    receipt_request: ReceiptRequest | None

    @property
    def verified_signers(self) -> tuple[VerifiedSigner, ...]:
        return tuple(each for each in self.signers if isinstance(each, VerifiedSigner))


Layer = EnvelopedLayer | SignedLayer


@dataclass(frozen=True)
class Author:
    """Who provably wrote: the signer, and the address of the message's From or Sender field that its certificate names."""

    signer: VerifiedSigner
    address: str
    field: Literal["from", "sender"]


@dataclass(frozen=True)
class Unwrapped:
    """A message with its layers taken off, the outermost first in ``layers``.

    ``content`` is the innermost entity as it was signed, ``entity`` the same as MIME; both None where it is withheld (encrypted without
    authentication, and the signature inside does not hold) or is no MIME. Label and receipt request are those of the innermost signature.
    ``headers`` are the fields that count, by lower-case name. ``verdict`` is about the content and its author, ``reason`` is for people.
    """

    layers: tuple[Layer, ...]
    content: Source | None
    entity: Entity | None
    headers: Mapping[str, ProtectedHeader]
    label_state: LabelState
    label: SecurityLabel | None
    receipt_request: ReceiptRequest | None
    verdict: Verdict
    reason: str
    author: Author | None
    error: VerificationError | None

    @property
    def is_encrypted(self) -> bool:
        return any(isinstance(layer, EnvelopedLayer) for layer in self.layers)

    @property
    def is_authenticated(self) -> bool:
        """Whether every layer of encryption, or else a verified signature, proves that the content is what was sent."""
        authenticated = [layer.authenticated for layer in self.layers if isinstance(layer, EnvelopedLayer)]
        return self.verdict == "verified" or (bool(authenticated) and all(authenticated))

    def require_verified(self) -> "Author":
        """The author; raises what is wrong (BadSignature, BadCertificate, SignerMismatch, VerificationError) if there is none."""
        if self.author is None or self.verdict != "verified":
            raise self.error or VerificationError(self.reason)
        return self.author


def unwrap(
    message: Source, *, keys: Sequence[DecryptionKey], trust: TrustStore, now: datetime, certificates: Sequence[Certificate] = ()
) -> Unwrapped:
    """Open a message: an RFC 5322 message or any MIME entity.

    ``now`` is the moment for which certificates must be valid, ``certificates`` more than the message brings along. Raises Malformed,
    Unsupported, NotARecipient and DecryptionError; a signature that fails is told in the result.
    """
    outer = read_entity(message)
    content = message
    entity: Entity | None = outer
    layers: list[Layer] = []
    opener = _Opener(keys, trust, now, certificates)
    while entity is not None and (opened := opener.open(entity)):
        layer, content, is_mime = opened
        layers.append(layer)
        if len(layers) > MAX_LAYERS:
            raise Malformed(f"more than {MAX_LAYERS} layers")
        entity = _mime_entity(content) if is_mime else None
    return _judged(outer, content, entity, layers)


def _mime_entity(content: Source) -> Entity | None:
    """None for content that is no MIME, which plain CMS programs put into messages."""
    try:
        return read_entity(content)
    except Malformed:
        return None


# Opening one layer


@dataclass(frozen=True)
class _Opener:
    keys: Sequence[DecryptionKey]
    trust: TrustStore
    now: datetime
    certificates: Sequence[Certificate]

    def open(self, entity: Entity) -> tuple[Layer, Source, bool] | None:
        """(the layer, what is inside, whether that is MIME), None where the entity is no layer."""
        if entity.content_type == "multipart/signed" and entity.parameters.get("protocol", "").lower() in PKCS7_SIGNATURE:
            return self._multipart_signed(entity)
        named = entity.content_type == "application/octet-stream" and (entity.filename or "").lower().endswith(".p7m")
        if entity.content_type not in PKCS7_MIME and not named:
            return None
        with closing(entity.content.open()) as stream:
            content_type = enter_content_info(BerReader(stream))
        if content_type == SIGNED_DATA:
            return self._signed(entity.content)
        if content_type in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
            return self._enveloped(entity.content)
        raise Unsupported(f"CMS content type {content_type} is not supported")

    def _enveloped(self, source: Source) -> tuple[Layer, Source, bool]:
        opened = open_enveloped(source, keys=self.keys)
        algorithm = opened.content_encryption
        layer = EnvelopedLayer(algorithm.name, opened.authenticated, algorithm.weak, opened.key.certificate)
        return layer, opened.content, True

    def _signed(self, source: Source) -> tuple[Layer, Source, bool]:
        signed = verify(source, trust=self.trust, now=self.now, certificates=self.certificates)
        if signed.content is None:
            raise Unsupported("a SignedData without content: certificates only")
        return _signed_layer(signed), signed.content, signed.content_type == DATA

    def _multipart_signed(self, entity: Entity) -> tuple[Layer, Source, bool]:
        parts = entity.parts()
        if len(parts) != 2:
            raise Malformed("a multipart/signed has two parts (RFC 1847 section 2.1)")
        content = _Canonical(parts[0].raw)
        signed = verify(
            parts[1].content, trust=self.trust, now=self.now, detached=content, certificates=self.certificates
        )
        return _signed_layer(signed), content, True


@dataclass(frozen=True)
class _Canonical:
    """RFC 8551 section 3.1.1: what was signed had CRLF line ends, whatever the message was stored with."""

    source: Source

    def open(self) -> BinaryIO:
        return CrlfReader(self.source.open())


def _signed_layer(signed: SignedData) -> SignedLayer:
    state, encoded = signed.security_label
    label = None
    if encoded is not None:
        try:
            label = SecurityLabel.from_der(encoded)
        except (Malformed, LabelError):
            state = "malformed"
    return SignedLayer(signed.signers, state, label, signed.receipt_request)


# Judging the whole


def _judged(outer: Entity, content: Source, entity: Entity | None, layers: Sequence[Layer]) -> Unwrapped:
    last_envelope = max((number for number, layer in enumerate(layers) if isinstance(layer, EnvelopedLayer)), default=-1)
    signatures = [layer for layer in layers[last_envelope + 1 :] if isinstance(layer, SignedLayer)]
    innermost = signatures[-1] if signatures else None
    verified = innermost.verified_signers if innermost else ()
    unauthenticated = any(isinstance(layer, EnvelopedLayer) and not layer.authenticated for layer in layers)
    withheld = unauthenticated and innermost is not None and not verified
    entity = None if withheld else entity
    protects = entity is not None
    headers = protection_states(
        outer.headers, entity or outer, encrypted=protects and last_envelope >= 0, signed=protects and bool(verified)
    )
    verdict, reason, author, error = _verdict(layers, innermost, headers)
    return Unwrapped(
        layers=tuple(layers),
        content=None if withheld else content,
        entity=entity,
        headers=headers,
        label_state=innermost.label_state if innermost else "absent",
        label=innermost.label if innermost else None,
        receipt_request=innermost.receipt_request if innermost else None,
        verdict=verdict,
        reason=reason,
        author=author,
        error=error,
    )


def _verdict(
    layers: Sequence[Layer], innermost: SignedLayer | None, headers: Mapping[str, ProtectedHeader]
) -> tuple[Verdict, str, Author | None, VerificationError | None]:
    if innermost is None:
        if any(isinstance(layer, SignedLayer) for layer in layers):
            # Anybody can take such a signature off and put an own one around what he can't even read
            return _refused(VerificationError("only the encrypted form is signed, which does not prove who wrote the content"))
        return "unsigned", "the message is not signed", None, None
    if not innermost.verified_signers:
        rejected = [each for each in innermost.signers if isinstance(each, RejectedSigner)]
        reason = rejected[0].reason if rejected else "there is no signer"
        error = rejected[0].error if rejected else None
        return _refused(error if isinstance(error, VerificationError) else VerificationError(reason))
    author = _author(innermost.verified_signers, headers)
    if author is None:
        return _refused(_mismatch(innermost.verified_signers))
    return "verified", "; ".join(_warnings(author, headers)), author, None


def _refused(error: VerificationError) -> tuple[Verdict, str, None, VerificationError]:
    return "not-verified", str(error), None, error


def _author(signers: Sequence[VerifiedSigner], headers: Mapping[str, ProtectedHeader]) -> Author | None:
    """RFC 8550 section 3: the address in From, else in Sender, "matches an Internet mail address in the signer's certificate"."""
    fields: tuple[Literal["from", "sender"], ...] = ("from", "sender")
    for field in fields:
        for address in headers[field].addresses if field in headers else ():
            for signer in signers:
                if signer.certificate.speaks_for(address.addr_spec):
                    return Author(signer, address.addr_spec, field)
    return None


def _warnings(author: Author, headers: Mapping[str, ProtectedHeader]) -> Iterator[str]:
    yield from author.signer.warnings
    signing_time = author.signer.signing_time
    if signing_time is None or "date" not in headers:
        return
    try:
        date = parsedate_to_datetime(headers["date"].field)
        differ = abs(date.replace(tzinfo=date.tzinfo or UTC) - signing_time) > DATE_TOLERANCE
    except (ValueError, TypeError, OverflowError):
        return
    if differ:
        yield "the date of the message is not the time of its signature"


def _mismatch(signers: Sequence[VerifiedSigner]) -> SignerMismatch:
    if not any(signer.certificate.emails for signer in signers):
        return SignerMismatch("the signer's certificate names no address, so it does not prove that the sender wrote this")
    names = ", ".join(address for signer in signers for address in signer.certificate.emails)
    return SignerMismatch(f"signed by {names}, who is not the sender the message names")
