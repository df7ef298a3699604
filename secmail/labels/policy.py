"""A security policy as its SPIF describes it: what labels may look like, and when one is valid (ITU-T X.841, SDN.801).

The objects are what ``spif`` makes of the XML; they are complete and consistent, so no question here can fail.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from .categories import Category, OtherCategory, TagType
from .label import SecurityLabel


@dataclass(frozen=True, slots=True)
class Phrase:
    """One markingData: the text to show instead of the name, where (the SPIF's marking codes), and in which language."""

    text: str | None
    codes: frozenset[str]
    language: str | None


@dataclass(frozen=True, slots=True)
class Qualifier:
    """What stands around and between names: ``code`` is prefix, suffix or separator."""

    code: str
    text: str
    language: str | None


@dataclass(frozen=True, slots=True)
class MarkingRules:
    """How one element of the policy is shown; ``marking`` makes text of it."""

    phrases: tuple[Phrase, ...] = ()
    qualifiers: tuple[Qualifier, ...] = ()


class Operation(enum.Enum):
    """How many of a group of categories a label needs (X.841 OptionalCategoryGroup)."""

    ONLY_ONE = "onlyOne"
    ONE_OR_MORE = "oneOrMore"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RequiredCategories:
    """A classification or category that demands others beside it."""

    operation: Operation
    group: frozenset[Category]

    def met_by(self, present: frozenset[Category]) -> bool:
        """Whether a label with these categories has what is demanded."""
        found = len(self.group & present)
        return {
            Operation.ONLY_ONE: found == 1,
            Operation.ONE_OR_MORE: found >= 1,
            Operation.ALL: found == len(self.group),
        }[self.operation]


@dataclass(frozen=True, slots=True)
class Classification:
    """``value`` is what labels and clearances carry, ``hierarchy`` the rank, ``colour`` is ``#rrggbb``."""

    value: int
    name: str
    hierarchy: int
    colour: str | None = None
    obsolete: bool = False
    required: tuple[RequiredCategories, ...] = ()
    markings: MarkingRules = MarkingRules()


@dataclass(frozen=True, slots=True)
class TagCategory:
    """One value that may be chosen; ``category`` is what the label carries for it."""

    category: Category
    name: str
    obsolete: bool = False
    excluded_classes: frozenset[int] = frozenset()
    excluded_categories: frozenset[Category] = frozenset()
    required: tuple[RequiredCategories, ...] = ()
    markings: MarkingRules = MarkingRules()


class Rule(enum.Enum):
    """What the categories of a tag do to access (SDN.801)."""

    RESTRICTIVE = "restrictive"
    PERMISSIVE = "permissive"
    INFORMATIVE = "informative"


@dataclass(frozen=True, slots=True)
class SecurityTag:
    """Categories that are decided on together. ``minimum`` and ``maximum`` bound how many of them a label has."""

    name: str
    tag_type: TagType
    rule: Rule
    categories: tuple[TagCategory, ...]
    minimum: int = 0
    maximum: int | None = None
    markings: MarkingRules = MarkingRules()

    def of(self, present: frozenset[Category]) -> frozenset[Category]:
        """Those of the given categories that belong to this tag."""
        return frozenset(each.category for each in self.categories) & present


@dataclass(frozen=True, slots=True)
class TagSet:
    """Tags under one OID, usually those of one authority."""

    oid: str
    name: str
    tags: tuple[SecurityTag, ...]


@dataclass(frozen=True, eq=False)
class SecurityPolicy:
    """A policy in force. Compared by identity, so a parsed policy can be a cache key.

    ``classifications`` are in order of their hierarchy, lowest first; tag sets, tags and categories in that of the SPIF.
    ``equivalent_classifications`` and ``equivalent_categories`` translate incoming labels of other policies: from the other
    policy's OID and value to ours, as far as the SPIF applies the equivalence to decryption.
    """

    oid: str
    name: str
    classifications: tuple[Classification, ...]
    tag_sets: tuple[TagSet, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    equivalent_classifications: Mapping[tuple[str, int], int] = field(default_factory=dict)
    equivalent_categories: Mapping[tuple[str, Category], Category] = field(default_factory=dict)
    markings: MarkingRules = MarkingRules()

    @classmethod
    def from_xml(cls, xml: bytes) -> "SecurityPolicy":
        """Read an XML SPIF. Malformed (with line and column) or Unsupported; see ``spif``."""
        from .spif import read

        return read(xml)

    @property
    def tags(self) -> Iterator[SecurityTag]:
        """All tags, in the order of the SPIF."""
        return (tag for tag_set in self.tag_sets for tag in tag_set.tags)

    @cached_property
    def _classifications(self) -> dict[int, Classification]:
        return {each.value: each for each in self.classifications}

    @cached_property
    def _categories(self) -> dict[Category, TagCategory]:
        return {each.category: each for tag in self.tags for each in tag.categories}

    def classification(self, value: int | None) -> Classification | None:
        """The classification with this value, None if the policy has none."""
        return None if value is None else self._classifications.get(value)

    def category(self, category: Category | OtherCategory) -> TagCategory | None:
        """What the policy says about a category, None if it does not know it."""
        return self._categories.get(category) if isinstance(category, Category) else None

    def in_force(self, now: datetime) -> bool:
        """Whether ``now`` (with a time zone) lies in the validity of the policy, both ends included."""
        return (self.not_before is None or self.not_before <= now) and (self.not_after is None or now <= self.not_after)

    def translated(self, label: SecurityLabel) -> SecurityLabel | None:
        """The label under this policy: itself, or its equivalent if the policy states one for everything on it, else None."""
        if label.policy == self.oid:
            return label
        if label.classification is None:
            return None
        classification = self.equivalent_classifications.get((label.policy, label.classification))
        categories = [self.equivalent_categories.get((label.policy, each)) for each in label.known_categories]
        known = [each for each in categories if each is not None]
        if classification is None or len(known) != len(label.categories):
            return None
        return SecurityLabel(self.oid, classification, label.privacy_mark, tuple(known))

    def invalid_reason(self, label: SecurityLabel) -> str | None:
        """Why the policy does not allow this label of its own, as a sentence for the originator; None if it does.

        The sentence names categories of the label: it is not for people who may not read the message.
        """
        if label.policy != self.oid:
            return "the label belongs to another security policy"
        return next(self._complaints(label), None)

    def _complaints(self, label: SecurityLabel) -> Iterator[str]:
        classification = self.classification(label.classification)
        if classification is None and (label.classification is not None or self.classifications):
            yield "the label has no classification" if label.classification is None else "the classification is unknown"
        if classification is not None and classification.obsolete:
            yield f"{classification.name} is no longer used"
        present = label.known_categories
        chosen = [self.category(each) for each in label.categories]
        if None in chosen:
            yield f"the label has a category that the policy {self.name} does not define"
        if classification is not None and not all(each.met_by(present) for each in classification.required):
            yield f"{classification.name} requires other categories beside it"
        for category in filter(None, chosen):
            yield from self._complaints_about(category, classification, present)
        for tag in self.tags:
            count = len(tag.of(present))
            if count < tag.minimum or (tag.maximum is not None and count > tag.maximum):
                yield f"{tag.name} allows another number of choices"

    def _complaints_about(
        self, category: TagCategory, classification: Classification | None, present: frozenset[Category]
    ) -> Iterator[str]:
        if category.obsolete:
            yield f"{category.name} is no longer used"
        if classification is not None and classification.value in category.excluded_classes:
            yield f"{category.name} may not be used with {classification.name}"
        for other in sorted(category.excluded_categories & present):
            yield f"{category.name} may not be used with {self._categories[other].name}"
        if not all(each.met_by(present) for each in category.required):
            yield f"{category.name} requires other categories beside it"
