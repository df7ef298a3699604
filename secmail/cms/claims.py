"""What a signer says: signed attributes that may fail on their own, and what several signers of one SignedData say together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, TypeVar

from secmail import der
from secmail.certificates import Certificate
from secmail.cms import attributes as attribute
from secmail.cms.attributes import Attributes, ContentHints, ReceiptRequest
from secmail.cms.ess import ContentReference, MLData, read_history
from secmail.errors import Malformed

MAX_EQUIVALENT_LABELS = 32
USUAL_CAPABILITIES = 1_024  # octets

ClaimState = Literal["absent", "present", "conflict", "malformed"]
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """The signed attributes of one SignerInfo, read. RFC 2634 wants absent, one and malformed told apart.

    ``security_label`` is the ESSSecurityLabel as DER, ``equivalent_labels`` are the same. ``capabilities`` are the OIDs the signer says it
    reads, ``encryption_certificate`` the one it prefers. ``attributes`` names (by OID) all that are there, unsigned ones last, ``malformed``
    those that are not readable or there twice.
    """

    signing_time: datetime | None = None
    security_label: bytes | None = None
    receipt_request: ReceiptRequest | None = None
    content_identifier: bytes | None = None
    content_hints: ContentHints | None = None
    content_reference: ContentReference | None = None
    equivalent_labels: tuple[bytes, ...] | None = None
    ml_expansion_history: tuple[MLData, ...] | None = None
    msg_sig_digest: bytes | None = None
    capabilities: tuple[str, ...] | None = None
    encryption_certificate: Certificate | None = None
    attributes: tuple[str, ...] = ()
    malformed: frozenset[str] = frozenset()

    @classmethod
    def read(cls, signed: Attributes, unsigned: Attributes, certificates: Sequence[Certificate]) -> Self:
        """Those of a SignerInfo whose message brings these certificates along."""
        found: dict[str, object] = {}
        malformed = set()
        for oid, (name, read) in READERS.items():
            try:
                found[name] = value(signed, oid, read)
            except Malformed:
                malformed.add(oid)
        try:
            prefer = value(signed, attribute.ENCRYPTION_KEY_PREFERENCE, lambda each: _preferred(each, certificates))
            found["encryption_certificate"] = prefer
        except Malformed:
            malformed.add(attribute.ENCRYPTION_KEY_PREFERENCE)
        types = (*signed.types, *unsigned.types)
        return cls(**found, attributes=types, malformed=frozenset(malformed))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Agreement:
    """What the signers of one SignedData say together, which is nothing if they contradict each other."""

    claims: Sequence[Claims]

    @property
    def security_label(self) -> tuple[ClaimState, bytes | None]:
        """RFC 2634 section 3.1.1: if one SignerInfo has a label, "all of the signerInfos [...] MUST include" the same."""
        if any(attribute.SECURITY_LABEL in each.malformed for each in self.claims):
            return "malformed", None
        labels = {each.security_label for each in self.claims}
        if len(labels) > 1:
            return "conflict", None
        label = labels.pop() if labels else None
        return ("absent", None) if label is None else ("present", label)

    @property
    def receipt_request(self) -> tuple[ClaimState, ReceiptRequest | None]:
        """RFC 2634 section 2.2.1: in all SignerInfos that have one, "the receipt requests MUST be identical"."""
        return self._claim(attribute.RECEIPT_REQUEST, [each.receipt_request for each in self.claims])

    @property
    def ml_expansion_history(self) -> tuple[ClaimState, tuple[MLData, ...] | None]:
        """RFC 2634 section 4.1: not to be processed "unless every verified mlExpansionHistory attribute [...] is identical"."""
        return self._claim(attribute.ML_EXPANSION_HISTORY, [each.ml_expansion_history for each in self.claims])

    def _claim(self, oid: str, values: Sequence[Value | None]) -> tuple[ClaimState, Value | None]:
        """What those say who say anything."""
        if any(oid in each.malformed for each in self.claims):
            return "malformed", None
        said = {each for each in values if each is not None}
        if len(said) > 1:
            return "conflict", None
        return ("present", said.pop()) if said else ("absent", None)


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
    return _read_capabilities(element.content)


@der.remembering(USUAL_CAPABILITIES)
def _read_capabilities(content: bytes) -> tuple[str, ...]:
    """Everybody with the same program states the same ones, and reading twenty takes as long as reading all else that is signed."""
    return tuple(each.inside().oid() for each in der.Reader(content))


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


READERS: dict[str, tuple[str, Callable[[der.Element], object]]] = {
    attribute.SIGNING_TIME: ("signing_time", der.Element.time),
    attribute.SECURITY_LABEL: ("security_label", _security_label),
    attribute.RECEIPT_REQUEST: ("receipt_request", ReceiptRequest.from_element),
    attribute.CONTENT_IDENTIFIER: ("content_identifier", _octets),
    attribute.CONTENT_HINTS: ("content_hints", ContentHints.from_element),
    attribute.CONTENT_REFERENCE: ("content_reference", ContentReference.from_element),
    attribute.EQUIVALENT_LABELS: ("equivalent_labels", _security_labels),
    attribute.ML_EXPANSION_HISTORY: ("ml_expansion_history", read_history),
    attribute.MSG_SIG_DIGEST: ("msg_sig_digest", _octets),
    attribute.SMIME_CAPABILITIES: ("capabilities", _capabilities),
}
