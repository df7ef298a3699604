"""The JSON object of ``open``, ``show`` and ``receipt check``: every key is always there, null or empty where there is nothing."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from typing import BinaryIO

from secmail.cli.values import (
    Json,
    attribute_name,
    encoded_label,
    expansion_object,
    field_name,
    header_object,
    hints_object,
    label_object,
    request_object,
    utc,
)
from secmail.cms import DATA
from secmail.cms import attributes as attribute
from secmail.cms.claims import Claims
from secmail.cms.ess import MLData
from secmail.cms.signers import RejectedSigner, Signer, VerifiedSigner
from secmail.errors import Malformed, SecmailError
from secmail.inspection import Inspection, claims_of
from secmail.labels import SecurityLabel
from secmail.layers import CompressedLayer, DataLayer, DigestedLayer, EnvelopedLayer, Layer, SignedLayer, read_labels
from secmail.mime.encodings import CrlfReader
from secmail.receipts import MAX_RECEIPT, RECEIPT, Receipt, ReceiptCheck, ReceiptMatches
from secmail.streams import CHUNK, Source, Writable
from secmail.unwrap import Unwrapped
from secmail.verdict import innermost_signature

Message = Unwrapped | Inspection

NOTHING = Inspection((), None, None, {}, "absent", None, "absent", None, (), "absent", ())
MATCHES = tuple(each.name for each in fields(ReceiptMatches))
MAX_LABELS = 64  # of all signers together, equivalent ones too; two thousand, each with a thousand categories, would take seconds


def opened(message: Unwrapped, check: ReceiptCheck | None = None) -> Json:
    """What is proven of a message; ``check`` is that of a receipt with its original. Equivalent labels are the author's, a translator or not."""
    author = message.author.signer if message.author else None
    return {
        "verdict": message.verdict,
        "reason": message.reason or None,
        "from": _sender(message, message.matches_signer),
        "layers": _layers(message, lambda each: each if isinstance(each, VerifiedSigner) else Claims(), author),
        **_claimed(message, _history(message), read_labels(author.equivalent_labels or ()) if author else ()),
        "receipt": _checked(check) if check else _receipt(message),
        **_rest(message),
    }


def written(message: Inspection) -> Json:
    """What is written in a message, nothing of it proven."""
    signed = any(isinstance(each, SignedLayer) and each.signers for each in message.layers)
    reason = "only shown, nothing is verified" if signed else "no signature is seen"
    return {
        "verdict": "not-verified" if signed or message.sealed else "unsigned",
        "reason": f"{reason}; {message.sealed}" if message.sealed else reason,
        "from": _sender(message, None),
        "layers": _layers(message, claims_of, None),
        **_claimed(message, message.ml_expansion_history, message.equivalent_labels),
        "receipt": _receipt(message),
        **_rest(message),
    }


def failed(error: SecmailError, seen: Inspection | None) -> Json:
    """The same for a message that can't be opened: why, and what is seen of it from outside, without what its signers say."""
    message = seen or NOTHING
    return {
        "verdict": "not-verified",
        "reason": str(error),
        "from": _sender(message, None),
        "layers": _layers(message, lambda each: Claims(), None),
        **_claimed(NOTHING, (), ()),
        "receipt": None,
        **_rest(message),
    }


def _sender(message: Message, matches: bool | None) -> Json:
    header = message.headers.get("from")
    return {"header": header.value if header else None, "matches_signer": matches}


def _claimed(message: Message, history: Sequence[MLData], equivalent_labels: Sequence[SecurityLabel]) -> Json:
    return {
        "label": label_object(message.label),
        "label_state": message.label_state,
        "equivalent_labels": list(map(label_object, equivalent_labels)),
        "receipt_request": request_object(message.receipt_request),
        "receipt_request_state": message.receipt_request_state,
        "ml_expansion_history": list(map(expansion_object, history)),
    }


def _rest(message: Message) -> Json:
    return {
        "headers": {field_name(name): header_object(each) for name, each in message.headers.items()},
        "content": {"sha256": None, "type": _content_type(message), "length": None},
    }


def _history(message: Unwrapped) -> Sequence[MLData]:
    """The outermost one that a verified signer signed, a list known here or not: to be seen, not to be followed."""
    signed = (each.ml_expansion_history for each in message.layers if isinstance(each, SignedLayer))
    return next(filter(None, signed), ()) if message.author else ()


# Layers

OTHER_KINDS = {CompressedLayer: "compressed", DigestedLayer: "digested", DataLayer: "data"}


def _layers(message: Message, claims: Callable[[Signer], Claims], author: Signer | None) -> list[Json]:
    left = iter(range(MAX_LABELS))
    found = [_layer(each, claims, author, left) for each in message.layers]
    innermost = message.layers[-1] if message.layers else None
    if isinstance(innermost, SignedLayer) and innermost.content_type == RECEIPT:
        found.append(_layer_object("receipt"))
    elif message.entity is not None:
        found.append(_layer_object("mime"))
    return found


