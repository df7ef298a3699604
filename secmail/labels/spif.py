"""Reading an XML SPIF: the security policy information file of xmlspif.org, with or without its namespace.

A rule that is not understood could be one that forbids something. So unknown elements, references to what is not defined and
rules that this engine does not enforce make the whole file fail; unknown attributes and foreign namespaces are extensions.
"""

from dataclasses import dataclass

from ..errors import Unsupported
from .categories import Category, TagType
from .policy import (
    Classification,
    Operation,
    RequiredCategories,
    Rule,
    SecurityPolicy,
    SecurityTag,
    TagCategory,
    TagSet,
)
from .spif_xml import Element

MAX_REFERENCES = 200_000  # from categories to others, each of a group counted
# Rules of the schema that nobody enforces here, so a policy that relies on them is refused
_NOT_ENFORCED = ("userInput", "requiredClass", "notBefore", "notAfter")


def read(xml: bytes) -> SecurityPolicy:
    """The policy in an XML SPIF.

    Malformed with line and column for bad XML and with the line for a broken rule; Unsupported for rules not enforced here.
    """
    return _Reader(Element.parse(xml)).policy()


@dataclass
class _Reader:
    """One reading: names are resolved against what the file defines, so definitions come before rules."""

    root: Element
    references: int = 0

    def policy(self) -> SecurityPolicy:
        if self.root.name != "SPIF":
            self.root.refuse("is no SPIF")
        identifier = self.root.child("securityPolicyId")
        if identifier is None:
            self.root.refuse("lacks securityPolicyId")
        others = self._named(self.root.child("equivalentPolicies"), "equivalentPolicy", "name")
        self.equivalent_policies = {name: each.oid("id") for name, each in others.items()}
        self.classes = self._named(self.root.child("securityClassifications"), "securityClassification", "name")
        self.sets = self._named(self.root.child("securityCategoryTagSets"), "securityCategoryTagSet", "name")
        self._define()
        classifications = sorted(map(self._classification, self.classes.values()), key=lambda each: each.hierarchy)
        return SecurityPolicy(
            oid=identifier.oid("id"),
            name=identifier.require("name"),
            classifications=tuple(classifications),
            tag_sets=tuple(map(self._tag_set, self.sets.values())),
            not_before=self.root.moment("notBefore"),
            not_after=self.root.moment("notAfter"),
            equivalent_classifications=self._equivalent_classifications(),
            equivalent_categories=self._equivalent_categories(),
            markings=self.root.markings(),
        )

    @staticmethod
    def _named(parent: Element | None, name: str, attribute: str) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for element in parent.children(name) if parent else ():
            if found.setdefault(element.require(attribute), element) is not element:
                element.refuse("has a name that is taken")
        return found

    def _define(self) -> None:
        """Which values and categories there are."""
        self.values = {name: each.classification() for name, each in self.classes.items()}
        if len(set(self.values.values())) != len(self.values):
            self.root.refuse("gives two classifications the same lacv")
        if len({each.oid("id") for each in self.sets.values()}) != len(self.sets):
            self.root.refuse("gives two tag sets the same id")
        self.defined: dict[Category, Element] = {}
        self.of_kind: dict[tuple[str, TagType, Rule], set[Category]] = {}
        for tag_set in self.sets.values():
            for tag in tag_set.children("securityCategoryTag"):
                tag_type, rule = tag.tag_kind()
                for element in tag.children("tagCategory"):
                    category = element.category(tag_set.oid("id"), tag_type)
                    # Also if in another tag of the set: labels carry tag set, tag type and value only
                    if self.defined.setdefault(category, element) is not element:
                        element.refuse("has an lacv that is taken")
                    self.of_kind.setdefault((category.tag_set, tag_type, rule), set()).add(category)

    def _classification(self, element: Element) -> Classification:
        return Classification(
            value=self.values[element.require("name")],
            name=element.require("name"),
            hierarchy=element.integer("hierarchy"),
            colour=element.colour(),
            obsolete=element.boolean("obsolete"),
            required=self._required(element),
            markings=element.markings(),
        )

    def _tag_set(self, element: Element) -> TagSet:
        oid = element.oid("id")
        return TagSet(
            oid, element.require("name"), tuple(self._tag(oid, tag) for tag in element.children("securityCategoryTag"))
        )

    def _tag(self, tag_set: str, element: Element) -> SecurityTag:
        tag_type, rule = element.tag_kind()
        return SecurityTag(
            name=element.require("name"),
            tag_type=tag_type,
            rule=rule,
            categories=tuple(
                self._category(each, each.category(tag_set, tag_type)) for each in element.children("tagCategory")
            ),
            minimum=element.selection("minSelection") or 0,
            maximum=1 if element.boolean("singleSelection") else element.selection("maxSelection"),
            markings=element.markings(),
        )

    def _category(self, element: Element, category: Category) -> TagCategory:
        for attribute in _NOT_ENFORCED:
            if element.get(attribute):
                raise Unsupported(f"a security policy with {attribute} on a category")
        return TagCategory(
            category=category,
            name=element.require("name"),
            obsolete=element.boolean("obsolete"),
            excluded_classes=self._excluded_classes(element),
            excluded_categories=frozenset().union(*map(self._referenced, element.children("excludedCategory"))),
            required=self._required(element),
            markings=element.markings(),
        )

    def _excluded_classes(self, element: Element) -> frozenset[int]:
        excluded: set[int] = set()
        for each in element.children("excludedClass"):
            value = self.values.get(each.text())
            if value is None:
                each.refuse("names no classification")
            if value in excluded:
                each.refuse("names a classification twice")
            excluded.add(value)
        return frozenset(excluded)

    def _required(self, element: Element) -> tuple[RequiredCategories, ...]:
        return tuple(
            RequiredCategories(
                self._operation(each), frozenset().union(*map(self._referenced, each.children("categoryGroup")))
            )
            for each in element.children("requiredCategory")
        )

    @staticmethod
    def _operation(element: Element) -> Operation:
        try:
            return Operation(element.require("operation"))
        except ValueError:
            element.refuse("has an unknown operation")

    def _referenced(self, element: Element) -> frozenset[Category]:
        """OptionalCategoryData: one category of a tag set, or all of a tag type."""
        tag_set = self.sets.get(element.require("tagSetRef"))
        if tag_set is None:
            element.refuse("names no tag set")
        oid, (tag_type, rule) = tag_set.oid("id"), element.tag_kind()
        found = self.of_kind.get((oid, tag_type, rule), set())
        if not element.boolean("all"):
            found = found & {element.category(oid, tag_type)}
        if not found:
            element.refuse("refers to a category that is not defined")
        self.references += len(found)
        if self.references > MAX_REFERENCES:
            element.refuse(f"brings the references to categories to more than {MAX_REFERENCES}")
        return frozenset(found)

    def _equivalent_policy(self, element: Element) -> str:
        oid = self.equivalent_policies.get(element.require("policyRef"))
        if oid is None:
            element.refuse("names no equivalent policy")
        return oid

    def _applied(self, element: Element) -> bool:
        """Whether an equivalence translates what comes in. One with conditions or one that only discards does not."""
        if element.require("applied") not in ("encrypt", "decrypt", "both"):
            element.refuse("is applied to neither encrypt, decrypt nor both")
        return (
            element.get("applied") != "encrypt"
            and not element.get("action")
            and not list(element.children("requiredCategory"))
        )

    def _equivalent_classifications(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for name, classification in self.classes.items():
            for element in classification.children("equivalentClassification"):
                key = (self._equivalent_policy(element), element.classification())
                if self._applied(element) and found.setdefault(key, self.values[name]) != self.values[name]:
                    element.refuse("is equivalent to two classifications")
        return found

    def _equivalent_categories(self) -> dict[tuple[str, Category], Category]:
        found: dict[tuple[str, Category], Category] = {}
        for category, definition in self.defined.items():
            for element in definition.children("equivalentSecCategoryTag"):
                other = element.category(element.oid("tagSetId"), element.tag_kind()[0])
                key = (self._equivalent_policy(element), other)
                if self._applied(element) and found.setdefault(key, category) != category:
                    element.refuse("is equivalent to two categories")
        return found
