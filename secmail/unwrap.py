"""Opening S/MIME messages: take the layers off outside-in, and say what they prove together.

A signature is verified before its content is handed out, and content encrypted without authentication (CBC) whose signature fails is not
handed out at all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from secmail.certificates import Certificate, comparable_address
from secmail.cms.attributes import ReceiptRequest
from secmail.cms.claims import MAX_EQUIVALENT_LABELS, ClaimState
from secmail.cms.compressed import MAX_SIZE
from secmail.cms.ess import MLData
from secmail.errors import VerificationError
from secmail.keys import OpeningKey
from secmail.labels.label import SecurityLabel
from secmail.layers import EnvelopedLayer, Layer, SignedLayer, read_labels
from secmail.mime import Entity, ProtectedHeader, protection_states
from secmail.paths import PathOptions, TrustStore
from secmail.peeling import peel, read_message
from secmail.streams import Source
from secmail.verdict import Author, Verdict, innermost_signature, judge

HistoryState = Literal["absent", "present", "unknown-list", "conflict", "malformed"]


@dataclass(frozen=True)
class Unwrapped:
    """A message with its layers taken off, the outermost first in ``layers``.

    ``content`` is the innermost entity as it was signed, ``entity`` the same as MIME; both None where it is withheld (encrypted without
    authentication, and the signature inside does not hold) or is no MIME. Label and receipt request are those of the innermost signature,
    and only if an author is proven. ``headers`` are the fields that count, by lower-case name. ``verdict`` is about the content and its
    author, ``reason`` is for people. ``ml_expansion_history`` is the outermost one, if a known list signed it; ``equivalent_labels``
    are those of configured translators: see ``label_for``. ``matches_signer`` is whether From names signers only, None where the message or
    their certificates name nobody.
    """

    layers: tuple[Layer, ...]
    content: Source | None
    entity: Entity | None
    headers: Mapping[str, ProtectedHeader]
    label_state: ClaimState
    label: SecurityLabel | None
    receipt_request: ReceiptRequest | None
    verdict: Verdict
    reason: str
    author: Author | None
    error: VerificationError | None
    receipt_request_state: ClaimState = "absent"
    equivalent_labels: tuple[SecurityLabel, ...] = ()
    history_state: HistoryState = "absent"
    ml_expansion_history: tuple[MLData, ...] = ()
    matches_signer: bool | None = None

    @property
    def innermost_signature(self) -> SignedLayer | None:
        """The layer whose signature is about the content: the last one, unless only its encrypted form is signed."""
        return innermost_signature(self.layers)

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
    detached: Source | None = None,
) -> Unwrapped:
    """Open a message: an RFC 5322 message, any MIME entity, or a bare CMS structure (BER).

    ``now`` is the moment for which certificates must be valid, ``certificates`` more than the message brings along, ``options``
    revocation evidence, required policies and a cache of path verdicts. ``lists`` are the addresses of mail lists whose expansion
    history is believed (those in the protected To and Cc are, too), ``translators`` those of signers whose equivalent labels are.
    Compressed content may become ``max_size`` octets. ``detached`` is the content of a bare signature that has none. Raises Malformed,
    Unsupported, NotARecipient and DecryptionError; a signature that fails is told in the result.
    """
    outer = read_message(message)
    content = message
    entity: Entity | None = outer
    layers: list[Layer] = []
    for peeled in peel(
        outer,
        keys=keys,
        trust=trust,
        now=now,
        certificates=certificates,
        options=options,
        max_size=max_size,
        detached=detached,
    ):
        layers.append(peeled.layer)
        content, entity = peeled.content, peeled.entity
    return _judged(outer, content, entity, layers, lists=lists, translators=translators)


def _judged(
    outer: Entity,
    content: Source,
    entity: Entity | None,
    layers: Sequence[Layer],
    *,
    lists: Collection[str],
    translators: Collection[str],
) -> Unwrapped:
    innermost = innermost_signature(layers)
    verified = bool(innermost and innermost.verified_signers)
    unauthenticated = any(isinstance(layer, EnvelopedLayer) and not layer.authenticated for layer in layers)
    withheld = unauthenticated and innermost is not None and not verified
    entity = None if withheld else entity
    headers = counting_headers(outer, entity, layers, signed=verified)
    judgement = judge(layers, headers)
    believed = innermost if judgement.author else None
    request_state, request = _request(believed, judgement.author, headers)
    history_state, history = _history(layers, lists if judgement.author is None else (*lists, *_protected_recipients(headers)))
    return Unwrapped(
        layers=tuple(layers),
        content=None if withheld else content,
        entity=entity,
        headers=headers,
        label_state=believed.label_state if believed else "absent",
        label=believed.label if believed else None,
        receipt_request=request,
        verdict=judgement.verdict,
        reason=judgement.reason,
        author=judgement.author,
        error=judgement.error,
        receipt_request_state=request_state,
        equivalent_labels=tuple(_translated(believed, translators)) if believed else (),
        history_state=history_state,
        ml_expansion_history=history,
        matches_signer=judgement.matches_signer,
    )


def counting_headers(outer: Entity, entity: Entity | None, layers: Sequence[Layer], *, signed: bool) -> Mapping[str, ProtectedHeader]:
    """The header fields that count. A bare CMS structure has none outside, so those of the entity inside are all there are; and where
    only those inside name an author, nobody may be led to believe them unchecked."""
    payload = entity or outer
    encrypted = any(isinstance(layer, EnvelopedLayer) for layer in layers)
    unnamed = "from" not in outer.headers and "from" in payload.headers
    outside = payload.headers if unnamed or not outer.headers.has_message_fields else outer.headers
    return protection_states(outside, payload, encrypted=entity is not None and encrypted, signed=entity is not None and signed)


def _request(
    layer: SignedLayer | None, author: Author | None, headers: Mapping[str, ProtectedHeader]
) -> tuple[ClaimState, ReceiptRequest | None]:
    """The request of those who wrote: anybody could put a signature of his own, with a request, beside theirs."""
    if layer is None or author is None:
        return "absent", None
    named = {comparable_address(each.addr_spec) for each in headers[author.field].all_addresses} if author.field else set()
    asking = [each for each in layer.verified_signers if each.receipt_request is not None]
    if layer.receipt_request is not None and not any(
        each is author.signer or not named.isdisjoint(each.certificate.comparable_emails) for each in asking
    ):
        return "absent", None
    return layer.receipt_request_state, layer.receipt_request


def _history(layers: Sequence[Layer], lists: Iterable[str]) -> tuple[HistoryState, tuple[MLData, ...]]:
    """The outermost history, if a known list signed it: otherwise anybody could wrap a message to divert or suppress receipts."""
    known = set(map(comparable_address, lists))
    for layer in layers:
        if not isinstance(layer, SignedLayer) or layer.history_state == "absent":
            continue
        if layer.history_state != "present":
            return layer.history_state, ()
        signers = [each.certificate for each in layer.verified_signers if each.ml_expansion_history]
        if any(not known.isdisjoint(signer.comparable_emails) for signer in signers):
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
    left = MAX_EQUIVALENT_LABELS  # of all signers together
    for signer in layer.verified_signers:
        if not any(signer.certificate.speaks_for(address) for address in translators):
            continue
        labels = read_labels(signer.equivalent_labels or ())
        left -= len(labels)
        if left < 0:
            return
        named = [each.policy for each in labels]
        if len(set(named)) == len(named) and policies.isdisjoint(named):
            yield from labels
            policies.update(named)