def _layer(layer: Layer, claims: Callable[[Signer], Claims], author: Signer | None, left: Iterator[int]) -> Json:
    if isinstance(layer, SignedLayer):
        return _layer_object("signed", signers=[_signer(each, claims(each), left, is_author=each is author) for each in layer.signers])
    if isinstance(layer, EnvelopedLayer):
        recipients = [{"kind": each.kind, "algorithm": each.algorithm or None, "id": each.identifier or None} for each in layer.recipients]
        return _layer_object(
            layer.kind, recipients=recipients, content_encryption=layer.content_encryption, opened_with=layer.opened_with or None
        )
    return _layer_object(OTHER_KINDS[type(layer)])


def _layer_object(kind: str, **members: object) -> Json:
    return {"kind": kind, "signers": [], "recipients": [], "content_encryption": None, "opened_with": None, **members}


def _signer(signer: Signer, claims: Claims, left: Iterator[int], *, is_author: bool) -> Json:
    """``claims`` are empty for a signer who is not to be believed, except the names of its attributes; ``left`` are the labels still shown."""
    certificate, names = signer.certificate, claims_of(signer)
    label = claims.security_label if claims.security_label and next(left, None) is not None else None
    equivalent = [each for each, _ in zip(claims.equivalent_labels or (), left, strict=False)]
    reason = signer.reason if isinstance(signer, RejectedSigner) else "; ".join(signer.warnings)
    return {
        "status": signer.status,
        "reason": reason or None,
        "subject": certificate.subject if certificate else None,
        "emails": list(certificate.emails) if certificate else [],
        "is_author": is_author,
        "digest_algorithm": signer.digest_algorithm or None,
        "signature_algorithm": signer.signature_algorithm or None,
        "signing_time": utc(claims.signing_time),
        "weak": signer.weak,
        "countersigners": _countersigners(signer),
        "attributes": list(map(attribute_name, names.attributes)),
        "malformed_attributes": sorted(map(attribute_name, names.malformed)),
        "label": encoded_label(label),
        "equivalent_labels": list(map(label_object, read_labels(equivalent))),
        "receipt_request": request_object(claims.receipt_request),
        "content_hints": hints_object(claims.content_hints),
        "ml_expansion_history": list(map(expansion_object, claims.ml_expansion_history or ())),
    }


def _countersigners(signer: Signer) -> int:
    """How many there are, whether theirs hold or not."""
    if isinstance(signer, VerifiedSigner):
        return len(signer.countersigners)
    try:
        return len(signer.info.attributes("unsigned").all(attribute.COUNTERSIGNATURE)) if signer.info else 0
    except Malformed:
        return 0


# Receipts


def _receipt(message: Message) -> Json | None:
    """A receipt without its original: what it matches is not known."""
    layer = innermost_signature(message.layers)
    if layer is None or layer.content_type != RECEIPT or message.content is None:
        return None
    with closing(message.content.open()) as stream:
        try:
            receipt = Receipt.from_der(stream.read(MAX_RECEIPT))
        except Malformed:
            return None
    signer = message.author.signer if isinstance(message, Unwrapped) and message.author else next(iter(layer.signers), None)
    believed = isinstance(message, Inspection) or isinstance(signer, VerifiedSigner)
    return {
        "signer": person(signer),
        "content_identifier": receipt.signed_content_identifier.hex(),
        "matches": dict.fromkeys(MATCHES),
        "asked": None,
        "signing_time": utc(claims_of(signer).signing_time) if signer and believed else None,
    }


def _checked(check: ReceiptCheck) -> Json:
    return {
        "signer": person(check.signer),
        "content_identifier": check.content_identifier.hex(),
        "matches": asdict(check.matches),
        "asked": check.asked,
        "signing_time": utc(check.signing_time),
    }


def person(signer: Signer | None) -> str | None:
    """Subject and address of a signer."""
    certificate = signer.certificate if signer else None
    if certificate is None:
        return None
    address = f"<{certificate.emails[0]}>" if certificate.emails else ""
    return f"{certificate.subject} {address}".strip() or f"serial number {certificate.serial_number:x}"


# Content


def canonical(message: Message) -> Source | None:
    """The innermost entity as it was signed; of a message without layers its canonical form."""
    if message.layers or message.entity is None or message.entity.encoding == "binary" or message.content is None:
        return message.content
    return _Canonical(message.content)


def digest(content: Source, target: Writable | None = None) -> Json:
    """What the object says of content, in one pass over it; copied to ``target`` on the way."""
    running, length = hashlib.sha256(), 0
    with closing(content.open()) as stream:
        while chunk := stream.read(CHUNK):
            running.update(chunk)
            length += len(chunk)
            if target is not None:
                target.write(chunk)
    return {"sha256": running.hexdigest(), "length": length}


def _content_type(message: Message) -> str | None:
    """The media type of an entity, the OID (RFC 5652 section 3) of what is none."""
    if message.entity is not None:
        return message.entity.content_type
    innermost = message.layers[-1] if message.layers else None
    if message.content is None:
        return None
    return innermost.content_type if isinstance(innermost, SignedLayer) else DATA


class _Canonical:
    def __init__(self, source: Source) -> None:
        self._source = source

    def open(self) -> BinaryIO:
        return CrlfReader(self._source.open())
