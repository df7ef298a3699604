"""The XML of a SPIF, element by element: what is missing, misspelt or out of place is refused with its line.

``Element`` also reads other XML about labels: a subclass says what the document is called and which elements stand where.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import ClassVar, NoReturn, Self

from lxml import etree

from ..errors import Malformed
from .categories import Category, TagType, checked_oid
from .label import checked_classification
from .policy import MarkingRules, Phrase, Qualifier, Rule

MAX_XML_LENGTH = 4 * 1024 * 1024  # bytes; NATO's SPIF, with all nations in two languages, has 87 KB
NAMESPACE = "http://www.xmlspif.org/spif"

# The colours the schema allows beside #rrggbb, and three that are met in published files; "fuschia" is its spelling
COLOURS = {
    "aqua": "#00ffff", "black": "#000000", "blue": "#0000ff", "fuchsia": "#ff00ff", "fuschia": "#ff00ff", "gray": "#808080",
    "green": "#008000", "lime": "#00ff00", "maroon": "#800000", "navy": "#000080", "olive": "#808000", "purple": "#800080",
    "red": "#ff0000", "silver": "#c0c0c0", "teal": "#008080", "white": "#ffffff", "yellow": "#ffff00",
    "gold": "#ffd700", "orange": "#ffa500", "pink": "#ffc0cb",
}  # fmt: skip

_MARKING = {"markingData", "markingQualifier"}
_CHILDREN = {
    "SPIF": {
        "defaultSecurityPolicyId", "securityPolicyId", "securityClassifications", "securityCategoryTagSets",
        "equivalentPolicies", "privacyMarks", "updateInfo", "extensions", *_MARKING,
    },
    "securityClassifications": {"securityClassification", *_MARKING},
    "securityClassification": {"requiredCategory", "equivalentClassification", *_MARKING},
    "equivalentClassification": {"requiredCategory"},
    "requiredCategory": {"categoryGroup"},
    "securityCategoryTagSets": {"securityCategoryTagSet"},
    "securityCategoryTagSet": {"securityCategoryTag", *_MARKING},
    "securityCategoryTag": {"tagCategory", *_MARKING},
    "tagCategory": {
        "excludedClass", "excludedCategory", "requiredCategory", "equivalentSecCategoryTag", *_MARKING,
    },
    "equivalentPolicies": {"equivalentPolicy"},
    "equivalentPolicy": {"requiredCategory"},
    "markingData": {"code"},
    "markingQualifier": {"qualifier"},
}  # fmt: skip


def _names(element: "etree._Element") -> tuple[str | None, str]:
    """Namespace and local name. ``etree.QName`` raises ValueError for a namespace with "}" in it."""
    namespace, _, name = str(element.tag).removeprefix("{").rpartition("}")
    return namespace or None, name


class Element:
    """One element of the SPIF; what is asked of it and missing or wrong is Malformed, with its line."""

    document: ClassVar[str] = "security policy"
    namespaces: ClassVar[Collection[str | None]] = (None, NAMESPACE)
    children_of: ClassVar[Mapping[str, Collection[str]]] = _CHILDREN
    max_length: ClassVar[int] = MAX_XML_LENGTH

    def __init__(self, element: "etree._Element") -> None:
        self._element = element
        namespace, self.name = _names(element)
        if namespace not in self.namespaces:
            self.refuse("belongs to an unknown namespace")

    @classmethod
    def parse(cls, xml: bytes) -> Self:
        """The root element. Malformed for XML that is not well-formed (with line and column), too long or with a DTD."""
        if len(xml) > cls.max_length:
            raise Malformed(f"a {cls.document} of more than {cls.max_length} octets")
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
        )
        try:
            root = etree.fromstring(xml, parser)
        except etree.XMLSyntaxError as error:
            line, column = error.position
            raise Malformed(f"the {cls.document} is not well-formed XML: line {line}, column {column}") from None
        if root.getroottree().docinfo.internalDTD is not None:
            raise Malformed(f"a {cls.document} with a document type definition is refused")
        return cls(root)

    def refuse(self, complaint: str) -> NoReturn:
        raise Malformed(f"line {self._element.sourceline} of the {self.document}: {self.name} {complaint}")

    def children(self, name: str) -> Iterator[Self]:
        """The children with this name. Every child has to be one the schema allows."""
        for child in self._element:
            if self._is_extension(child):
                continue
            element = type(self)(child)
            if element.name not in self.children_of.get(self.name, ()):
                element.refuse(f"is not expected in {self.name}")
            if element.name == name:
                yield element

    def _is_extension(self, child: "etree._Element") -> bool:
        return _names(child)[0] not in self.namespaces

    def child(self, name: str) -> Self | None:
        found = list(self.children(name))
        if len(found) > 1:
            found[1].refuse("occurs twice")
        return found[0] if found else None

    def get(self, attribute: str) -> str | None:
        value = self._element.get(attribute)
        return None if value is None else str(value)

    def require(self, attribute: str) -> str:
        value = self.get(attribute)
        if not value:
            self.refuse(f"lacks {attribute}")
        return value

    def text(self) -> str:
        if len(self._element):
            self.refuse("holds more than text")
        return (self._element.text or "").strip()

    def language(self) -> str | None:
        return self.get("{http://www.w3.org/XML/1998/namespace}lang")

    def boolean(self, attribute: str) -> bool:
        value = self.get(attribute) or "false"
        if value not in ("true", "false", "1", "0"):
            self.refuse(f"has a {attribute} that is neither true nor false")
        return value in ("true", "1")

    def integer(self, attribute: str) -> int:
        value = self.require(attribute)
        if not re.fullmatch("[0-9]{1,18}", value, re.ASCII):
            self.refuse(f"has a {attribute} that is no number")
        return int(value)

    def selection(self, attribute: str) -> int | None:
        return None if self.get(attribute) in (None, "unbounded") else self.integer(attribute)

    def oid(self, attribute: str) -> str:
        try:
            return checked_oid(self.require(attribute))
        except ValueError as error:
            self.refuse(f"has a wrong {attribute}: {error}")

    def classification(self) -> int:
        try:
            return checked_classification(self.integer("lacv"))
        except ValueError as error:
            self.refuse(f"has a wrong lacv: {error}")

    def category(self, tag_set: str, tag_type: TagType) -> Category:
        try:
            return Category(tag_set, tag_type, self.integer("lacv"))
        except ValueError as error:
            self.refuse(f"has a wrong lacv: {error}")

    def moment(self, attribute: str) -> datetime | None:
        value = self.get(attribute)
        try:
            moment = datetime.fromisoformat(value) if value else None
        except ValueError:
            self.refuse(f"has a {attribute} that is no date and time")
        if moment is not None and moment.utcoffset() is None:
            self.refuse(f"has a {attribute} without a time zone")
        return moment

    def colour(self) -> str | None:
        value = (self.get("color") or "").lower()
        if value and value not in COLOURS and not re.fullmatch("#[0-9a-f]{6}", value, re.ASCII):
            self.refuse("has a color that is neither #rrggbb nor a colour of the schema")
        return COLOURS.get(value, value or None)

    def tag_kind(self) -> tuple[TagType, Rule]:
        """tagType and enumType, the same on tags and on references to them."""
        kinds = {
            ("restrictive", None): (TagType.RESTRICTIVE, Rule.RESTRICTIVE),
            ("permissive", None): (TagType.PERMISSIVE, Rule.PERMISSIVE),
            ("enumerated", "restrictive"): (TagType.ENUMERATED, Rule.RESTRICTIVE),
            ("enumerated", "permissive"): (TagType.ENUMERATED, Rule.PERMISSIVE),
            ("tagType7", None): (TagType.INFORMATIVE, Rule.INFORMATIVE),
        }
        tag_type = self.require("tagType")
        kind = kinds.get((tag_type, self.get("enumType") if tag_type == "enumerated" else None))
        if kind is None:
            self.refuse("has an unknown tagType or enumType")
        return kind

    def markings(self) -> MarkingRules:
        phrases = [
            Phrase(data.get("phrase"), frozenset(code.text() for code in data.children("code")), data.language())
            for data in self.children("markingData")
        ]
        qualifiers = [
            Qualifier(each.require("qualifierCode"), each.get("markingQualifier") or "", each.language())
            for group in self.children("markingQualifier")
            for each in group.children("qualifier")
        ]
        return MarkingRules(tuple(phrases), tuple(qualifiers))
