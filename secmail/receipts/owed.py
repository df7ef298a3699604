"""Who asks for a receipt, who owes one and to whom (RFC 2634 sections 2.3 and 2.5)."""

from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass

from secmail.algorithms import SHA256
from secmail.cms.attributes import ReceiptRequest
from secmail.cms.ess import GeneralNames, MLReceiptPolicy
from secmail.cms.signers import VerifiedSigner
from secmail.receipts.receipt import RECEIPT
from secmail.unwrap import Unwrapped


@dataclass(frozen=True)
class ReceiptDecision:
    """Whether a receipt is to be sent by itself, why or why not (for people), and to whom (RFC 2634 sections 2.3 and 2.5).

    ``recipients`` are entities; each gets it at its first address. They are also named where only a person may decide to send it.
    ``reference`` stands for the request: who remembers it as answered sends one receipt, however often the message comes.
    """

    owed: bool
    reason: str
    recipients: tuple[GeneralNames, ...] = ()
    reference: bytes = b""

    def __bool__(self) -> bool:
        return self.owed

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where to send it, each address once."""
        found: dict[str, str] = {}
        for entity in self.recipients:
            for address in entity.addresses[:1]:
                found.setdefault(address.casefold(), address)
        return tuple(found.values())


def receipt_owed(message: Unwrapped, *, addresses: Collection[str], answered: Container[bytes] = ()) -> ReceiptDecision:
    """RFC 2634 section 2.3: whether the recipient with these addresses shall return a receipt for the message.

    ``answered`` holds the references of the requests answered before.
    """
    refusal = why_not_asked(message)
    asking = asking_signer(message)
    request = asking.receipt_request if asking else None
    if asking is None or request is None:
        return ReceiptDecision(False, refusal or "nobody asks for a receipt")
    policy = message.ml_expansion_history[-1].ml_receipt_policy if message.ml_expansion_history else None
    # Two signers ask with one request, and an ECDSA signature has a twin: neither gives a second receipt
    address = message.author.address if message.author else None
    originator = address.casefold().encode() if address else asking.certificate.fingerprint
    reference = SHA256.of(request.to_der() + originator)
    refusal = _not_from(message, request, policy, addresses)
    if refusal is None and reference in answered:
        refusal = "the receipt was sent before"
    if refusal is not None:
        return ReceiptDecision(False, refusal, reference=reference)
    recipients = _recipients(request, policy)
    if message.history_state == "unknown-list":
        return ReceiptDecision(False, "a mail list that is not known here passed the message on", recipients, reference)
    return ReceiptDecision(True, "the originator asks for a receipt", recipients, reference)


def why_not_asked(message: Unwrapped) -> str | None:
    """Why there is no request that may be looked at."""
    innermost = message.innermost_signature
    if innermost is not None and innermost.content_type == RECEIPT:
        # Section 2.2: "the receiving agent MUST NOT request a signed receipt for a signed receipt"
        return "there are no receipts for receipts"
    if message.receipt_request_state in ("conflict", "malformed"):
        # Section 2.3: "If there are verified ReceiptRequest attributes which are not the same, [...] MUST NOT return any"
        return "the request for a receipt is not clear"
    if message.receipt_request_state == "present" and message.verdict != "verified":
        return "the request for a receipt is not verified"
    if message.history_state in ("conflict", "malformed"):
        return "what mail lists did with the message is not clear"
    return None


def _not_from(
    message: Unwrapped, request: ReceiptRequest, policy: MLReceiptPolicy | None, addresses: Collection[str]
) -> str | None:
    """Why this recipient is not asked: the steps of section 2.3."""
    if policy is not None and policy.kind == "none":
        return "the mail list wants no receipts"
    if request.receipts_from == "first_tier_recipients" and message.history_state != "absent":
        return "only those who got the message without a mail list are asked for a receipt"
    if isinstance(request.receipts_from, tuple) and not any_same(addresses, request.receipts_from):
        return "others are asked for a receipt"
    return None


def _recipients(request: ReceiptRequest, policy: MLReceiptPolicy | None) -> tuple[GeneralNames, ...]:
    """Section 2.5."""
    if policy is None:
        return request.entities_to
    return policy.recipients if policy.kind == "instead_of" else (*request.entities_to, *policy.recipients)


def asking_signer(message: Unwrapped) -> VerifiedSigner | None:
    """The verified signer of the innermost layer whose request is answered, the author before others."""
    if message.receipt_request is None or why_not_asked(message):
        return None
    authors = (message.author.signer,) if message.author else ()
    signers = message.innermost_signature.verified_signers if message.innermost_signature else ()
    return next((each for each in (*authors, *signers) if each.receipt_request is not None), None)


def any_same(addresses: Iterable[str], others: Iterable[str]) -> bool:
    return not {each.casefold() for each in addresses}.isdisjoint(each.casefold() for each in others)
