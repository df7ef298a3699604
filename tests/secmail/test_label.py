"""ESSSecurityLabel, RFC 2634 section 3.2, and the security categories in it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmail import der
from secmail.errors import Malformed
from secmail.labels import Category, OtherCategory, SecurityLabel, TagType
from secmail.labels.categories import MAX_BIT

POLICY, SET = "1.3.6.1.4.1.32473.1.1", "1.3.6.1.4.1.32473.1.1.1"

oids = st.lists(st.integers(0, 2**40), min_size=1, max_size=6).map(lambda arcs: ".".join(map(str, [1, 3, *arcs])))
bit_categories = st.builds(
    Category, oids, st.sampled_from([TagType.RESTRICTIVE, TagType.PERMISSIVE]), st.integers(0, MAX_BIT)
)
integer_categories = st.builds(
    Category, oids, st.sampled_from([TagType.ENUMERATED, TagType.INFORMATIVE]), st.integers(0, 2**63 - 1)
)
other_categories = st.builds(
    OtherCategory, oids, st.binary(max_size=20).map(lambda value: der.tlv(0xA1, der.octets(value)))
)
categories = st.lists(bit_categories | integer_categories | other_categories, max_size=12)
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
labels = st.builds(SecurityLabel, oids, st.none() | st.integers(0, 256), st.none() | text, categories)


def label(*members: bytes) -> bytes:
    return der.tlv(der.SET, *members)


def category(type_: str, value: bytes, tag: int = 0xA1) -> bytes:
    """SecurityCategories with one of this type."""
    return der.tlv(der.SET, der.sequence(der.tlv(0x80, der.oid(type_)[2:]), der.tlv(tag, value)))


def missi(*tags: bytes) -> bytes:
    value = der.tlv(der.SET, der.sequence(der.oid(SET), der.sequence(*tags)))
    return label(der.oid(POLICY), category("2.16.840.1.101.2.1.8.1", value))


def acp145(kind: int, attributes: bytes) -> bytes:
    value = der.sequence(der.oid(SET), attributes)
    return label(der.oid(POLICY), category(f"2.16.840.1.101.2.1.8.3.{kind}", value))


def bits(*octets: int) -> bytes:
    return der.tlv(der.BIT_STRING, bytes(octets))


def integers(*values: int) -> bytes:
    return der.set_of(map(der.integer, values))


def read(encoded: bytes) -> set[Category | OtherCategory]:
    return set(SecurityLabel.from_der(encoded).categories)


@given(labels)
def test_what_is_written_is_read_again(written: SecurityLabel) -> None:
    assert SecurityLabel.from_der(written.to_der()) == written


@given(labels)
def test_der_has_one_encoding_per_label(written: SecurityLabel) -> None:
    shuffled = written.with_categories(reversed(written.categories))
    assert shuffled == written
    assert shuffled.to_der() == written.to_der()


@given(
    st.binary(max_size=60)
    | labels.map(SecurityLabel.to_der).flatmap(
        lambda encoded: st.tuples(st.integers(0, len(encoded) - 1), st.integers(0, 255)).map(
            lambda change: encoded[: change[0]] + bytes([change[1]]) + encoded[change[0] + 1 :]
        )
    )
)
def test_foreign_bytes_are_a_label_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        SecurityLabel.from_der(data).to_der()


def test_known_encoding_of_a_label() -> None:
    """Written by hand after the ASN.1, to notice two mistakes that cancel out."""
    encoded = bytes.fromhex(
        "3137"
        "020104"
        "06092b0601040181fd5901"  # SECRET under 1.3.6.1.4.1.32473.1
        "3127"
        "3025"
        "80096086480165020108"
        "01"  # SET OF, SEQUENCE, [0] MISSI
        "a118"
        "3116"
        "3014"
        "06032a0304"
        "300d"  # [1], SET OF, NamedTagSet 1.2.3.4
        "a1040302"
        "0560"
        "a6050303"
        "070080"  # restrictive 1 and 2, permissive 8
    )
    assert SecurityLabel.from_der(encoded).categories == (
        Category("1.2.3.4", TagType.RESTRICTIVE, 1),
        Category("1.2.3.4", TagType.RESTRICTIVE, 2),
        Category("1.2.3.4", TagType.PERMISSIVE, 8),
    )


def test_members_of_a_set_come_in_any_order() -> None:
    found = SecurityLabel.from_der(label(der.tlv(der.UTF8_STRING, "à part".encode()), der.oid(POLICY), der.integer(4)))
    assert found == SecurityLabel(POLICY, 4, "à part")


def test_der_sorts_the_members_by_tag() -> None:
    assert SecurityLabel(POLICY, 4, "x").to_der() == label(
        der.integer(4), der.oid(POLICY), der.tlv(der.UTF8_STRING, b"x")
    )


def test_ber_with_indefinite_length_is_read() -> None:
    assert SecurityLabel.from_der(b"\x31\x80" + der.oid(POLICY) + b"\x00\x00") == SecurityLabel(POLICY)


def test_privacy_mark_is_printable_or_utf8() -> None:
    """ESSPrivacyMark ::= CHOICE { pString PrintableString, utf8String UTF8String }"""
    assert SecurityLabel.from_der(label(der.oid(POLICY), der.tlv(0x13, b"Boaz"))).privacy_mark == "Boaz"


@pytest.mark.parametrize(
    "members",
    [
        [der.integer(4)],  # the policy gives the rest its meaning
        [der.oid(POLICY), der.oid(POLICY)],
        [der.oid(POLICY), der.integer(4), der.integer(1)],
        [der.oid(POLICY), der.tlv(0x13, b"A"), der.tlv(der.UTF8_STRING, b"B")],
        [der.oid(POLICY), der.octets(b"no member")],
        [der.oid(POLICY), der.integer(257)],
        [der.oid(POLICY), der.integer(-1)],
        [der.oid(POLICY), der.tlv(der.UTF8_STRING)],
        [der.oid(POLICY), der.tlv(der.UTF8_STRING, b"\xff")],
        [der.oid(POLICY), der.tlv(der.SET, der.integer(1))],
        [der.oid(POLICY), der.tlv(der.SET, *[category("1.2.3", b"")[2:]] * 65)],
        [der.oid(POLICY), category("1.2.3", der.integer(1), tag=0xA2)],
    ],
)
def test_malformed_labels_are_refused(members: list[bytes]) -> None:
    with pytest.raises(Malformed):
        SecurityLabel.from_der(label(*members))


@pytest.mark.parametrize(
    "data", [b"", b"\x30\x00", label(der.oid(POLICY)) + b"\x00", label(der.tlv(0x13, b"x" * 65536))]
)
def test_what_is_no_set_of_reasonable_length_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        SecurityLabel.from_der(data)


def test_tag_types_of_sdn_801() -> None:
    """Types 1 and 6 are bit maps, 2 is a set of integers, 7 is either."""
    encoded = missi(
        der.tlv(0xA1, bits(4, 0x50)),
        der.tlv(0xA2, integers(9954, 742)),
        der.tlv(0xA6, bits(0, 0x00, 0x01)),
        der.tlv(0xA7, bits(7, 0x80)),
        der.tlv(0xA7, integers(78)),
    )
    found = {(each.tag_type, each.value) for each in SecurityLabel.from_der(encoded).known_categories}
    assert found == {(1, 1), (1, 3), (2, 742), (2, 9954), (6, 15), (7, 0), (7, 78)}


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        (0, bits(7, 0x80), {Category(SET, TagType.RESTRICTIVE, 0)}),
        (1, integers(826), {Category(SET, TagType.ENUMERATED, 826)}),
        (2, bits(6, 0xC0), {Category(SET, TagType.PERMISSIVE, 0), Category(SET, TagType.PERMISSIVE, 1)}),
        (3, bits(7, 0x80), {Category(SET, TagType.INFORMATIVE, 0)}),
        (3, integers(5), {Category(SET, TagType.INFORMATIVE, 5)}),
        (4, integers(9), {Category(SET, TagType.ENUMERATED, 9)}),
    ],
)
def test_tags_of_acp_145_are_read(kind: int, attributes: bytes, expected: set[Category]) -> None:
    assert read(acp145(kind, attributes)) == expected


@pytest.mark.parametrize(
    "encoded",
    [
        label(der.oid(POLICY), category("1.2.3.4", der.octets(b"?"))),  # a type nobody here knows
        label(
            der.oid(POLICY), category("2.16.840.1.101.2.1.8.1", der.sequence(der.oid(SET)))
        ),  # LrbacInfo: a local policy
        missi(der.tlv(0xA3, bits(7, 0x80))),  # tag type 3 does not exist
        missi(der.tlv(0xA1, der.integer(4), bits(7, 0x80))),  # a security level within a tag
        missi(der.tlv(0xA7, der.octets(b"free"))),
        missi(der.tlv(0xA6, bits(0))),  # released to nobody; read as no tag it would be released to everybody
        missi(der.tlv(0xA2, integers())),
        acp145(1, integers()),
        acp145(3, der.octets(b"free")),
    ],
)
def test_categories_in_an_unknown_form_are_kept_as_they_are(encoded: bytes) -> None:
    assert [type(each) for each in read(encoded)] == [OtherCategory]
    assert SecurityLabel.from_der(encoded).to_der() == encoded


def test_empty_restrictive_tag_restricts_nothing() -> None:
    assert read(missi(der.tlv(0xA1, bits(0)))) == set()


def test_value_may_be_tagged_as_an_octet_string() -> None:
    """ACP 145 notes that an OCTET STRING under [1] gives identical encodings: then the tag is primitive."""
    value = der.sequence(der.oid(SET), bits(7, 0x80))
    encoded = label(der.oid(POLICY), category("2.16.840.1.101.2.1.8.3.0", value, tag=0x81))
    assert read(encoded) == {Category(SET, TagType.RESTRICTIVE, 0)}


@pytest.mark.parametrize(
    "encoded",
    [
        missi(der.tlv(0xA1, bits())),
        missi(der.tlv(0xA1, bits(8, 0x80))),
        missi(der.tlv(0xA1, bits(0, *[0] * 513))),
        missi(der.tlv(0xA1, integers(1))),
        missi(der.tlv(0xA2, integers(-1))),
        missi(der.tlv(0xA2, der.tlv(der.SET, der.octets(b"1")))),
        missi(der.tlv(0xA2, der.set_of(map(der.integer, range(5000))))),
        label(der.oid(POLICY), category("2.16.840.1.101.2.1.8.1", der.tlv(der.SET, der.integer(1)))),
        label(der.oid(POLICY), category("2.16.840.1.101.2.1.8.1", b"")),
        label(der.oid(POLICY), category("2.16.840.1.101.2.1.8.3.0", integers(1))),
        acp145(0, integers(1)),
        acp145(1, bits(7, 0x80)),
    ],
)
def test_malformed_tags_are_refused(encoded: bytes) -> None:
    with pytest.raises(Malformed):
        SecurityLabel.from_der(encoded)


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": "1"},
        {"policy": "3.1"},
        {"policy": "1.40.1"},
        {"policy": None},
        {"policy": "2." + ".".join(["9" * 9] * 40)},
        {"classification": 257},
        {"classification": "4"},
        {"privacy_mark": ""},
        {"privacy_mark": b"bytes"},
        {"privacy_mark": "\ud800"},
        {"categories": ["SECRET"]},
    ],
)
def test_a_label_that_exists_is_well_formed(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        SecurityLabel(**{"policy": POLICY, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tag_type", "value"), [(1, MAX_BIT + 1), (6, -1), (2, 2**63), (3, 0), (2, "1"), (TagType.INFORMATIVE, None)]
)
def test_a_category_that_exists_can_be_encoded(tag_type: int, value: int) -> None:
    with pytest.raises(ValueError):
        Category(SET, tag_type, value)  # type: ignore[arg-type]


def test_a_foreign_category_keeps_one_element_tagged_one() -> None:
    with pytest.raises(ValueError):
        OtherCategory("1.2.3", der.octets(b"untagged"))
    with pytest.raises(Malformed):
        OtherCategory("1.2.3", der.tlv(0xA1) + b"\x00")
