"""Single values of the JSON object: labels, requests, histories, times, and the names things have there."""

from datetime import UTC, datetime
from typing import Any

from secmail import der
from secmail.cms import attributes as attribute
from secmail.cms.attributes import ContentHints, ReceiptRequest
from secmail.cms.ess import MLData, MLReceiptPolicy
from secmail.cms.summary import name_of
from secmail.labels import Category, SecurityLabel
from secmail.layers import read_labels
from secmail.mime import ProtectedHeader

Json = dict[str, Any]

# As RFC 2634 section 1.3.4 spells them; signing certificates in RFC 5035, algorithm protection in RFC 6211
ATTRIBUTE_NAMES = {
    attribute.CONTENT_TYPE: "contentType",
    attribute.MESSAGE_DIGEST: "messageDigest",
    attribute.SIGNING_TIME: "signingTime",
    attribute.COUNTERSIGNATURE: "countersignature",
    attribute.SMIME_CAPABILITIES: "smimeCapabilities",
    attribute.ALGORITHM_PROTECTION: "cmsAlgorithmProtection",
    attribute.RECEIPT_REQUEST: "receiptRequest",
    attribute.SECURITY_LABEL: "eSSSecurityLabel",
    attribute.ML_EXPANSION_HISTORY: "mlExpansionHistory",
    attribute.CONTENT_HINTS: "contentHints",
    attribute.MSG_SIG_DIGEST: "msgSigDigest",
    attribute.CONTENT_IDENTIFIER: "contentIdentifier",
    attribute.EQUIVALENT_LABELS: "equivalentLabels",
    attribute.CONTENT_REFERENCE: "contentReference",
    attribute.ENCRYPTION_KEY_PREFERENCE: "sMIMEEncryptionKeyPreference",
    attribute.SIGNING_CERTIFICATE: "signingCertificate",
    attribute.SIGNING_CERTIFICATE_V2: "signingCertificateV2",
}
FIELD_WORDS = {"Id": "ID", "Mime": "MIME", "Sio": "SIO", "Mmhs": "MMHS", "Dkim": "DKIM", "Arc": "ARC"}
FROM = {"all_receipts": "all", "first_tier_recipients": "first-tier"}


def attribute_name(oid: str) -> str:
    return ATTRIBUTE_NAMES.get(oid, oid)


def label_object(label: SecurityLabel | None) -> Json | None:
    """Categories by tag set and tag type; those of a type that is not known keep their value as it is encoded."""
    if label is None:
        return None
    tags: dict[tuple[str, str], list[int]] = {}
    categories: list[Json] = []
    for each in label.categories:
        if isinstance(each, Category):
            tags.setdefault((each.tag_set, each.tag_type.name.lower()), []).append(each.value)
        else:
            categories.append({"type": each.type, "value": each.value.hex()})
    known = [{"tag_set": tag_set, "tag_type": tag_type, "values": values} for (tag_set, tag_type), values in tags.items()]
    return {
        "policy": label.policy,
        "classification": label.classification,
        "privacy_mark": label.privacy_mark,
        "categories": known + categories,
    }


def encoded_label(encoded: bytes | None) -> Json | None:
    return next((label_object(each) for each in read_labels((encoded,))), None) if encoded else None


def request_object(request: ReceiptRequest | None) -> Json | None:
    if request is None:
        return None
    asked = request.receipts_from
    return {
        "content_identifier": request.signed_content_identifier.hex(),
        "from": list(asked) if isinstance(asked, tuple) else FROM[asked],
        "to": [list(each.addresses) for each in request.entities_to],
    }


def hints_object(hints: ContentHints | None) -> Json | None:
    return None if hints is None else {"content_type": hints.content_type, "content_description": hints.content_description}


def expansion_object(entry: MLData) -> Json:
    identifier = der.Reader(entry.mail_list_identifier).element()
    return {
        "entity": name_of(identifier),
        "time": utc(entry.expansion_time),
        "receipt_policy": _policy(entry.ml_receipt_policy),
    }


def _policy(policy: MLReceiptPolicy | None) -> Json | None:
    if policy is None:
        return None
    if policy.kind == "none":
        return {"none": True}
    names = {"instead_of": "insteadOf", "in_addition_to": "inAdditionTo"}
    return {names[policy.kind]: [list(each.addresses) for each in policy.recipients]}


def header_object(header: ProtectedHeader) -> Json:
    return {"value": header.value, "protection": header.protection}


def field_name(name: str) -> str:
    return "-".join(FIELD_WORDS.get(word, word) for word in name.title().split("-"))


def utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
