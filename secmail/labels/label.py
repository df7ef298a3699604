"""The security label of a message: ESSSecurityLabel, RFC 2634 section 3.2."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from .. import der
from ..errors import Malformed
from . import categories as security_categories
from .categories import Categories, Category, OtherCategory

UB_INTEGER_OPTIONS = 256  # RFC 2634 section 3.2
MAX_LABEL_LENGTH = 65_536  # bytes; a label with every nation on it has some hundred


@dataclass(frozen=True, slots=True)
class SecurityLabel:
    """What the originator says about the sensitivity of the content (RFC 2634 section 3.2).

    ``policy`` is the OID of the security policy that gives everything else its meaning; ``classification`` 0 to 256. The
    categories may be given in any order; each is kept once, in one order. ValueError or TypeError for what can't be a label;
    whether the policy allows it is another question (``SecurityPolicy.invalid_reason``).
    """

    policy: str
    classification: int | None = None
    privacy_mark: str | None = None
    categories: Categories = ()

    def __post_init__(self) -> None:
        security_categories.checked_oid(self.policy)
        if self.classification is not None:
            checked_classification(self.classification)
        # UnicodeEncodeError for what is no text is a ValueError
        if self.privacy_mark is not None and not (isinstance(self.privacy_mark, str) and self.privacy_mark.encode()):
            raise ValueError("a privacy mark is text of at least one character")
        object.__setattr__(self, "categories", security_categories.ordered(self.categories))

    @property
    def known_categories(self) -> frozenset[Category]:
        """The categories in a form that is understood; what the policy makes of them is not looked at."""
        return frozenset(each for each in self.categories if isinstance(each, Category))

    @classmethod
    def from_der(cls, data: bytes) -> "SecurityLabel":
        """Read an ESSSecurityLabel, BER included. Malformed if it is none, or names no security policy."""
        if len(data) > MAX_LABEL_LENGTH:
            raise Malformed("a security label of more than 64 KiB")
        members: dict[int, der.Element] = {}
        for element in der.read(data, der.SET):
            # A SET, so in any order; a second one of a kind could contradict the first
            if element.tag not in _MEMBERS or _MEMBERS[element.tag] in members:
                raise Malformed("a member of the security label is unknown or occurs twice")
            members[_MEMBERS[element.tag]] = element
        if der.OBJECT_IDENTIFIER not in members:
            raise Malformed("the security label names no security policy")
        try:
            return cls(
                policy=members[der.OBJECT_IDENTIFIER].oid(),
                classification=_optional(members, der.INTEGER, der.Element.integer),
                privacy_mark=_optional(members, der.UTF8_STRING, _text),
                categories=_optional(members, der.SET, _categories) or (),
            )
        except ValueError as error:
            raise Malformed(f"not a security label: {error}") from None

    def to_der(self) -> bytes:
        """DER: members in the order of their tags, absent ones left out."""
        parts = []
        if self.classification is not None:
            parts.append(der.integer(self.classification))
        parts.append(der.oid(self.policy))
        if self.privacy_mark is not None:
            parts.append(der.tlv(der.UTF8_STRING, self.privacy_mark.encode()))
        if self.categories:
            parts.append(security_categories.to_set(self.categories, security_categories.MISSI_SECURITY_CATEGORIES))
        return der.tlv(der.SET, *parts)

    def with_categories(self, categories: Iterable[Category | OtherCategory]) -> "SecurityLabel":
        """The same label with these categories instead of its own."""
        return SecurityLabel(self.policy, self.classification, self.privacy_mark, tuple(categories))


def checked_classification(value: int) -> int:
    """The same value if it can be a classification; ValueError otherwise."""
    if not isinstance(value, int) or not 0 <= value <= UB_INTEGER_OPTIONS:
        raise ValueError(f"a classification is an integer from 0 to {UB_INTEGER_OPTIONS}")
    return value


PRINTABLE_STRING = 0x13
# The tags a member may have, and under which the member is found: the privacy mark is a CHOICE of two string types
_MEMBERS = {
    der.INTEGER: der.INTEGER,
    der.OBJECT_IDENTIFIER: der.OBJECT_IDENTIFIER,
    der.UTF8_STRING: der.UTF8_STRING,
    PRINTABLE_STRING: der.UTF8_STRING,
    der.SET: der.SET,
}

Value = TypeVar("Value")


def _optional(members: dict[int, der.Element], tag: int, read: Callable[[der.Element], Value]) -> Value | None:
    return read(members[tag]) if tag in members else None


def _text(element: der.Element) -> str:
    # UnicodeDecodeError is a ValueError. PrintableString is ASCII, which UTF-8 contains
    return element.content.decode()


def _categories(element: der.Element) -> Categories:
    return security_categories.from_set(element.content, security_categories.IN_LABELS)
