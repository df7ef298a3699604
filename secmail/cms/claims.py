"""What a verified signer says: the signed attributes that may fail on their own."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from secmail import der
from secmail.certificates import Certificate
from secmail.cms import attributes as attribute
from secmail.cms.attributes import Attributes, ContentHints, ReceiptRequest
from secmail.cms.ess import ContentReference, read_history
from secmail.errors import Malformed

MAX_EQUIVALENT_LABELS = 100

Value = TypeVar("Value")


def claims(attributes: Attributes, certificates: Sequence[Certificate]) -> dict[str, object]:
    """The attributes that may fail on their own: RFC 2634 wants absent, one and malformed told apart."""
    found: dict[str, object] = {}
    malformed = set()
    readers: dict[str, tuple[str, Callable[[der.Element], object]]] = {
        attribute.SECURITY_LABEL: ("security_label", _security_label),
        attribute.RECEIPT_REQUEST: ("receipt_request", ReceiptRequest.from_element),
        attribute.CONTENT_IDENTIFIER: ("content_identifier", _octets),
        attribute.CONTENT_HINTS: ("content_hints", ContentHints.from_element),
        attribute.CONTENT_REFERENCE: ("content_reference", ContentReference.from_element),
        attribute.EQUIVALENT_LABELS: ("equivalent_labels", _security_labels),
        attribute.ML_EXPANSION_HISTORY: ("ml_expansion_history", read_history),
        attribute.MSG_SIG_DIGEST: ("msg_sig_digest", _octets),
        attribute.SMIME_CAPABILITIES: ("capabilities", _capabilities),
        attribute.ENCRYPTION_KEY_PREFERENCE: ("encryption_certificate", lambda each: _preferred(each, certificates)),
    }
    for oid, (name, read) in readers.items():
        try:
            found[name] = value(attributes, oid, read)
        except Malformed:
            malformed.add(oid)
    return {**found, "malformed": frozenset(malformed)}


def value(attributes: Attributes, oid: str, read: Callable[[der.Element], Value]) -> Value | None:
    element = attributes.one(oid)
    return None if element is None else read(element)


def _security_label(element: der.Element) -> bytes:
    if element.tag != der.SET:
        raise Malformed("the security label is no SET")
    return element.der


def _security_labels(element: der.Element) -> tuple[bytes, ...]:
    """RFC 2634 section 3.4.1: "MUST include one or more security labels"."""
    labels = tuple(map(_security_label, element.inside().at_most(MAX_EQUIVALENT_LABELS)))
    if element.tag != der.SEQUENCE or not labels:
        raise Malformed("there are no equivalent labels")
    return labels


def _octets(element: der.Element) -> bytes:
    if element.tag != der.OCTET_STRING:
        raise Malformed("an attribute's value is no octet string")
    return element.content


def _capabilities(element: der.Element) -> tuple[str, ...]:
    return tuple(each.inside().oid() for each in element.inside())


def _preferred(element: der.Element, certificates: Sequence[Certificate]) -> Certificate | None:
    """RFC 8551 section 2.5.3.1: the certificate in the message that the preference names."""
    for each in certificates:
        named = {
            der.context(0): der.sequence(element.content) == each.issuer_and_serial_number,
            der.context(1): element.content.startswith(der.octets(each.subject_key_identifier or b"")),
            der.context(2, constructed=False): element.content == each.subject_key_identifier,
        }
        if named.get(element.tag) and each.can_encrypt:
            return each
    return None
