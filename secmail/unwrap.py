"""Opening S/MIME messages: walk the layers outside-in, and say what each of them proves.

Nothing is released before it is proven: an envelope is decrypted to its end once before anything of it is used, a signature is verified
before its content is handed out, and content encrypted without authentication (CBC) whose signature fails is not handed out at all.
The content is a source whose every pass decrypts the ciphertext again, so no plaintext rests anywhere.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import BinaryIO, Literal

from secmail.certificates import Certificate
from secmail.cms import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    DATA,
    DIGESTED_DATA,
    ENCRYPTED_DATA,
    ENVELOPED_DATA,
    SIGNED_DATA,
)
from secmail.cms.attributes import ReceiptRequest
from secmail.cms.ber import BerReader, enter_content_info
from secmail.cms.compressed import MAX_SIZE, open_compressed
from secmail.cms.digested import open_digested
from secmail.cms.enveloped import Enveloped, open_encrypted, open_enveloped
from secmail.cms.ess import MLData
from secmail.cms.signed import LabelState, SignedData, verify
from secmail.cms.signers import RejectedSigner, Signer, VerifiedSigner
from secmail.cms.summary import RecipientSummary, summaries
from secmail.errors import LabelError, Malformed, SignerMismatch, Unsupported, VerificationError
from secmail.keys import OpeningKey, Password, SecretKey
from secmail.labels.label import SecurityLabel
from secmail.mime import Entity, ProtectedHeader, protection_states, read_entity
from secmail.paths import PathOptions, TrustStore
from secmail.streams import BytesSource, CrlfReader, Source

MAX_LAYERS = 10
DATE_TOLERANCE = timedelta(hours=1)
PKCS7_MIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
PKCS7_SIGNATURE = ("application/pkcs7-signature", "application/x-pkcs7-signature")

Verdict = Literal["verified", "not-verified", "unsigned"]
EnvelopeKind = Literal["enveloped", "auth-enveloped", "encrypted"]
HistoryState = Literal["absent", "present", "unknown-list", "conflict", "malformed"]


@dataclass(frozen=True)
class EnvelopedLayer:
    """A layer of encryption. ``authenticated``: the encryption itself (AES-GCM) proves that nothing was changed.

    ``recipient`` is the certificate of the key that opened it, None for a shared key or password; ``opened_with`` says which, for people.
    """

    content_encryption: str
    authenticated: bool
    weak: bool
    recipient: Certificate | None
    kind: EnvelopeKind = "enveloped"
    opened_with: str = ""
    recipient_infos: bytes = field(default=b"", repr=False, compare=False)

    @cached_property
    def recipients(self) -> tuple[RecipientSummary, ...]:
        """All recipients the message names; read when first asked for, because there may be thousands."""
        return tuple(summaries(self.recipient_infos))


@dataclass(frozen=True)
class CompressedLayer:
    """A layer of compression."""


@dataclass(frozen=True)
class DigestedLayer:
    """Content with its digest, which was right, and proves nothing about anybody."""

    digest_algorithm: str


@dataclass(frozen=True)
class SignedLayer:
    """A layer of signatures. Label, receipt request and mail list expansion history are those of its verified signers.

    ``certificates`` are those that the message brings along; without any signer that is all it does (RFC 8551 section 3.8).
    """

    signers: tuple[Signer, ...]
    label_state: LabelState
    label: SecurityLabel | None
    receipt_request: ReceiptRequest | None
    content_type: str = DATA
    receipt_request_state: LabelState = "absent"
    history_state: LabelState = "absent"
    ml_expansion_history: tuple[MLData, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    @property
    def verified_signers(self) -> tuple[VerifiedSigner, ...]:
        return tuple(each for each in self.signers if isinstance(each, VerifiedSigner))


Layer = EnvelopedLayer | SignedLayer | CompressedLayer | DigestedLayer


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
    authentication, and the signature inside does not hold) or is no MIME. Label and receipt request are those of the innermost signature,
    and only if an author is proven. ``headers`` are the fields that count, by lower-case name. ``verdict`` is about the content and its
    author, ``reason`` is for people. ``ml_expansion_history`` is the outermost one, if a known list signed it; ``equivalent_labels``
    are those of configured translators: see ``label_for``.
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
    receipt_request_state: LabelState = "absent"
    equivalent_labels: tuple[SecurityLabel, ...] = ()
    history_state: HistoryState = "absent"
    ml_expansion_history: tuple[MLData, ...] = ()

    @property
    def innermost_signature(self) -> SignedLayer | None:
        """The layer whose signature is about the content: the last one, unless only its encrypted form is signed."""
        return _innermost(self.layers)

    def label_for(self, policies: Collection[str]) -> SecurityLabel | None:
        """The label to judge by for somebody who knows these security policies (OIDs); None if there is none.

        RFC 2634 section 3.4.2: "If the policy in the ESSSecurityLabel is understood by the receiving agent, it MUST process that label
        and MUST ignore all EquivalentLabels." A label of no known policy is given back, to be refused, if no equivalent one is known.
        """
        if self.label is not None and self.label.policy in policies:
            return self.label
        return next((each for each in self.equivalent_labels if each.policy in policies), self.label)

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
    message: Source,
    *,
    keys: Sequence[OpeningKey],
    trust: TrustStore,
    now: datetime,
    certificates: Sequence[Certificate] = (),
    options: PathOptions | None = None,
    lists: Collection[str] = (),
    translators: Collection[str] = (),
    max_size: int = MAX_SIZE,
) -> Unwrapped:
    """Open a message: an RFC 5322 message or any MIME entity.

    ``now`` is the moment for which certificates must be valid, ``certificates`` more than the message brings along, ``options``
    revocation evidence, required policies and a cache of path verdicts. ``lists`` are the addresses of mail lists whose expansion
    history is believed (those in the protected To and Cc are, too), ``translators`` those of signers whose equivalent labels are.
    Compressed content may become ``max_size`` octets. Raises Malformed, Unsupported, NotARecipient and DecryptionError; a signature
    that fails is told in the result.
    """
    outer = read_entity(message)
    content = message
    entity: Entity | None = outer
    layers: list[Layer] = []
    for peeled in peel(
        outer, keys=keys, trust=trust, now=now, certificates=certificates, options=options, max_size=max_size
    ):
        layers.append(peeled.layer)
        content, entity = peeled.content, peeled.entity
    return _judged(outer, content, entity, layers, lists=lists, translators=translators)


@dataclass(frozen=True)
class Peeled:
    """A layer that was taken off, the octets inside and the same as MIME (None: they are something else)."""

    layer: Layer
    content: Source
    entity: Entity | None


def peel(
    outer: Entity,
    *,
    keys: Sequence[OpeningKey],
    trust: TrustStore,
    now: datetime,
    certificates: Sequence[Certificate] = (),
    options: PathOptions | None = None,
    max_size: int = MAX_SIZE,
) -> Iterator[Peeled]:
    """Take the layers off one by one, the outermost first; nothing is judged. Parameters and errors as for ``unwrap``."""
    opener = _Opener(keys, trust, now, certificates, options, max_size)
    entity: Entity | None = outer
    number = compressed = 0
    while entity is not None and (opened := opener.open(entity)):
        layer, content, is_mime = opened
        number += 1
        if number > MAX_LAYERS:
            raise Malformed(f"more than {MAX_LAYERS} layers")
        compressed += isinstance(layer, CompressedLayer)
        if compressed > 1:
            raise Malformed("compressed content inside compressed content")
        entity = _mime_entity(content) if is_mime else None
        yield Peeled(layer, content, entity)


def _mime_entity(content: Source) -> Entity | None:
    """None for content that is no MIME, which plain CMS programs put into messages."""
    try:
        return read_entity(content)
    except Malformed:
        return None


# Opening one layer

Opened = tuple[Layer, Source, bool]  # the layer, what is inside, whether that is MIME


@dataclass(frozen=True)
class _Opener:
    keys: Sequence[OpeningKey]
    trust: TrustStore
    now: datetime
    certificates: Sequence[Certificate]
    options: PathOptions | None
    max_size: int

    def open(self, entity: Entity) -> Opened | None:
        """None where the entity is no layer."""
        if entity.content_type == "multipart/signed" and entity.parameters.get("protocol", "").lower() in PKCS7_SIGNATURE:
            return self._multipart_signed(entity)
        named = entity.content_type == "application/octet-stream" and (entity.filename or "").lower().endswith(".p7m")
        if entity.content_type not in PKCS7_MIME and not named:
            return None
        with closing(entity.content.open()) as stream:
            content_type = enter_content_info(BerReader(stream))
        open_layer = {
            SIGNED_DATA: self._signed,
            ENVELOPED_DATA: self._enveloped,
            AUTH_ENVELOPED_DATA: self._enveloped,
            ENCRYPTED_DATA: self._encrypted,
            COMPRESSED_DATA: self._compressed,
            DIGESTED_DATA: self._digested,
        }.get(content_type)
        if open_layer is None:
            raise Unsupported(f"CMS content type {content_type} is not supported")
        return open_layer(entity.content)

    def _enveloped(self, source: Source) -> Opened:
        opened = open_enveloped(source, keys=self.keys)
        return _enveloped_layer(opened, "auth-enveloped" if opened.authenticated else "enveloped"), opened.content, True

    def _encrypted(self, source: Source) -> Opened:
        opened = open_encrypted(source, keys=self.keys)
        return _enveloped_layer(opened, "encrypted"), opened.content, True

    def _compressed(self, source: Source) -> Opened:
        return CompressedLayer(), open_compressed(source, max_size=self.max_size), True

    def _digested(self, source: Source) -> Opened:
        opened = open_digested(source)
        return DigestedLayer(opened.digest_algorithm.name), opened.content, True

    def _signed(self, source: Source) -> Opened:
        signed = verify(
            source, trust=self.trust, now=self.now, certificates=self.certificates, options=self.options
        )
        return _signed_layer(signed), signed.content or BytesSource(b""), signed.content_type == DATA and signed.content is not None

    def _multipart_signed(self, entity: Entity) -> Opened:
        parts = entity.parts()
        if len(parts) != 2:
            raise Malformed("a multipart/signed has two parts (RFC 1847 section 2.1)")
        content = _Canonical(parts[0].raw)
        signed = verify(
            parts[1].content,
            trust=self.trust,
            now=self.now,
            detached=content,
            certificates=self.certificates,
            options=self.options,
        )
        return _signed_layer(signed), content, True


@dataclass(frozen=True)
class _Canonical:
    """RFC 8551 section 3.1.1: what was signed had CRLF line ends, whatever the message was stored with."""

    source: Source

    def open(self) -> BinaryIO:
        return CrlfReader(self.source.open())


def _enveloped_layer(opened: Enveloped, kind: EnvelopeKind) -> EnvelopedLayer:
    algorithm, key = opened.content_encryption, opened.key
    recipient = None
    if isinstance(key, Password):
        opened_with = "a password"
    elif isinstance(key, SecretKey):
        opened_with = f"the shared key {key.identifier.hex()}"
    else:
        recipient = key.certificate
        opened_with = f"the key of {recipient.subject}"
    return EnvelopedLayer(
        content_encryption=algorithm.name,
        authenticated=opened.authenticated,
        weak=algorithm.weak,
        recipient=recipient,
        kind=kind,
        opened_with=opened_with,
        recipient_infos=opened.recipient_infos,
    )


def _signed_layer(signed: SignedData) -> SignedLayer:
    state, encoded = signed.security_label
    label = None
    if encoded is not None:
        try:
            label = SecurityLabel.from_der(encoded)
        except (Malformed, LabelError):
            state = "malformed"
    request_state, request = signed.receipt_request_claim
    history_state, history = signed.ml_expansion_history
    return SignedLayer(
        signed.signers, state, label, request, signed.content_type, request_state, history_state, history or (), signed.certificates
    )


# Judging the whole


def _innermost(layers: Sequence[Layer]) -> SignedLayer | None:
    last_envelope = max((number for number, layer in enumerate(layers) if isinstance(layer, EnvelopedLayer)), default=-1)
    signatures = [layer for layer in layers[last_envelope + 1 :] if isinstance(layer, SignedLayer)]
    return signatures[-1] if signatures else None


def _judged(
    outer: Entity,
    content: Source,
    entity: Entity | None,
    layers: Sequence[Layer],
    *,
    lists: Collection[str],
    translators: Collection[str],
) -> Unwrapped:
    innermost = _innermost(layers)
    encrypted = any(isinstance(layer, EnvelopedLayer) for layer in layers)
    verified = innermost.verified_signers if innermost else ()
    unauthenticated = any(isinstance(layer, EnvelopedLayer) and not layer.authenticated for layer in layers)
    withheld = unauthenticated and innermost is not None and not verified
    entity = None if withheld else entity
    protects = entity is not None
    headers = protection_states(outer.headers, entity or outer, encrypted=protects and encrypted, signed=protects and bool(verified))
    verdict, reason, author, error = _verdict(layers, innermost, headers)
    believed = innermost if author else None
    history_state, history = _history(layers, lists if author is None else (*lists, *_protected_recipients(headers)))
    return Unwrapped(
        layers=tuple(layers),
        content=None if withheld else content,
        entity=entity,
        headers=headers,
        label_state=believed.label_state if believed else "absent",
        label=believed.label if believed else None,
        receipt_request=believed.receipt_request if believed else None,
        verdict=verdict,
        reason=reason,
        author=author,
        error=error,
        receipt_request_state=believed.receipt_request_state if believed else "absent",
        equivalent_labels=tuple(_translated(believed, translators)) if believed else (),
        history_state=history_state,
        ml_expansion_history=history,
    )


def _history(layers: Sequence[Layer], lists: Iterable[str]) -> tuple[HistoryState, tuple[MLData, ...]]:
    """The outermost history, if a known list signed it: otherwise anybody could wrap a message to divert or suppress receipts."""
    known = list(lists)
    for layer in layers:
        if not isinstance(layer, SignedLayer) or layer.history_state == "absent":
            continue
        if layer.history_state != "present":
            return layer.history_state, ()
        signers = [each.certificate for each in layer.verified_signers if each.ml_expansion_history]
        if any(signer.speaks_for(address) for signer in signers for address in known):
            return "present", layer.ml_expansion_history
        return "unknown-list", ()
    return "absent", ()


def _protected_recipients(headers: Mapping[str, ProtectedHeader]) -> Iterator[str]:
    """To and Cc as the author signed them."""
    for name in ("to", "cc"):
        if name in headers and headers[name].protection in ("signed-only", "signed-and-encrypted"):
            yield from (each.addr_spec for each in headers[name].addresses)


def _translated(layer: SignedLayer, translators: Collection[str]) -> Iterator[SecurityLabel]:
    """RFC 2634 section 3.4.2: only labels "signed by an entity trusted to translate", each of a policy of its own."""
    if layer.label_state not in ("present", "absent"):
        return  # there is a label, so nobody can tell whether its policy is known
    policies = {layer.label.policy} if layer.label else set()
    for signer in layer.verified_signers:
        if not any(signer.certificate.speaks_for(address) for address in translators):
            continue
        try:
            labels = [SecurityLabel.from_der(each) for each in signer.equivalent_labels or ()]
        except (Malformed, LabelError):
            continue
        named = [each.policy for each in labels]
        if len(set(named)) == len(named) and policies.isdisjoint(named):
            yield from labels
            policies.update(named)


def _verdict(
    layers: Sequence[Layer], innermost: SignedLayer | None, headers: Mapping[str, ProtectedHeader]
) -> tuple[Verdict, str, Author | None, VerificationError | None]:
    if innermost is None or not innermost.signers:
        return _unsigned(layers, innermost)
    rejected = [each for each in innermost.signers if isinstance(each, RejectedSigner)]
    if invalid := [each for each in rejected if each.status == "invalid"]:
        rejected = invalid
    if invalid or not innermost.verified_signers:
        reason = rejected[0].reason if rejected else "there is no signer"
        error = rejected[0].error if rejected else None
        return _refused(error if isinstance(error, VerificationError) else VerificationError(reason))
    author = _author(innermost.verified_signers, headers)
    if author is None:
        return _refused(_mismatch(innermost.verified_signers))
    if conflict := _conflict(layers, innermost):
        return "not-verified", conflict, author, VerificationError(conflict)
    unchecked = (f"a further signer could not be checked: {each.reason}" for each in rejected)
    return "verified", "; ".join((*_warnings(author, headers), *unchecked)), author, None


def _unsigned(
    layers: Sequence[Layer], innermost: SignedLayer | None
) -> tuple[Verdict, str, None, VerificationError | None]:
    if innermost is not None:
        return "unsigned", "the message carries certificates and no signature", None, None
    if any(isinstance(layer, SignedLayer) for layer in layers):
        # Anybody can take such a signature off and put an own one around what he can't even read
        return _refused(VerificationError("only the encrypted form is signed, which does not prove who wrote the content"))
    return "unsigned", "the message is not signed", None, None


def _conflict(layers: Sequence[Layer], innermost: SignedLayer) -> str | None:
    """What the verified signers of one layer contradict each other about: RFC 2634 sections 3.1.1 and 4.1."""
    if innermost.label_state == "conflict":
        return "the signers disagree about the security label"
    if any(isinstance(layer, SignedLayer) and layer.history_state == "conflict" for layer in layers):
        return "the signers disagree about the mail list expansion history"
    return None


def _refused(error: VerificationError) -> tuple[Verdict, str, None, VerificationError]:
    return "not-verified", str(error), None, error


def _author(signers: Sequence[VerifiedSigner], headers: Mapping[str, ProtectedHeader]) -> Author | None:
    """RFC 8550 section 3: the address in From, else in Sender, "matches an Internet mail address in the signer's certificate"."""
    fields: tuple[Literal["from", "sender"], ...] = ("from", "sender")
    for name in fields:
        for address in headers[name].addresses if name in headers else ():
            for signer in signers:
                if signer.certificate.speaks_for(address.addr_spec):
                    return Author(signer, address.addr_spec, name)
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
