"""What may be said of a message whose layers were taken off, and who provably wrote it (RFC 8550 section 3)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from secmail.certificates import Certificate, comparable_address
from secmail.cms.signers import RejectedSigner, VerifiedSigner
from secmail.errors import SignerMismatch, VerificationError
from secmail.layers import EnvelopedLayer, Layer, SignedLayer
from secmail.mime import ProtectedHeader

DATE_TOLERANCE = timedelta(hours=1)
MAX_COMPARED = 100  # addresses of a From; more of them that are written differently are taken for others

Verdict = Literal["verified", "not-verified", "unsigned"]

# What a person takes for an address, wherever in the field it stands: each "@" with all that touches it. Quotes and comments touch it
# too, because programs drop them ('"ada""@example.org"'). Only "Ada @ Home" is a name. IDNA takes U+3002 for a period.
_PIECE = r"""[^\s"<>()\[\]:;,@]"""
_LOOKS_LIKE_ADDRESS = re.compile(rf"""(?<!{_PIECE}){_PIECE}*@(?!(?<=\s@)\s+[^\s.\u3002@]+(?:[\s"<]|\Z)){_PIECE}*""")


@dataclass(frozen=True)
class Author:
    """Who provably wrote: the signer, and the address of the message's From or Sender field that its certificate names.

    ``address`` and ``field`` are None where the message names nobody or the certificate has no address (RFC 8550 section 3 accepts both).
    """

    signer: VerifiedSigner
    address: str | None
    field: Literal["from", "sender"] | None


@dataclass(frozen=True)
class Judgement:
    """``verdict`` and its ``reason`` (for people); ``error`` is what is wrong. ``matches_signer``: whether From names signers only,
    None where the message or the certificates name nobody."""

    verdict: Verdict
    reason: str
    author: Author | None = None
    error: VerificationError | None = None
    matches_signer: bool | None = None


def innermost_signature(layers: Sequence[Layer]) -> SignedLayer | None:
    """The layer whose signature is about the content: the last one, unless only its encrypted form is signed."""
    last_envelope = max((number for number, layer in enumerate(layers) if isinstance(layer, EnvelopedLayer)), default=-1)
    signatures = [layer for layer in layers[last_envelope + 1 :] if isinstance(layer, SignedLayer)]
    return signatures[-1] if signatures else None


def judge(layers: Sequence[Layer], headers: Mapping[str, ProtectedHeader]) -> Judgement:
    """Verified only if an author is proven, no signer of any layer is invalid, and the signers don't contradict each other."""
    judgement = _judge(layers, headers)
    if not another_sender_outside(headers):
        return judgement
    # RFC 9788 section 4.4.2 has this said where no author is proven; it is news to a reader of any other message, too.
    return replace(judgement, reason="; ".join(filter(None, (judgement.reason, "outside, the message names another sender"))))


def _judge(layers: Sequence[Layer], headers: Mapping[str, ProtectedHeader]) -> Judgement:
    innermost = innermost_signature(layers)
    if innermost is None or not innermost.signers:
        return _unsigned(layers, innermost)
    verified, rejected = innermost.verified_signers, _rejected(innermost)
    names = _names(headers)
    matches = _matches(names, [each.certificate for each in verified or rejected if each.certificate])
    invalid = [each for each in rejected if each.status == "invalid"]
    if invalid or not verified:
        return _refused((invalid or rejected)[0], matches)
    author = _author(verified, names, matches)
    if author is None:
        mismatch = _mismatch(verified)
        return Judgement("not-verified", str(mismatch), None, mismatch, matches)
    if contradiction := _contradiction(layers, innermost):
        return Judgement("not-verified", contradiction, author, VerificationError(contradiction), matches)
    return Judgement("verified", "; ".join(_remarks(layers, author, headers)), author, None, matches)


def _rejected(layer: SignedLayer) -> list[RejectedSigner]:
    return [each for each in layer.signers if isinstance(each, RejectedSigner)]


def _refused(signer: RejectedSigner, matches: bool | None) -> Judgement:
    error = signer.error if isinstance(signer.error, VerificationError) else VerificationError(signer.reason)
    return Judgement("not-verified", signer.reason, None, error, matches)


def _unsigned(layers: Sequence[Layer], innermost: SignedLayer | None) -> Judgement:
    if innermost is not None:
        return Judgement("unsigned", "the message carries certificates and no signature")
    if any(isinstance(layer, SignedLayer) and layer.signers for layer in layers):
        # Anybody can take such a signature off and put an own one around what he can't even read
        reason = "only the encrypted form is signed, which does not prove who wrote the content"
        return Judgement("not-verified", reason, error=VerificationError(reason))
    return Judgement("unsigned", "the message is not signed")


def _contradiction(layers: Sequence[Layer], innermost: SignedLayer) -> str | None:
    """What speaks against a proven author: RFC 2634 sections 3.1.1 and 4.1, and outer signatures that are plainly wrong."""
    if innermost.label_state == "conflict":
        return "the signers disagree about the security label"
    signed = [layer for layer in layers if isinstance(layer, SignedLayer)]
    if any(layer.history_state == "conflict" for layer in signed):
        return "the signers disagree about the mail list expansion history"
    invalid = (each for layer in signed for each in _rejected(layer) if each.status == "invalid")
    return next((f"a further signature does not hold: {each.reason}" for each in invalid), None)


def another_sender_outside(headers: Mapping[str, ProtectedHeader]) -> bool:
    """RFC 9788 section 4.4.1.1: From has other addresses outside; names of people may differ, as they do where they were hidden."""
    sender = headers.get("from")
    if sender is None or sender.outer_field is None or sender.outer_addresses == sender.addresses:
        return False
    inside, outside = sender.addresses, sender.outer_addresses
    if len(inside) != len(outside) or len(inside) > MAX_COMPARED:
        return True
    return any(comparable_address(one.addr_spec) != comparable_address(other.addr_spec) for one, other in zip(inside, outside, strict=True))


# Who wrote: "the address in the From or Sender header field [...] matches an Internet mail address in the signer's certificate"


Named = Mapping[str, str]
"""Addresses as they are compared, each with the first of those written that are the same."""

Names = Mapping[str, Named]
"""The addresses of From and Sender, where there are such fields."""


def would_be_author(certificate: Certificate, headers: Mapping[str, ProtectedHeader]) -> bool:
    """Whether a signature by this certificate would be taken for that of whoever From or Sender names."""
    return any(_speak_for([certificate], named) for named in _names(headers).values())


def _names(headers: Mapping[str, ProtectedHeader]) -> Names:
    return {field: _named(headers[field]) for field in ("from", "sender") if field in headers}


def _named(field: ProtectedHeader) -> Named:
    """Every address that a reader could take the field to name: in display names, comments and repeated fields too."""
    found = [each.addr_spec for each in field.all_addresses]
    for value in field.all_values:
        # What can't be read here other programs may show as an address
        found += [value] if "=?" in value or "\ufffd" in value else []
        found += [each.strip("'") for each in _LOOKS_LIKE_ADDRESS.findall(_compatible(value))]
    named: dict[str, str] = {}
    for address in dict.fromkeys(found):  # a hundred thousand times the same is compared once
        named.setdefault(comparable_address(address), address)
    return named


def _compatible(text: str) -> str:
    """With "@" for each character that is one in another width. One by one: to sort combining characters takes the square of their number."""
    return text if text.isascii() else "".join(unicodedata.normalize("NFKC", each) for each in text)


def _matches(names: Names, certificates: Sequence[Certificate]) -> bool | None:
    if "from" not in names or not any(each.emails for each in certificates):
        return None
    return _speak_for(certificates, names["from"])


def _speak_for(certificates: Sequence[Certificate], named: Named) -> bool:
    return bool(named) and named.keys() <= frozenset().union(*(each.comparable_emails for each in certificates))


def _author(signers: Sequence[VerifiedSigner], names: Names, matches: bool | None) -> Author | None:
    certificates = [each.certificate for each in signers]
    fields: tuple[Literal["from", "sender"], ...] = ("from", "sender")
    for name in fields:
        if name in names and _speak_for(certificates, names[name]):
            address = next(iter(names[name].values()))
            return Author(next(each for each in signers if each.certificate.speaks_for(address)), address, name)
    contradicted = "sender" in names and any(each.emails for each in certificates)
    return Author(signers[0], None, None) if matches is None and not contradicted else None


def _mismatch(signers: Sequence[VerifiedSigner]) -> SignerMismatch:
    names = ", ".join(address for signer in signers for address in signer.certificate.emails)
    return SignerMismatch(f"signed by {names}, who is not the sender the message names")


def _remarks(layers: Sequence[Layer], author: Author, headers: Mapping[str, ProtectedHeader]) -> Iterator[str]:
    """What a reader has to know of a verified message."""
    if author.address is None:
        yield f"signed by {author.signer.certificate.subject}; the address of the sender is not proven"
    elif author.field == "sender" and "from" in headers:
        yield f"signed by {author.address}, who sent it for the one it is from"
    yield from author.signer.warnings
    if _other_date(author, headers):
        yield "the date of the message is not the time of its signature"
    for layer in layers:
        for each in _rejected(layer) if isinstance(layer, SignedLayer) else ():
            yield f"a further signer could not be checked: {each.reason}"


def _other_date(author: Author, headers: Mapping[str, ProtectedHeader]) -> bool:
    signing_time = author.signer.signing_time
    if signing_time is None or "date" not in headers:
        return False
    try:
        date = parsedate_to_datetime(headers["date"].field)
        return abs(date.replace(tzinfo=date.tzinfo or UTC) - signing_time) > DATE_TOLERANCE
    except (ValueError, TypeError, OverflowError):
        return False
