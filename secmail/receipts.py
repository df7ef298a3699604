"""Signed receipts (RFC 2634 section 2): who owes one and to whom, making them, and checking what one proves."""

from collections.abc import Collection, Container, Iterable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import datetime

from secmail import der
from secmail.algorithms import DIGESTS, SHA256, Digest
from secmail.certificates import Certificate
from secmail.cms import attributes as attribute
from secmail.cms.attributes import Attributes, ContentHints, EssAttributes, ReceiptRequest
from secmail.cms.ess import GeneralNames, MLReceiptPolicy
from secmail.cms.recipients import Recipient
from secmail.cms.signed import SignedDataWriter
from secmail.cms.signers import Signer, VerifiedSigner
from secmail.errors import Malformed, ReceiptError, Unsupported
from secmail.keys import SigningKey
from secmail.streams import Writable
from secmail.unwrap import Unwrapped
from secmail.wrap import ContentEncryptionChoice, enveloping, pkcs7_entity, signing

RECEIPT = "1.2.840.113549.1.9.16.1.1"
MAX_RECEIPT = 65_536


@dataclass(frozen=True)
class Receipt:
    """RFC 2634 section 2.8: names the SignerInfo that asked. ``content_type`` is a dotted OID."""

    content_type: str
    signed_content_identifier: bytes
    originator_signature_value: bytes

    def to_der(self) -> bytes:
        identifier, signature = der.octets(self.signed_content_identifier), der.octets(self.originator_signature_value)
        return der.sequence(der.integer(1), der.oid(self.content_type), identifier, signature)

    @classmethod
    def from_der(cls, data: bytes) -> "Receipt":
        """Malformed for anything but a Receipt of version 1."""
        members = der.read(data)
        if members.integer() != 1:
            raise Malformed("a receipt of a version other than 1")
        receipt = cls(members.oid(), members.octets(), members.octets())
        members.end()
        return receipt

    @classmethod
    def of(cls, signer: VerifiedSigner, request: ReceiptRequest) -> "Receipt":
        """Section 2.4 step 2: the receipt for what this signer signed."""
        return cls(_signed(signer, attribute.CONTENT_TYPE).oid(), request.signed_content_identifier, signer.signature)


# Who owes one


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
    refusal = _not_asked(message)
    asking = _asking(message)
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


def _not_asked(message: Unwrapped) -> str | None:
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
    if isinstance(request.receipts_from, tuple) and not _any_same(addresses, request.receipts_from):
        return "others are asked for a receipt"
    return None


def _recipients(request: ReceiptRequest, policy: MLReceiptPolicy | None) -> tuple[GeneralNames, ...]:
    """Section 2.5."""
    if policy is None:
        return request.entities_to
    return policy.recipients if policy.kind == "instead_of" else (*request.entities_to, *policy.recipients)


def _any_same(addresses: Iterable[str], others: Iterable[str]) -> bool:
    return not {each.casefold() for each in addresses}.isdisjoint(each.casefold() for each in others)


# Making


def make_receipt(
    out: Writable,
    message: Unwrapped,
    *,
    signer: SigningKey,
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    recipients: Sequence[Recipient | Certificate] = (),
    content_encryption: ContentEncryptionChoice = "auto",
) -> None:
    """Write the receipt for a message as a MIME entity; its other header fields are the caller's, as for ``wrapping``.

    With ``recipients`` it is encrypted, and signed once more around that (section 2.4 step 11). ``now`` becomes the signing time.
    Whether a receipt is owed is not asked here. ReceiptError if there is no verified request for one; Unsupported and ValueError as for
    ``wrapping``.
    """
    asking = _asking(message)
    request = asking.receipt_request if asking else None
    if asking is None or request is None:
        raise ReceiptError(_not_asked(message) or "the message has no verified request for a receipt")
    certificates = tuple(certificates)
    receipt, digest = Receipt.of(asking, request), _message_signature_digest(asking)

    def write_to(target: Writable) -> None:
        if not signer.certificate.can_sign:
            raise Unsupported("the signer's certificate is not for signing e-mail")
        with pkcs7_entity(target, "signed-receipt") as body:
            writer = SignedDataWriter(
                body,
                signer=signer,
                signing_time=now,
                certificates=certificates,
                encryption_certificate=encryption_certificate,
                attributes=EssAttributes(msg_sig_digest=digest),
                content_type=RECEIPT,
            )
            writer.write(receipt.to_der())
            writer.close()

    if not recipients:
        write_to(out)
        return
    hints = EssAttributes(content_hints=ContentHints(RECEIPT))
    with (
        signing(out, signer=signer, now=now, certificates=certificates, encryption_certificate=encryption_certificate, attributes=hints) as outside,
        enveloping(outside, recipients=recipients, content_encryption=content_encryption) as inside,
    ):
        write_to(inside)


def _asking(message: Unwrapped) -> VerifiedSigner | None:
    """The verified signer of the innermost layer whose request is answered, the author before others."""
    if message.receipt_request is None or _not_asked(message):
        return None
    authors = (message.author.signer,) if message.author else ()
    signers = message.innermost_signature.verified_signers if message.innermost_signature else ()
    return next((each for each in (*authors, *signers) if each.receipt_request is not None), None)


# Checking


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
        msg_sig_digest=verified is not None and verified.msg_sig_digest == _message_signature_digest(asking),
        message_digest=verified is not None
        and _signed(verified, attribute.MESSAGE_DIGEST).content == _digest(verified).of(expected.to_der()),
    )


def _was_asked(
    signer: VerifiedSigner, asking: VerifiedSigner, original: Unwrapped, recipients: Collection[str] | None
) -> bool:
    request = asking.receipt_request
    if request is None or (recipients is not None and not _any_same(signer.certificate.emails, recipients)):
        return False
    headers = (original.headers[name] for name in ("to", "cc", "bcc") if name in original.headers)
    named = [each.addr_spec for header in headers for each in header.addresses]
    if named and recipients is None and signer.certificate == asking.certificate and not _any_same(signer.certificate.emails, named):
        return False  # who wrote the message did not get it
    if request.receipts_from == "all_receipts":
        return True
    if request.receipts_from == "first_tier_recipients":
        return not named or recipients is not None or _any_same(signer.certificate.emails, named)
    return _any_same(signer.certificate.emails, request.receipts_from)


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


# What verified signers signed


def _signed(signer: VerifiedSigner, oid: str) -> der.Element:
    """An attribute that every verified signature with attributes has."""
    found = Attributes(der.read(signer.signed_attributes, der.SET), "signed").one(oid)
    if found is None:
        raise Malformed("a signature without signed attributes has no request for a receipt")
    return found


def _digest(signer: VerifiedSigner) -> Digest:
    return next(each for each in DIGESTS.values() if each.name == signer.digest_algorithm)


def _message_signature_digest(signer: VerifiedSigner) -> bytes:
    """Section 2.4 step 1.2: the digest of the DER of the signed attributes, from which the signature was made."""
    return _digest(signer).of(signer.signed_attributes)
