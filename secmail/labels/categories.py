"""Security categories and their DER: what stands in the ``security-categories`` of a label or a clearance.

Three syntaxes are known: the MISSI tags of SDN.801 in labels and the privileges that answer them in clearances (these two are
written), and the tags of ACP 145, which NATO uses in both (read). A category of any other type is kept as it is, so that
nothing is lost when a label is written again; to the access decision it is simply unknown, which means no.
"""

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import attrgetter

from .. import der
from ..errors import Malformed

MISSI_SECURITY_CATEGORIES = "2.16.840.1.101.2.1.8.1"
SSL_PRIVILEGES = "2.16.840.1.101.2.1.8.2"

UB_SECURITY_CATEGORIES = 64  # RFC 2634 section 3.2
MAX_BIT = 4095  # the standards name no bound; a bit string grows with its highest bit
MAX_ATTRIBUTE = 2**63 - 1
MAX_ATTRIBUTES = 1_000  # a label with every nation on it has some hundred


class TagType(enum.IntEnum):
    """How a category is written, and with that how it restricts (SDN.801). The policy says whether ENUMERATED is permissive."""

    RESTRICTIVE = 1
    ENUMERATED = 2
    PERMISSIVE = 6
    INFORMATIVE = 7


_BIT_MAPS = (TagType.RESTRICTIVE, TagType.PERMISSIVE)


@dataclass(frozen=True, order=True, slots=True)
class Category:
    """One value under one tag set, for instance "FR" of "Releasable". ``value`` is the SPIF's lacv. ValueError if impossible."""

    tag_set: str
    tag_type: TagType
    value: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "tag_set", checked_oid(self.tag_set))
        object.__setattr__(self, "tag_type", TagType(self.tag_type))
        highest = MAX_BIT if self.tag_type in _BIT_MAPS else MAX_ATTRIBUTE
        if not isinstance(self.value, int) or not 0 <= self.value <= highest:
            raise ValueError(f"a category value is an integer from 0 to {highest}")


@dataclass(frozen=True, order=True, slots=True)
class OtherCategory:
    """A category whose type or form is not known here. ``value`` is the complete encoding of the element ``[1]``."""

    type: str
    value: bytes

    def __post_init__(self) -> None:
        checked_oid(self.type)
        with_tag = der.Reader(self.value)
        if with_tag.element().tag not in (0x81, 0xA1):
            raise ValueError("the value of a security category is an element with the tag [1]")
        with_tag.end()


Categories = tuple[Category | OtherCategory, ...]


class _UnknownForm(Exception):
    """Well-formed, but with a meaning that is not known here: the category stays an OtherCategory."""


@lru_cache(maxsize=1024)
def checked_oid(dotted: str) -> str:
    """The same object identifier if it is one; otherwise ValueError."""
    if not isinstance(dotted, str) or not re.fullmatch(r"[0-2](\.(0|[1-9][0-9]*))+", dotted, re.ASCII):
        raise ValueError("an object identifier is dotted numbers, such as 1.3.6.1")
    if len(der.oid(dotted)) - 2 > der.MAX_OID_LENGTH:
        raise ValueError(f"an object identifier longer than {der.MAX_OID_LENGTH} bytes")
    return dotted


_COMPARED = attrgetter("tag_set", "tag_type", "value")  # as ``order`` has it, in half of the time


def ordered(categories: Iterable[Category | OtherCategory]) -> Categories:
    """Each category once, in one order, so that equal sets are equal tuples. TypeError for anything else among them."""
    distinct = set(categories)
    known = [each for each in distinct if isinstance(each, Category)]
    others = [each for each in distinct if isinstance(each, OtherCategory)]
    if len(known) + len(others) != len(distinct):
        raise TypeError("security categories are Category or OtherCategory objects")
    return (*sorted(known, key=_COMPARED), *sorted(others))


# Reading


