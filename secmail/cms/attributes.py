"""Signed and unsigned attributes: which exist, where each may stand, how they are made and read.

Placement is RFC 2634 section 1.3.4 and RFC 5652 section 11 as one table. Reading gives three outcomes for each attribute: absent,
one value, or Malformed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal, Protocol

from secmail import der
from secmail.algorithms import OUR_CAPABILITIES, SHA256, AlgorithmIdentifier
from secmail.certificates import Certificate
from secmail.cms.ess import RFC822_NAME, ContentReference, GeneralNames, MLData, encoded_history
from secmail.errors import Malformed

SMIME_AA = "1.2.840.113549.1.9.16.2"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
COUNTERSIGNATURE = "1.2.840.113549.1.9.6"
SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
RECEIPT_REQUEST = f"{SMIME_AA}.1"
SECURITY_LABEL = f"{SMIME_AA}.2"
ML_EXPANSION_HISTORY = f"{SMIME_AA}.3"
CONTENT_HINTS = f"{SMIME_AA}.4"
MSG_SIG_DIGEST = f"{SMIME_AA}.5"
CONTENT_IDENTIFIER = f"{SMIME_AA}.7"
EQUIVALENT_LABELS = f"{SMIME_AA}.9"
CONTENT_REFERENCE = f"{SMIME_AA}.10"
ENCRYPTION_KEY_PREFERENCE = f"{SMIME_AA}.11"
SIGNING_CERTIFICATE = f"{SMIME_AA}.12"
SIGNING_CERTIFICATE_V2 = f"{SMIME_AA}.47"

Place = Literal["signed", "unsigned"]
PLACES: dict[str, tuple[Place, ...]] = {
    CONTENT_TYPE: ("signed",),
    MESSAGE_DIGEST: ("signed",),
    SIGNING_TIME: ("signed",),
    COUNTERSIGNATURE: ("unsigned",),
    SMIME_CAPABILITIES: ("signed",),
    ALGORITHM_PROTECTION: ("signed",),
    RECEIPT_REQUEST: ("signed",),
    SECURITY_LABEL: ("signed",),
    ML_EXPANSION_HISTORY: ("signed",),
    CONTENT_HINTS: ("signed", "unsigned"),
    MSG_SIG_DIGEST: ("signed",),
    CONTENT_IDENTIFIER: ("signed", "unsigned"),
    EQUIVALENT_LABELS: ("signed",),
    CONTENT_REFERENCE: ("signed",),
    ENCRYPTION_KEY_PREFERENCE: ("signed",),
    SIGNING_CERTIFICATE: ("signed",),
    SIGNING_CERTIFICATE_V2: ("signed",),
}

# RFC 2634 section 1.3.4, with the newer forms of the certificate's; algorithm protection is read because Bouncy Castle writes it
IN_COUNTERSIGNATURES = {
    MESSAGE_DIGEST,
    SIGNING_TIME,
    SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2,
    ALGORITHM_PROTECTION,
}

MAX_ATTRIBUTES = 1_000  # and as many values of all of them together
USUAL = 512  # octets of an attribute
UB_RECEIPTS_TO = 16
DIRECTORY_NAME = der.context(4)

ReceiptsFrom = Literal["all_receipts", "first_tier_recipients"] | tuple[str, ...]
ALL_OR_FIRST_TIER: tuple[Literal["all_receipts", "first_tier_recipients"], ...] = ("all_receipts", "first_tier_recipients")


class Attributes:
    """The attributes of one SET OF Attribute. Malformed if one stands in a place where it must not; without a place each may."""

    def __init__(self, members: der.Reader, place: Place | None) -> None:
        self._values: dict[str, list[der.Element]] = {}
        self._instances: dict[str, int] = {}
        left = MAX_ATTRIBUTES
        for member in members.at_most(MAX_ATTRIBUTES):
            oid, values = _read(member.content)
            if place is not None and place not in PLACES.get(oid, (place,)):
                raise Malformed(f"attribute {oid} among the {place} attributes")
            left -= len(values)
            if left < 0:
                raise der.TooMany(f"more than {MAX_ATTRIBUTES} values of attributes")
            self._values.setdefault(oid, []).extend(values)
            self._instances[oid] = self._instances.get(oid, 0) + 1

    @property
    def types(self) -> tuple[str, ...]:
        """The OIDs of those that are there, each once and in order."""
        return tuple(self._instances)

    def all(self, oid: str) -> list[der.Element]:
        """All values of all instances, for the few attributes that may have several."""
        return self._values.get(oid, [])

    def one(self, oid: str) -> der.Element | None:
        """The only value of the only instance, None where the attribute is absent.

        RFC 2634 section 1.3.4: "there MUST NOT be zero, or multiple, instances of AttributeValue present".
        """
        if oid not in self._instances:
            return None
        if self._instances[oid] != 1 or len(self._values[oid]) != 1:
            raise Malformed(f"attribute {oid} has more or less than one value")
        return self._values[oid][0]


@der.remembering(USUAL)
def _read(attribute: bytes) -> tuple[str, tuple[der.Element, ...]]:
    """Type and values of an Attribute, most of which stand in all messages of a signer."""
    members = der.Reader(attribute)
    oid, values = members.oid(), members.inside(der.SET)
    members.end()
    return oid, tuple(values.at_most(MAX_ATTRIBUTES))


def is_set_of_attributes(content: bytes) -> bool:
    """Whether content could pass for signed attributes: their signature would then be valid for it, and the reverse."""
    try:
        Attributes(der.read(content, der.SET), None)
    except der.TooMany:
        return True
    except Malformed:
        return False
    return True


# The attributes of ESS


class DerValue(Protocol):
    """Something that has a DER encoding, such as a SecurityLabel."""

    def to_der(self) -> bytes: ...


@dataclass(frozen=True, eq=False)
class ReceiptRequest:
    """RFC 2634 section 2.7: who shall send a signed receipt, and where to. Addresses are rfc822Names.

    ``signed_content_identifier`` should be unique in the world; ValueError unless ``receipts_to`` has 1 to 16 entries. Two are equal if their encodings are, names that are no addresses included.
    """

    signed_content_identifier: bytes
    receipts_from: ReceiptsFrom
    receipts_to: tuple[str, ...]
    received: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not self.received and not 1 <= len(self.receipts_to) <= UB_RECEIPTS_TO:
            raise ValueError(f"receiptsTo holds 1 to {UB_RECEIPTS_TO} entries")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReceiptRequest) and self.to_der() == other.to_der()

    def __hash__(self) -> int:
        return hash(self.to_der())

    @property
    def entities_to(self) -> tuple[GeneralNames, ...]:
        """``receipts_to`` with all names of each entity."""
        *_, receipts_to = der.read(self.to_der())
        return tuple(map(GeneralNames.from_element, receipts_to.inside().at_most(UB_RECEIPTS_TO)))

    def to_der(self) -> bytes:
        if self.received:
            return self.received
        if isinstance(self.receipts_from, tuple):
            receipts_from = der.tlv(der.context(1), *map(_general_names, self.receipts_from))
        else:
            number = ALL_OR_FIRST_TIER.index(self.receipts_from)
            receipts_from = der.tlv(der.context(0, constructed=False), bytes((number,)))
        receipts_to = der.sequence(*map(_general_names, self.receipts_to))
        return der.sequence(der.octets(self.signed_content_identifier), receipts_from, receipts_to)

    @classmethod
    def from_element(cls, element: der.Element) -> "ReceiptRequest":
        request = _members(element)
        identifier, asked, receipts_to = request.octets(), request.element(), request.element(der.SEQUENCE)
        request.end()
        receipts_from: ReceiptsFrom
        if asked.tag == der.context(1):
            receipts_from = tuple(_addresses(asked.inside()))
        elif asked.tag == der.context(0, constructed=False) and asked.content in (b"\0", b"\1"):
            receipts_from = ALL_OR_FIRST_TIER[asked.content[0]]
        else:
            raise Malformed("receiptsFrom is neither a list nor all nor first tier")
        addresses = tuple(_addresses(receipts_to.inside()))
        read = cls(identifier, receipts_from, addresses, element.der)
        if not read.entities_to:
            raise Malformed("receiptsTo is empty")
        return read


@dataclass(frozen=True)
class ContentHints:
    """RFC 2634 section 2.9: what is inside, said outside. ``content_type`` is a dotted OID."""

    content_type: str
    content_description: str | None = None

    def to_der(self) -> bytes:
        text = b"" if self.content_description is None else der.tlv(der.UTF8_STRING, self.content_description.encode())
        return der.sequence(text, der.oid(self.content_type))

    @classmethod
    def from_element(cls, element: der.Element) -> "ContentHints":
        hints = _members(element)
        text, content_type = hints.optional(der.UTF8_STRING), hints.oid()
        hints.end()
        return cls(content_type, text.content.decode("utf-8", "replace") if text else None)


@dataclass(frozen=True)
class EssAttributes:
    """The ESS attributes a signature shall carry; None (or nothing) leaves one out. Labels are ``labels.SecurityLabel``.

    RFC 2634 sections 2.5 to 2.11, 3 and 4. ``equivalent_labels`` mean the same as the label under other policies (section 3.4).
    ``others`` are Attributes as encoded.
    """

    security_label: DerValue | None = None
    receipt_request: ReceiptRequest | None = None
    content_identifier: bytes | None = None
    content_hints: ContentHints | None = None
    content_reference: ContentReference | None = None
    equivalent_labels: tuple[DerValue, ...] = ()
    ml_expansion_history: tuple[MLData, ...] = ()
    msg_sig_digest: bytes | None = None
    others: tuple[bytes, ...] = ()

    def encoded(self) -> Iterator[bytes]:
        """Each as an Attribute."""
        if self.security_label is not None:
            yield attribute(SECURITY_LABEL, self.security_label.to_der())
        if self.receipt_request is not None:
            yield attribute(RECEIPT_REQUEST, self.receipt_request.to_der())
        if self.content_identifier is not None:
            yield attribute(CONTENT_IDENTIFIER, der.octets(self.content_identifier))
        if self.content_hints is not None:
            yield attribute(CONTENT_HINTS, self.content_hints.to_der())
        if self.content_reference is not None:
            yield attribute(CONTENT_REFERENCE, self.content_reference.to_der())
        if self.equivalent_labels:
            yield attribute(EQUIVALENT_LABELS, der.sequence(*(each.to_der() for each in self.equivalent_labels)))
        if self.ml_expansion_history:
            yield attribute(ML_EXPANSION_HISTORY, encoded_history(self.ml_expansion_history))
        if self.msg_sig_digest is not None:
            yield attribute(MSG_SIG_DIGEST, der.octets(self.msg_sig_digest))
        yield from self.others


# Making


def attribute(oid: str, value: bytes) -> bytes:
    """One Attribute with its one value."""
    return der.sequence(der.oid(oid), der.tlv(der.SET, value))


def signed_attributes(
    *, content_type: str, message_digest: bytes, signing_time: datetime, standing: tuple[bytes, ...], ess: EssAttributes
) -> bytes:
    """The DER SET OF Attribute to be signed; ``standing`` comes from ``standing_attributes``."""
    return der.set_of(
        (
            attribute(CONTENT_TYPE, der.oid(content_type)),
            attribute(MESSAGE_DIGEST, der.octets(message_digest)),
            attribute(SIGNING_TIME, der.time(signing_time)),
            *standing,
            *ess.encoded(),
        )
    )


def countersignature_attributes(*, message_digest: bytes, signing_time: datetime, certificate: Certificate) -> bytes:
    """The DER SET OF Attribute of a countersignature (RFC 5652 section 11.4)."""
    return der.set_of(
        (
            attribute(MESSAGE_DIGEST, der.octets(message_digest)),
            attribute(SIGNING_TIME, der.time(signing_time)),
            attribute(SIGNING_CERTIFICATE_V2, _signing_certificate_v2(certificate)),
        )
    )


@lru_cache(maxsize=256)
def standing_attributes(
    certificate: Certificate, digest: AlgorithmIdentifier, signature: AlgorithmIdentifier, encryption_certificate: Certificate | None
) -> tuple[bytes, ...]:
    """Those that are the same in every message of a signer: certificate, algorithm protection, capabilities, preference."""
    capabilities = der.sequence(*(each.der for each in OUR_CAPABILITIES))
    standing = (
        attribute(SIGNING_CERTIFICATE_V2, _signing_certificate_v2(certificate)),
        attribute(ALGORITHM_PROTECTION, der.sequence(digest.der, der.tlv(der.context(1), der.read(signature.der).rest()))),
        attribute(SMIME_CAPABILITIES, capabilities),
    )
    if encryption_certificate is None:
        return standing
    preference = der.tlv(der.context(0), der.read(encryption_certificate.issuer_and_serial_number).rest())
    return (*standing, attribute(ENCRYPTION_KEY_PREFERENCE, preference))


def _signing_certificate_v2(certificate: Certificate) -> bytes:
    """RFC 5035 section 3: hashAlgorithm is left out, its DEFAULT being SHA-256."""
    issuer, serial_number = der.read(certificate.issuer_and_serial_number)
    issuer_serial = der.sequence(der.sequence(der.tlv(DIRECTORY_NAME, issuer.der)), serial_number.der)
    return der.sequence(der.sequence(der.sequence(der.octets(SHA256.of(certificate.der)), issuer_serial)))


def _general_names(address: str) -> bytes:
    return GeneralNames.of(address).encoded


# Reading


def _members(element: der.Element) -> der.Reader:
    if element.tag != der.SEQUENCE:
        raise Malformed("an attribute's value is no sequence")
    return element.inside()


def _addresses(list_of_general_names: der.Reader) -> Iterator[str]:
    for names in list_of_general_names:
        for name in _members(names):
            if name.tag == RFC822_NAME:
                yield name.content.decode("ascii", "replace")
