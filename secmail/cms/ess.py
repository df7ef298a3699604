"""Values that Enhanced Security Services put into attributes: names, references and what mail lists leave behind (RFC 2634)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from secmail import der
from secmail.certificates import Certificate
from secmail.errors import Malformed

UB_ML_EXPANSION_HISTORY = 64
MAX_NAMES = 1_000
RFC822_NAME = der.context(1, constructed=False)

MLReceiptPolicyKind = Literal["none", "instead_of", "in_addition_to"]
KINDS: tuple[MLReceiptPolicyKind, ...] = ("none", "instead_of", "in_addition_to")  # by tag number


@dataclass(frozen=True)
class GeneralNames:
    """The names of one entity (RFC 5280 section 4.2.1.6) as encoded, so that those that are no addresses are kept too."""

    encoded: bytes

    @classmethod
    def of(cls, *addresses: str) -> "GeneralNames":
        """An entity by its mail addresses. ValueError for none, or one that is not ASCII."""
        if not addresses:
            raise ValueError("an entity needs a name")
        return cls(der.sequence(*(der.tlv(RFC822_NAME, each.encode("ascii")) for each in addresses)))

    @classmethod
    def from_element(cls, element: der.Element) -> "GeneralNames":
        if element.tag != der.SEQUENCE or not element.content:
            raise Malformed("an entity without names")
        names = cls(element.der)
        names.addresses  # noqa: B018 (errors come out here)
        return names

    @property
    def addresses(self) -> tuple[str, ...]:
        """The rfc822Names among them."""
        names = der.read(self.encoded).at_most(MAX_NAMES)
        return tuple(name.content.decode("ascii", "replace") for name in names if name.tag == RFC822_NAME)


@dataclass(frozen=True)
class ContentReference:
    """RFC 2634 section 2.11: names another SignedData, by a SignerInfo of it. ``content_type`` is a dotted OID."""

    content_type: str
    signed_content_identifier: bytes
    originator_signature_value: bytes

    def to_der(self) -> bytes:
        identifier, signature = der.octets(self.signed_content_identifier), der.octets(self.originator_signature_value)
        return der.sequence(der.oid(self.content_type), identifier, signature)

    @classmethod
    def from_element(cls, element: der.Element) -> "ContentReference":
        members = _members(element)
        reference = cls(members.oid(), members.octets(), members.octets())
        members.end()
        return reference


@dataclass(frozen=True)
class MLReceiptPolicy:
    """RFC 2634 section 4.4: what a mail list makes of a request for receipts; ``recipients`` unless it is ``none`` (else ValueError)."""

    kind: MLReceiptPolicyKind
    recipients: tuple[GeneralNames, ...] = ()

    def __post_init__(self) -> None:
        if (self.kind == "none") != (not self.recipients):
            raise ValueError("a receipt policy names recipients exactly if it is not none")

    def to_der(self) -> bytes:
        number = KINDS.index(self.kind)
        return der.tlv(der.context(number, constructed=number > 0), *(each.encoded for each in self.recipients))

    @classmethod
    def from_element(cls, element: der.Element) -> "MLReceiptPolicy":
        if element.tag == der.context(0, constructed=False) and not element.content:
            return cls("none")
        for number in (1, 2):
            if element.tag == der.context(number) and element.content:
                return cls(KINDS[number], tuple(map(GeneralNames.from_element, element.inside().at_most(MAX_NAMES))))
        raise Malformed("a receipt policy is neither none nor a list of entities")


def merged_policy(first: MLReceiptPolicy | None, second: MLReceiptPolicy | None) -> MLReceiptPolicy | None:
    """The receipt policy after list A (``first``) and then its member list B (``second``): the table of RFC 2634 section 4.3."""
    if first is None or second is None:
        return first or second
    if "none" in (first.kind, second.kind):
        return MLReceiptPolicy("none")
    if second.kind == "instead_of":
        return second
    # "*1 = insteadOf(insteadOf(A) + inAdditionTo(B))", "*2 = inAdditionTo(inAdditionTo(A) + inAdditionTo(B))"
    return MLReceiptPolicy(first.kind, tuple(dict.fromkeys((*first.recipients, *second.recipients))))


@dataclass(frozen=True)
class MLData:
    """RFC 2634 section 4.4: one expansion. ``mail_list_identifier`` is the DER of an EntityIdentifier, ``expansion_time`` aware (else ValueError)."""

    mail_list_identifier: bytes
    expansion_time: datetime
    ml_receipt_policy: MLReceiptPolicy | None = None

    def __post_init__(self) -> None:
        if self.expansion_time.tzinfo is None:
            raise ValueError("a moment needs a time zone")

    def names(self, certificate: Certificate) -> bool:
        """Whether the list is that of the certificate: an EntityIdentifier has its issuer and serial number, or its key identifier."""
        if self.mail_list_identifier == certificate.issuer_and_serial_number:
            return True
        key_identifier = certificate.subject_key_identifier
        return key_identifier is not None and self.mail_list_identifier == der.octets(key_identifier)

    def to_der(self) -> bytes:
        # der.time would write UTCTime, which is no GeneralizedTime
        moment = der.tlv(der.GENERALIZED_TIME, self.expansion_time.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())
        policy = b"" if self.ml_receipt_policy is None else self.ml_receipt_policy.to_der()
        return der.sequence(self.mail_list_identifier, moment, policy)

    @classmethod
    def from_element(cls, element: der.Element) -> "MLData":
        members = _members(element)
        identifier, moment = members.element(), members.element(der.GENERALIZED_TIME)
        policy = MLReceiptPolicy.from_element(members.element()) if members.peek() is not None else None
        members.end()
        if identifier.tag not in (der.SEQUENCE, der.OCTET_STRING):
            raise Malformed("a mail list identifier is neither issuer and serial number nor a key identifier")
        return cls(identifier.der, _time(moment), policy)


def _time(moment: der.Element) -> datetime:
    """X.690 section 11.7 allows a fraction of a second, which RFC 5652 forbids for its own times only."""
    whole, dot, _ = moment.content.partition(b".")
    return moment._replace(content=whole + b"Z" if dot else whole).time()


def encoded_history(entries: Iterable[MLData]) -> bytes:
    """The DER of an MLExpansionHistory."""
    return der.sequence(*(each.to_der() for each in entries))


def read_history(element: der.Element) -> tuple[MLData, ...]:
    """An MLExpansionHistory: 1 to 64 entries, the first expansion first."""
    entries = tuple(map(MLData.from_element, _members(element).at_most(UB_ML_EXPANSION_HISTORY)))
    if not entries:
        raise Malformed("a mail list expansion history without entries")
    return entries


def _members(element: der.Element) -> der.Reader:
    if element.tag != der.SEQUENCE:
        raise Malformed("an attribute's value is no sequence")
    return element.inside()