def from_set(content: bytes, forms: "Forms") -> Categories:
    """Read the content octets of SecurityCategories. Malformed if they are something else."""
    found: set[Category | OtherCategory] = set()
    known: Sequence[Category | OtherCategory]
    left = MAX_ATTRIBUTES
    for count, element in enumerate(der.Reader(content), start=1):
        if element.tag != der.SEQUENCE or count > UB_SECURITY_CATEGORIES:
            raise Malformed(f"security categories are 1 to {UB_SECURITY_CATEGORIES} sequences")
        members = element.inside()
        type_ = der.Element(der.OBJECT_IDENTIFIER, b"", members.element(0x80).content).oid()
        value = members.element()
        if value.tag not in (0x81, 0xA1):  # RFC 2634 says ANY, ACP 145 also OCTET STRING, which gives 0x81
            raise Malformed("a security category without a value")
        members.end()
        try:
            known = _known(forms[type_], value.content, left) if type_ in forms else [OtherCategory(type_, value.der)]
        except _UnknownForm:
            known = [OtherCategory(type_, value.der)]
        left -= len(known)
        found.update(known)
    return ordered(found)


def _known(form: Callable[[der.Element], Iterator[Category]], content: bytes, most: int) -> list[Category]:
    value = der.Reader(content)
    element = value.element()
    value.end()
    try:
        found = list(islice(form(element), most + 1))
    except ValueError as error:  # a value out of the range of Category
        raise Malformed(str(error)) from None
    if len(found) > most:
        raise Malformed(f"more than {MAX_ATTRIBUTES} security categories")
    return found


def _missi_label(value: der.Element) -> Iterator[Category]:
    """MissiSecurityCategories; the alternative LrbacInfo belongs to a local policy nobody here knows."""
    if value.tag != der.SET:
        raise _UnknownForm
    for tag_set, tag in _named_tags(value):
        tag_type, values = _security_tag(tag)
        if not values and tag_type in (TagType.PERMISSIVE, TagType.ENUMERATED):
            raise _UnknownForm  # released to nobody? dropping the tag would mean released to everybody
        yield from (Category(tag_set, tag_type, each) for each in values)


def _missi_privileges(value: der.Element) -> Iterator[Category]:
    """SSLPrivileges: as in labels, without the security level."""
    if value.tag != der.SET:
        raise _UnknownForm
    for tag_set, tag in _named_tags(value):
        if tag.tag in (0x81, 0x86):
            values, tag_type = _bits(tag.content), TagType(tag.tag & 0x1F)
        elif tag.tag == 0xA2:
            values, tag_type = _integers(tag.content), TagType.ENUMERATED
        else:
            raise _UnknownForm
        yield from (Category(tag_set, tag_type, each) for each in values)


def _named_tags(value: der.Element) -> Iterator[tuple[str, der.Element]]:
    for named in value.inside():
        if named.tag != der.SEQUENCE:
            raise Malformed("a named tag set is a sequence")
        members = named.inside()
        tag_set, tags = members.oid(), members.inside()
        members.end()
        for tag in tags:
            yield tag_set, tag


def _security_tag(tag: der.Element) -> tuple[TagType, list[int]]:
    members = tag.inside()
    if tag.tag == 0xA7:  # freeFormField is an ANY, so its tag is explicit
        values = _free_form(members.element())
        members.end()
        return TagType.INFORMATIVE, values
    if tag.tag not in (0xA1, 0xA2, 0xA6) or members.peek() == der.INTEGER:
        raise _UnknownForm  # a new tag type, or a securityLevel within the tag
    flags = members.element(der.SET if tag.tag == 0xA2 else der.BIT_STRING)
    members.end()
    return TagType(tag.tag & 0x1F), _integers(flags.content) if tag.tag == 0xA2 else _bits(flags.content)


def _acp145(tag_type: TagType) -> Callable[[der.Element], Iterator[Category]]:
    """The reader of one tag of ACP 145. Whether an enumerated one is permissive is the policy's to say, not the encoding's."""

    def read(value: der.Element) -> Iterator[Category]:
        if value.tag != der.SEQUENCE:
            raise Malformed("a tag is a sequence")
        members = value.inside()
        tag_set, attributes = members.oid(), members.element()
        members.end()
        if tag_type is TagType.INFORMATIVE:
            values = _free_form(attributes)
        elif attributes.tag != (der.SET if tag_type is TagType.ENUMERATED else der.BIT_STRING):
            raise Malformed("a tag without attributes")
        else:
            values = _integers(attributes.content) if tag_type is TagType.ENUMERATED else _bits(attributes.content)
        if not values and tag_type in (TagType.PERMISSIVE, TagType.ENUMERATED):
            raise _UnknownForm
        yield from (Category(tag_set, tag_type, each) for each in values)

    return read


