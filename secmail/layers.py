"""The layers of a message: what each is. ``peeling`` takes them off."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from secmail.certificates import Certificate
from secmail.cms import DATA
from secmail.cms.attributes import ReceiptRequest
from secmail.cms.claims import Agreement, ClaimState
from secmail.cms.enveloped import Enveloped
from secmail.cms.ess import MLData
from secmail.cms.signers import Signer, VerifiedSigner
from secmail.cms.summary import RecipientSummary, summaries
from secmail.errors import LabelError, Malformed
from secmail.keys import BareKey, Password, SecretKey
from secmail.labels.label import SecurityLabel

EnvelopeKind = Literal["enveloped", "auth-enveloped", "encrypted"]


@dataclass(frozen=True)
class EnvelopedLayer:
    """A layer of encryption: EnvelopedData, AuthEnvelopedData (RFC 5083) or EncryptedData (RFC 5652 sections 6 and 8).

    ``authenticated``: the encryption itself proves that nothing was changed, as that of AuthEnvelopedData does.

    ``recipient`` is the certificate of the key that opened it, None for a shared key or password; ``opened_with`` says which, for people,
    and is empty where nothing opened it.
    """

    content_encryption: str
    authenticated: bool
    weak: bool
    recipient: Certificate | None
    kind: EnvelopeKind = "enveloped"
    opened_with: str = ""
    recipient_infos: bytes = field(default=b"", repr=False, compare=False)

    @classmethod
    def opened(cls, envelope: Enveloped, kind: EnvelopeKind) -> "EnvelopedLayer":
        algorithm, key = envelope.content_encryption, envelope.key
        recipient = None
        if isinstance(key, Password):
            opened_with = "a password"
        elif isinstance(key, BareKey):
            opened_with = "a private key given without its certificate"
        elif isinstance(key, SecretKey):
            opened_with = f"the shared key {key.identifier.hex()}" if key.identifier else "a shared key without a name"
        else:
            recipient = key.certificate
            opened_with = f"the key of {recipient.subject}"
        return cls(algorithm.name, envelope.authenticated, algorithm.weak, recipient, kind, opened_with, envelope.recipient_infos)

    @cached_property
    def recipients(self) -> tuple[RecipientSummary, ...]:
        """All recipients the message names; read when first asked for, because there may be thousands."""
        return tuple(summaries(self.recipient_infos))


@dataclass(frozen=True)
class DataLayer:
    """Octets in a ContentInfo (RFC 5652 section 4): there is nothing more to them."""


@dataclass(frozen=True)
class CompressedLayer:
    """A layer of compression (RFC 3274)."""


@dataclass(frozen=True)
class DigestedLayer:
    """Content with its digest (RFC 5652 section 7), which was right, and proves nothing about anybody."""

    digest_algorithm: str


@dataclass(frozen=True)
class SignedLayer:
    """A layer of signatures (RFC 5652 section 5). Label, receipt request and mail list expansion history are those of its verified signers.

    ``certificates`` are those that the message brings along; without any signer that is all it does (RFC 8551 section 3.8).
    """

    signers: tuple[Signer, ...]
    label_state: ClaimState
    label: SecurityLabel | None
    receipt_request: ReceiptRequest | None
    content_type: str = DATA
    receipt_request_state: ClaimState = "absent"
    history_state: ClaimState = "absent"
    ml_expansion_history: tuple[MLData, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    @classmethod
    def of(cls, signers: tuple[Signer, ...], agreement: Agreement, content_type: str, certificates: tuple[Certificate, ...]) -> "SignedLayer":
        """The layer in which signers say so together."""
        state, label = agreed_label(agreement)
        request_state, request = agreement.receipt_request
        history_state, history = agreement.ml_expansion_history
        return cls(signers, state, label, request, content_type, request_state, history_state, history or (), certificates)

    @property
    def verified_signers(self) -> tuple[VerifiedSigner, ...]:
        return tuple(each for each in self.signers if isinstance(each, VerifiedSigner))


Layer = EnvelopedLayer | SignedLayer | CompressedLayer | DigestedLayer | DataLayer


def agreed_label(agreement: Agreement) -> tuple[ClaimState, SecurityLabel | None]:
    """The security label of several signers, read; one that can't be is malformed."""
    state, encoded = agreement.security_label
    if encoded is None:
        return state, None
    try:
        return state, SecurityLabel.from_der(encoded)
    except (Malformed, LabelError):
        return "malformed", None


def read_labels(encoded: Sequence[bytes]) -> list[SecurityLabel]:
    """Equivalent labels; none of them if one can't be read."""
    try:
        return [SecurityLabel.from_der(each) for each in encoded]
    except (Malformed, LabelError):
        return []
