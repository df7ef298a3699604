"""What a signed receipt proves (RFC 2634 section 2.6)."""

from collections.abc import Collection
from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import datetime

from secmail.cms import attributes as attribute
from secmail.cms.signers import Signer, VerifiedSigner
from secmail.errors import Malformed, ReceiptError
from secmail.receipts.owed import any_same
from secmail.receipts.receipt import RECEIPT, Receipt, digest_of, message_signature_digest, signed_attribute
from secmail.unwrap import Unwrapped

MAX_RECEIPT = 65_536


@dataclass(frozen=True)
class ReceiptMatches:
    """RFC 2634 section 2.6: what of a receipt is that of the original."""

    content_type: bool = False
    content_identifier: bool = False
    signature_value: bool = False
    msg_sig_digest: bool = False
    message_digest: bool = False


@dataclass(frozen=True)
class ReceiptCheck:
    """What a receipt proves (RFC 2634 section 2.6). ``asked`` is whether its signer was asked for one, which is no part of the proof.

    ``signer`` is None only if there is none; ``signing_time`` is what a verified signer says. ``reason`` (for people) is why nothing
    is proven, or empty.
    """

    signer: Signer | None
    content_identifier: bytes
    matches: ReceiptMatches
    asked: bool
    signing_time: datetime | None
    reason: str

    @property
    def proven(self) -> bool:
        """Whether the signer received exactly the original, and could verify it. The digests match only for a verified signer."""
        return all(astuple(self.matches))


def check_receipt(receipt: Unwrapped, original: Unwrapped, *, recipients: Collection[str] | None = None) -> ReceiptCheck:
    """Validate a signed receipt for a message that was sent (RFC 2634 section 2.6).

    ``recipients`` are the addresses that got the message, where that is known: others were not asked. ReceiptError for what is no
    receipt; all else is in the result.
    """
    signers, content = _read(receipt)
    if content is None:
        return ReceiptCheck(next(iter(signers), None), b"", ReceiptMatches(), False, None, receipt.reason)
    asking = _original_signer(original, content)
    candidates: tuple[Signer | None, ...] = signers or (None,)
    checked = [(each, _matches(content, each, asking)) for each in candidates]
    # Of several signers one whose signature proves it, else one who is verified, else any
    signer, matches = max(checked, key=lambda each: (isinstance(each[0], VerifiedSigner), all(astuple(each[1]))))
    verified = signer if isinstance(signer, VerifiedSigner) else None
    return ReceiptCheck(
        signer=signer,
        content_identifier=content.signed_content_identifier,
        matches=matches,
        asked=verified is not None and asking is not None and _was_asked(verified, asking, original, recipients),
        signing_time=verified.signing_time if verified else None,
        reason=_reason(signer, asking, matches),
    )


def _read(receipt: Unwrapped) -> tuple[tuple[Signer, ...], Receipt | None]:
    """Section 2.6: "identified by the presence of the id-ct-receipt object identifier in [...] eContentType".

    The Receipt is None where it is withheld: encrypted without authentication, and none of the signatures holds.
    """
    layer = receipt.innermost_signature
    if layer is None or layer.content_type != RECEIPT:
        raise ReceiptError("the message is no signed receipt")
    if receipt.content is None:
        return layer.signers, None
    with closing(receipt.content.open()) as stream:
        data = stream.read(MAX_RECEIPT)
    try:
        return layer.signers, Receipt.from_der(data)
    except Malformed as error:
        raise ReceiptError("the content of the receipt is no Receipt") from error


def _original_signer(original: Unwrapped, content: Receipt) -> VerifiedSigner | None:
    """Section 2.6 step 2: the signer of the original whom the receipt names by its signature, else one who asked for a receipt."""
    signers = original.innermost_signature.verified_signers if original.innermost_signature else ()
    named = [each for each in signers if each.signature == content.originator_signature_value]
    asking = [each for each in signers if each.receipt_request is not None]
    return next(iter((*named, *asking)), None)


def _matches(content: Receipt, signer: Signer | None, asking: VerifiedSigner | None) -> ReceiptMatches:
    if asking is None or asking.receipt_request is None:
        return ReceiptMatches()
    expected = Receipt.of(asking, asking.receipt_request)
    verified = signer if isinstance(signer, VerifiedSigner) else None
    return ReceiptMatches(
        content_type=content.content_type == expected.content_type,
        content_identifier=content.signed_content_identifier == expected.signed_content_identifier,
        signature_value=content.originator_signature_value == expected.originator_signature_value,
        msg_sig_digest=verified is not None and verified.msg_sig_digest == message_signature_digest(asking),
        message_digest=verified is not None
        and signed_attribute(verified, attribute.MESSAGE_DIGEST).content == digest_of(verified).of(expected.to_der()),
    )


def _was_asked(
    signer: VerifiedSigner, asking: VerifiedSigner, original: Unwrapped, recipients: Collection[str] | None
) -> bool:
    request = asking.receipt_request
    if request is None or (recipients is not None and not any_same(signer.certificate.emails, recipients)):
        return False
    headers = (original.headers[name] for name in ("to", "cc", "bcc") if name in original.headers)
    named = [each.addr_spec for header in headers for each in header.addresses]
    if named and recipients is None and signer.certificate == asking.certificate and not any_same(signer.certificate.emails, named):
        return False  # who wrote the message did not get it
    if request.receipts_from == "all_receipts":
        return True
    if request.receipts_from == "first_tier_recipients":
        return not named or recipients is not None or any_same(signer.certificate.emails, named)
    return any_same(signer.certificate.emails, request.receipts_from)


def _reason(signer: Signer | None, asking: VerifiedSigner | None, matches: ReceiptMatches) -> str:
    if signer is None:
        return "nobody signed the receipt"
    if not isinstance(signer, VerifiedSigner):
        return signer.reason
    if asking is None:
        return "the original has no verified signature with a request for a receipt"
    if not matches.signature_value:
        return "the receipt is for another message"
    return "" if all(astuple(matches)) else "the receipt names the message, but does not prove that its signer got it"