def _free_form(field: der.Element) -> list[int]:
    """TagType7Data, either encoding."""
    if field.tag == der.BIT_STRING:
        return _bits(field.content)
    if field.tag != der.SET:
        raise _UnknownForm
    return _integers(field.content)


def _bits(content: bytes) -> list[int]:
    if not content or content[0] > 7 or len(content) > MAX_BIT // 8 + 2:
        raise Malformed("not a bit string, or a very long one")
    size = 8 * (len(content) - 1) - content[0]
    return [bit for bit in range(size) if content[1 + bit // 8] & 0x80 >> bit % 8]


def _integers(content: bytes) -> list[int]:
    return [element.integer() for element in der.Reader(content)]


Forms = dict[str, Callable[[der.Element], Iterator[Category]]]

_ACP145: Forms = {
    "2.16.840.1.101.2.1.8.3.0": _acp145(TagType.RESTRICTIVE),
    "2.16.840.1.101.2.1.8.3.1": _acp145(TagType.ENUMERATED),
    "2.16.840.1.101.2.1.8.3.2": _acp145(TagType.PERMISSIVE),
    "2.16.840.1.101.2.1.8.3.3": _acp145(TagType.INFORMATIVE),
    "2.16.840.1.101.2.1.8.3.4": _acp145(TagType.ENUMERATED),
}
IN_LABELS: Forms = {MISSI_SECURITY_CATEGORIES: _missi_label, **_ACP145}
IN_CLEARANCES: Forms = {SSL_PRIVILEGES: _missi_privileges, **_ACP145}


# Writing


def to_set(categories: Categories, type_: str, tag: int = der.SET) -> bytes:
    """SecurityCategories in DER, the known ones together as one category of ``type_`` (MISSI in labels, SSL in clearances)."""
    encodings = [_security_category(each.type, each.value) for each in categories if isinstance(each, OtherCategory)]
    tag_sets: dict[str, dict[TagType, list[int]]] = {}
    for each in categories:
        if isinstance(each, Category):
            tag_sets.setdefault(each.tag_set, {}).setdefault(each.tag_type, []).append(each.value)
    if tag_sets:
        write = _label_tag if type_ == MISSI_SECURITY_CATEGORIES else _privilege_tag
        named = [
            der.sequence(der.oid(tag_set), der.sequence(*(write(*item) for item in sorted(tags.items()))))
            for tag_set, tags in tag_sets.items()
        ]
        encodings.append(_security_category(type_, der.tlv(0xA1, der.set_of(named))))
    return der.set_of(encodings, tag)


def _security_category(type_: str, value: bytes) -> bytes:
    return der.sequence(der.tlv(0x80, der.oid(type_)[2:]), value)


def _label_tag(tag_type: TagType, values: list[int]) -> bytes:
    if tag_type in _BIT_MAPS:
        return der.tlv(0xA0 | tag_type, der.tlv(der.BIT_STRING, bit_string(values)))
    return der.tlv(0xA0 | tag_type, der.set_of(map(der.integer, values)))


def _privilege_tag(tag_type: TagType, values: list[int]) -> bytes:
    if tag_type in _BIT_MAPS:
        return der.tlv(0x80 | tag_type, bit_string(values))
    return der.set_of(map(der.integer, values), 0xA0 | tag_type)


def bit_string(values: Iterable[int]) -> bytes:
    """Content octets of the named-bit BIT STRING with these bits set: no zero bits at the end (X.690 section 11.2.2)."""
    bits = sum(1 << bit for bit in set(values))
    size = bits.bit_length()
    octets = bytearray((size + 7) // 8 + 1)
    octets[0] = -size % 8
    for bit in range(size):
        if bits >> bit & 1:
            octets[1 + bit // 8] |= 0x80 >> bit % 8
    return bytes(octets)


def bits_of(content: bytes) -> frozenset[int]:
    """The bits set in a BIT STRING's content octets. Malformed if it is none or longer than 4,096 bits."""
    return frozenset(_bits(content))
