"""A label or a clearance as somebody stored it: in DER, or in the small XML form of spiffing's test data, which people can type."""

from dataclasses import dataclass
from typing import ClassVar

from lxml import etree

from .. import der
from ..errors import Malformed
from .categories import Category, TagType
from .clearance import UNCLASSIFIED, Clearance
from .label import MAX_LABEL_LENGTH, SecurityLabel
from .spif_xml import Element

NAMESPACE = "http://surevine.com/xmlns/spiffy"
_CHILDREN = ("policy", "classification", "tag")
# Whether an enumerated tag is permissive is the policy's to say, as with the encodings in DER
_TAG_TYPES = {
    "restrictive": TagType.RESTRICTIVE,
    "enumeratedRestrictive": TagType.ENUMERATED,
    "enumeratedPermissive": TagType.ENUMERATED,
    "permissive": TagType.PERMISSIVE,
    "informative": TagType.INFORMATIVE,
}


def read_label(data: bytes) -> SecurityLabel:
    """An ESSSecurityLabel (RFC 2634 section 3.2) in DER or BER, or the XML element ``label``.

    Malformed if it is neither: XML that is not well-formed with line and column, other mistakes in XML with the line.
    """
    if not _is_xml(data):
        return SecurityLabel.from_der(_starting_with(der.SET, data))
    found = _Holder.parse(data, "label")
    if len(found.classifications) > 1:
        found.root.refuse("has more than one classification")
    return SecurityLabel(found.policy, next(iter(found.classifications), None), None, found.categories)


def read_clearance(data: bytes) -> Clearance:
    """A Clearance in DER (RFC 5755 section 4.4.6 or the form of RFC 3281), or the XML element ``clearance``.

    Malformed as in ``read_label``. No classification in XML is what an absent class list is in DER: unclassified.
    """
    if not _is_xml(data):
        return Clearance.from_der(_starting_with(der.SEQUENCE, data))
    found = _Holder.parse(data, "clearance")
    try:
        return Clearance(found.policy, found.classifications or frozenset({UNCLASSIFIED}), found.categories)
    except ValueError as error:
        found.root.refuse(f"is none: {error}")


def _is_xml(data: bytes) -> bool:
    """A label in DER begins with the tag of a SET, a clearance with that of a SEQUENCE; XML does not."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _starting_with(tag: int, data: bytes) -> bytes:
    """What begins with another tag is most often no DER at all, which says more than the mistakes a reader finds in it."""
    if data[:1] != bytes((tag,)):
        raise Malformed(f"neither XML nor DER that begins with tag {tag:#04x}")
    return data


class _Element(Element):
    document = "label or clearance"
    namespaces = (NAMESPACE,)
    children_of: ClassVar = {"label": _CHILDREN, "clearance": _CHILDREN}
    max_length: ClassVar = MAX_LABEL_LENGTH

    def _is_extension(self, child: "etree._Element") -> bool:
        """None is: what other programs read in it could restrict."""
        if len(child):
            self.refuse("holds elements in elements")
        return False

    def tagged_category(self) -> Category:
        tag_type = _TAG_TYPES.get(self.require("type"))
        if tag_type is None:
            self.refuse("has an unknown type")
        return self.category(self.oid("id"), tag_type)


@dataclass(frozen=True, slots=True)
class _Holder:
    """What a label and a clearance in XML have in common."""

    root: _Element
    policy: str
    classifications: frozenset[int]
    categories: tuple[Category, ...]

    @classmethod
    def parse(cls, xml: bytes, name: str) -> "_Holder":
        root = _Element.parse(xml)
        if root.name != name:
            raise Malformed(f"this is no {name}: the XML is a {root.name}")
        policy = root.child("policy")
        if policy is None:
            root.refuse("names no security policy")
        return cls(
            root=root,
            policy=policy.oid("id"),
            classifications=frozenset(each.classification() for each in root.children("classification")),
            categories=tuple(each.tagged_category() for each in root.children("tag")),
        )
