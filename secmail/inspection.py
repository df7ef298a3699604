"""What is written in a message, for a person who looks at it: nothing here is proven, and nothing may be decided by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from secmail.cms.attributes import ReceiptRequest
from secmail.cms.claims import MAX_EQUIVALENT_LABELS, Agreement, Claims, ClaimState
from secmail.cms.compressed import MAX_SIZE
from secmail.cms.ess import MLData
from secmail.cms.signers import Signer, VerifiedSigner
from secmail.errors import DecryptionError, Malformed, NotARecipient, SecmailError, Unsupported
from secmail.keys import OpeningKey
from secmail.labels.label import SecurityLabel
from secmail.layers import Layer, SignedLayer, agreed_label, read_labels
from secmail.mime import Entity, ProtectedHeader
from secmail.paths import TrustStore
from secmail.peeling import peel, read_message, sealed_layer
from secmail.streams import Source
from secmail.unwrap import counting_headers
from secmail.verdict import innermost_signature

NOBODY = TrustStore([])


@dataclass(frozen=True)
class Inspection:
    """A message as written. Label, receipt request and history are what the innermost (history: the outermost) signers say together.

    ``signers`` in ``layers`` are all rejected, because nobody is trusted; ``claims_of`` has what they say. ``sealed`` is why the innermost
    layer is not opened, None if all are; ``content`` is what is inside the last layer that was.
    """

    layers: tuple[Layer, ...]
    content: Source | None
    entity: Entity | None
    headers: Mapping[str, ProtectedHeader]
    label_state: ClaimState
    label: SecurityLabel | None
    receipt_request_state: ClaimState
    receipt_request: ReceiptRequest | None
    equivalent_labels: tuple[SecurityLabel, ...]
    history_state: ClaimState
    ml_expansion_history: tuple[MLData, ...]
    sealed: SecmailError | None = None


def claims_of(signer: Signer) -> Claims:
    """What a signer says, proven or not."""
    return signer if isinstance(signer, VerifiedSigner) else signer.unproven


def inspect_message(
    message: Source, *, now: datetime, keys: Sequence[OpeningKey] = (), max_size: int = MAX_SIZE, detached: Source | None = None
) -> Inspection:
    """Walk the layers of a message as far as ``keys`` open them, believing nobody. Malformed for what is none, Unsupported for
    CMS types that are not read here. ``now`` is only what signing times are compared with; ``detached`` as for ``unwrap``."""
    outer = read_message(message)
    content: Source | None = message
    entity: Entity | None = outer
    layers: list[Layer] = []
    sealed: SecmailError | None = None
    try:
        for peeled in peel(outer, keys=keys, trust=NOBODY, now=now, max_size=max_size, detached=detached, content_required=False):
            layers.append(peeled.layer)
            content, entity = peeled.content, peeled.entity
    except (NotARecipient, DecryptionError, Unsupported) as error:
        layers.append(_sealed(entity, error))
        content, entity, sealed = None, None, error
    return _written(outer, content, entity, layers, sealed)


def _sealed(entity: Entity | None, error: SecmailError) -> Layer:
    """The envelope that stayed closed; what was not opened for another reason raises that."""
    try:
        if entity is not None:
            return sealed_layer(entity)
    except Malformed:
        pass
    raise error


def _written(
    outer: Entity, content: Source | None, entity: Entity | None, layers: Sequence[Layer], sealed: SecmailError | None
) -> Inspection:
    signed = [layer for layer in layers if isinstance(layer, SignedLayer) and layer.signers]
    innermost = innermost_signature(layers)
    inner = _agreement(innermost)
    outermost = next((each for each in map(_agreement, signed) if each.ml_expansion_history[0] != "absent"), Agreement(()))
    label_state, label = agreed_label(inner)
    request_state, request = inner.receipt_request
    history_state, history = outermost.ml_expansion_history
    return Inspection(
        layers=tuple(layers),
        content=content,
        entity=entity,
        headers=counting_headers(outer, entity, layers, signed=False),
        label_state=label_state,
        label=label,
        receipt_request_state=request_state,
        receipt_request=request,
        equivalent_labels=tuple(_equivalent_labels(inner.claims)),
        history_state=history_state,
        ml_expansion_history=history or (),
        sealed=sealed,
    )


def _equivalent_labels(claims: Sequence[Claims]) -> Iterator[SecurityLabel]:
    left = iter(range(MAX_EQUIVALENT_LABELS))  # of all signers together
    for each in claims:
        yield from read_labels([one for one, _ in zip(each.equivalent_labels or (), left, strict=False)])


def _agreement(layer: SignedLayer | None) -> Agreement:
    return Agreement([claims_of(each) for each in layer.signers] if layer else ())
