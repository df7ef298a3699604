"""The clearance of a person: RFC 5755 section 4.4.6, intersected along a certification path by RFC 5913."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .. import der
from ..certificates import AUTHORITY_CLEARANCE_CONSTRAINTS
from ..errors import Malformed
from ..paths import PathVerdict
from . import categories as security_categories
from .categories import Categories, Category, TagType
from .label import MAX_LABEL_LENGTH, UB_INTEGER_OPTIONS, checked_classification

ID_AT_CLEARANCE = "2.5.4.55"
ID_AT_CLEARANCE_X501 = "2.5.1.5.55"  # the wrong arc of RFC 3281, still met
SUBJECT_DIRECTORY_ATTRIBUTES = "2.5.29.9"  # RFC 5280 section 4.2.1.8
UNCLASSIFIED = 1
MAX_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class Clearance:
    """What its holder may read under one security policy.

    ``class_list`` are the classifications (0 to 256), each named: SECRET does not include CONFIDENTIAL here, the officer's
    form adds what it dominates (``SecurityPolicy.dominated``). ``not_before`` and ``not_after`` come from the certificate or the
    officer's grant, have a time zone and are no part of the DER. ValueError or TypeError for what can't be a clearance.
    """

    policy: str
    class_list: frozenset[int] = frozenset({UNCLASSIFIED})
    categories: Categories = ()
    not_before: datetime | None = None
    not_after: datetime | None = None

    def __post_init__(self) -> None:
        security_categories.checked_oid(self.policy)
        object.__setattr__(self, "class_list", frozenset(map(checked_classification, self.class_list)))
        object.__setattr__(self, "categories", security_categories.ordered(self.categories))
        if any(each.tag_type is TagType.INFORMATIVE for each in self.known_categories):
            raise ValueError("an informative category can't be granted: it restricts nothing")
        for moment in (self.not_before, self.not_after):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("the validity of a clearance needs a time zone")

    @property
    def known_categories(self) -> frozenset[Category]:
        """The categories in a form that is understood; others grant nothing."""
        return frozenset(each for each in self.categories if isinstance(each, Category))

    def valid_at(self, now: datetime) -> bool:
        """Whether ``now`` (with a time zone) lies within the validity, both ends included."""
        return (self.not_before is None or self.not_before <= now) and (self.not_after is None or now <= self.not_after)

    @classmethod
    def from_der(cls, data: bytes) -> "Clearance":
        """Read a Clearance in the form of RFC 5755 or in that of RFC 3281, whose members are tagged. Malformed if neither."""
        if len(data) > MAX_LABEL_LENGTH:
            raise Malformed("a clearance of more than 64 KiB")
        members = der.read(data)
        # The first member is always there, and shows which of the two it is
        tags = (0x80, 0x81, 0xA2) if members.peek() == 0x80 else (der.OBJECT_IDENTIFIER, der.BIT_STRING, der.SET)
        policy = der.Element(der.OBJECT_IDENTIFIER, b"", members.element(tags[0]).content).oid()
        class_list, categories = members.optional(tags[1]), members.optional(tags[2])
        members.end()
        bits = security_categories.bits_of(class_list.content) if class_list else {UNCLASSIFIED}
        if max(bits, default=0) > UB_INTEGER_OPTIONS:
            raise Malformed("the clearance has a classification above 256")
        found = (
            security_categories.from_set(categories.content, security_categories.IN_CLEARANCES) if categories else ()
        )
        return cls(policy, frozenset(bits), tuple(filter(_grants, found)))

    def to_der(self) -> bytes:
        """DER in the form of RFC 5755, untagged; the default class list {unclassified} is left out."""
        parts = [der.oid(self.policy)]
        if self.class_list != {UNCLASSIFIED}:
            parts.append(der.tlv(der.BIT_STRING, security_categories.bit_string(self.class_list)))
        if self.categories:
            parts.append(security_categories.to_set(self.categories, security_categories.SSL_PRIVILEGES))
        return der.sequence(*parts)

    def to_attribute(self) -> bytes:
        """The clearance as an Attribute, for the subject directory attributes of a certificate."""
        return der.sequence(der.oid(ID_AT_CLEARANCE), der.set_of([self.to_der()]))

    @classmethod
    def from_attributes(cls, data: bytes) -> "Clearance | None":
        """The clearance in SubjectDirectoryAttributes, None if there is none.

        RFC 5913 section 2: "A certificate MUST include either zero or one instance of the Clearance attribute. If the Clearance
        attribute is present, it MUST contain a single value." Malformed otherwise.
        """
        values: list[der.Element] = []
        for attribute in der.read(data).at_most(MAX_ENTRIES):
            members = attribute.inside()
            if members.oid() in (ID_AT_CLEARANCE, ID_AT_CLEARANCE_X501):
                instance = list(members.inside(der.SET))
                if values or len(instance) != 1:
                    raise Malformed("more than one clearance, or none in a clearance attribute")
                values = instance
        return cls.from_der(values[0].der) if values else None


def _grants(category: security_categories.Category | security_categories.OtherCategory) -> bool:
    return not isinstance(category, Category) or category.tag_type is not TagType.INFORMATIVE


def authority_clearance_constraints(data: bytes) -> tuple[Clearance, ...]:
    """Read the certificate extension AuthorityClearanceConstraints.

    RFC 5913 section 3: "The sequence MUST NOT include more than one entry with the same policyId." Malformed otherwise.
    """
    entries = tuple(Clearance.from_der(element.der) for element in der.read(data).at_most(MAX_ENTRIES))
    if not entries or len({entry.policy for entry in entries}) != len(entries):
        raise Malformed("authority clearance constraints are empty or name a security policy twice")
    return entries


def effective_clearance(clearance: Clearance, constraints: Iterable[Sequence[Clearance]]) -> Clearance | None:
    """RFC 5913 section 4: what is left of a certificate's clearance under the constraints of the authorities above it.

    ``constraints`` has one sequence per authority that carries the extension, the trust anchor included. None if nothing is left.
    """
    for permitted in constraints:
        match = next((entry for entry in permitted if entry.policy == clearance.policy), None)
        if match is None or not clearance.class_list & match.class_list:
            return None
        common = set(clearance.categories) & set(match.categories)
        clearance = replace(clearance, class_list=clearance.class_list & match.class_list, categories=tuple(common))
    return clearance


def certified_clearance(path: PathVerdict, permitted: Sequence[Clearance] | None = None) -> Clearance | None:
    """RFC 5913 section 4.1.1: the effective clearance of the subject of a path's first certificate, None if there is none.

    ``permitted`` is the user input of section 4.1.1.1, such as what an officer granted: one clearance per policy, None for all
    clearances. What comes back is valid as long as all certificates of the path are. Nothing is certified by a path that is not valid.
    Malformed if a clearance or a constraint breaks section 2 or 3.
    """
    if not path.valid:
        return None
    subject, *authorities = path.chain
    attributes = subject.extension_value(SUBJECT_DIRECTORY_ATTRIBUTES)
    held = Clearance.from_attributes(attributes) if attributes is not None else None
    extensions = [each.extension_value(AUTHORITY_CLEARANCE_CONSTRAINTS) for each in reversed(authorities)]
    constraints = [authority_clearance_constraints(each) for each in extensions if each is not None]
    if held is None:
        return None
    effective = effective_clearance(held, [*([permitted] if permitted is not None else ()), *constraints])
    if effective is None:
        return None
    since, until = max(each.not_before for each in path.chain), min(each.not_after for each in path.chain)
    return replace(effective, not_before=since, not_after=until)
