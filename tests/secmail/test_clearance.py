"""Clearance, RFC 5755 section 4.4.6, and its intersection along a path, RFC 5913."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import x509
from hypothesis import given
from hypothesis import strategies as st

from secmail import der
from secmail.errors import Malformed
from secmail.labels import (
    Category,
    Clearance,
    OtherCategory,
    TagType,
    authority_clearance_constraints,
    effective_clearance,
)

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors" / "ess"
POLICY, SET = "1.3.6.1.4.1.32473.1.1", "1.3.6.1.4.1.32473.1.1.1"
A, B = Category(SET, TagType.RESTRICTIVE, 0), Category(SET, TagType.PERMISSIVE, 9)

granted = st.builds(
    Category,
    st.sampled_from([SET, "1.2.3", "2.999.1"]),
    st.sampled_from([TagType.RESTRICTIVE, TagType.ENUMERATED, TagType.PERMISSIVE]),
    st.integers(0, 4095),
)
unknown = st.builds(
    OtherCategory, st.just("1.2.3.4"), st.binary(max_size=9).map(lambda x: der.tlv(0xA1, der.octets(x)))
)
clearances = st.builds(
    Clearance, st.just(POLICY), st.frozensets(st.integers(0, 256)), st.lists(granted | unknown, max_size=9)
)


def bits(*octets: int, tag: int = der.BIT_STRING) -> bytes:
    return der.tlv(tag, bytes(octets))


def privileges(*tags: bytes) -> bytes:
    """SecurityCategories with SSLPrivileges of one tag set."""
    value = der.tlv(0xA1, der.tlv(der.SET, der.sequence(der.oid(SET), der.sequence(*tags))))
    return der.tlv(der.SET, der.sequence(der.tlv(0x80, der.oid("2.16.840.1.101.2.1.8.2")[2:]), value))


def attribute(type_: str, *values: bytes) -> bytes:
    return der.sequence(der.oid(type_), der.set_of(values))


@given(clearances)
def test_what_is_written_is_read_again(written: Clearance) -> None:
    assert Clearance.from_der(written.to_der()) == written


@given(st.binary(max_size=60))
def test_foreign_bytes_are_a_clearance_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        Clearance.from_der(data).to_der()


def test_absent_class_list_means_unclassified() -> None:
    """ClassList DEFAULT {unclassified}"""
    assert Clearance.from_der(der.sequence(der.oid(POLICY))).class_list == {1}
    assert Clearance(POLICY).to_der() == der.sequence(der.oid(POLICY))


def test_empty_class_list_is_not_the_default() -> None:
    assert Clearance.from_der(Clearance(POLICY, frozenset()).to_der()).class_list == set()


def test_untagged_form_of_rfc_5755_is_read_and_written() -> None:
    encoded = der.sequence(der.oid(POLICY), bits(2, 0x5C))
    assert Clearance.from_der(encoded).class_list == {1, 3, 4, 5}
    assert Clearance(POLICY, frozenset({1, 3, 4, 5})).to_der() == encoded


def test_tagged_form_of_rfc_3281_is_read() -> None:
    categories = privileges(bits(7, 0x80, tag=0x81))
    encoded = der.sequence(der.tlv(0x80, der.oid(POLICY)[2:]), bits(3, 0x48, tag=0x81), der.tlv(0xA2, categories[2:]))
    assert Clearance.from_der(encoded) == Clearance(POLICY, frozenset({1, 4}), (A,))


def test_privileges_are_bit_strings_and_integers() -> None:
    encoded = der.sequence(
        der.oid(POLICY),
        privileges(bits(6, 0x40, tag=0x81), der.set_of([der.integer(9954)], 0xA2), bits(6, 0x80, tag=0x86)),
    )
    assert [(each.tag_type, each.value) for each in sorted(Clearance.from_der(encoded).known_categories)] == [
        (1, 1),
        (2, 9954),
        (6, 0),
    ]


def test_tags_of_acp_145_are_read_and_informative_ones_grant_nothing() -> None:
    def tag(kind: int) -> bytes:
        value = der.tlv(0xA1, der.sequence(der.oid(SET), bits(7, 0x80)))
        return der.sequence(der.tlv(0x80, der.oid(f"2.16.840.1.101.2.1.8.3.{kind}")[2:]), value)

    assert Clearance.from_der(der.sequence(der.oid(POLICY), der.tlv(der.SET, tag(0), tag(3)))).categories == (A,)


@pytest.mark.parametrize("tags", [[der.octets(b"?")], [der.tlv(0xA7, bits(7, 0x80))]])
def test_privileges_in_an_unknown_form_grant_nothing(tags: list[bytes]) -> None:
    assert Clearance.from_der(der.sequence(der.oid(POLICY), privileges(*tags))).known_categories == set()


def test_privileges_that_are_no_set_grant_nothing() -> None:
    value = der.tlv(0xA1, der.sequence())
    encoded = der.tlv(der.SET, der.sequence(der.tlv(0x80, der.oid("2.16.840.1.101.2.1.8.2")[2:]), value))
    assert Clearance.from_der(der.sequence(der.oid(POLICY), encoded)).known_categories == set()


@pytest.mark.parametrize(
    "members",
    [
        [],
        [bits(0)],
        [der.oid(POLICY), bits(0, *[0] * 32, 0x40)],  # classification 257
        [der.oid(POLICY), bits(0), bits(0)],
        [der.oid(POLICY), der.tlv(0x81, b"\x00")],
        [der.tlv(der.OCTET_STRING, b"x" * 65536)],
    ],
)
def test_malformed_clearances_are_refused(members: list[bytes]) -> None:
    with pytest.raises(Malformed):
        Clearance.from_der(der.sequence(*members))


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": "secret"},
        {"class_list": {257}},
        {"categories": [Category(SET, TagType.INFORMATIVE, 0)]},
        {"not_after": datetime(2030, 1, 1)},  # noqa: DTZ001
    ],
)
def test_a_clearance_that_exists_is_well_formed(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Clearance(**{"policy": POLICY, **wrong})  # type: ignore[arg-type]


def test_validity_includes_both_ends() -> None:
    first, last = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    held = Clearance(POLICY, not_before=first, not_after=last)
    assert held.valid_at(first)
    assert held.valid_at(last)
    assert not held.valid_at(datetime(2024, 12, 31, tzinfo=UTC))
    assert not held.valid_at(datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("type_", ["2.5.4.55", "2.5.1.5.55"])
def test_attribute_is_read_under_both_object_identifiers(type_: str) -> None:
    other = attribute("2.5.4.3", der.tlv(der.UTF8_STRING, b"name"))
    assert Clearance.from_attributes(der.sequence(other, attribute(type_, Clearance(POLICY).to_der()))) == Clearance(
        POLICY
    )


def test_attribute_is_written_under_the_right_one() -> None:
    assert Clearance(POLICY).to_attribute() == attribute("2.5.4.55", Clearance(POLICY).to_der())
    assert Clearance.from_attributes(der.sequence(Clearance(POLICY).to_attribute())) == Clearance(POLICY)


def test_no_attribute_is_no_clearance() -> None:
    assert Clearance.from_attributes(der.sequence()) is None


@pytest.mark.parametrize(
    "attributes",
    [
        [attribute("2.5.4.55", Clearance(POLICY).to_der()), attribute("2.5.1.5.55", Clearance(POLICY).to_der())],
        [attribute("2.5.4.55", Clearance(POLICY).to_der(), Clearance("1.2.3").to_der())],
        [attribute("2.5.4.55")],
    ],
)
def test_one_attribute_with_one_value(attributes: list[bytes]) -> None:
    """RFC 5913 section 2: "either zero or one instance … it MUST contain a single value"."""
    with pytest.raises(Malformed):
        Clearance.from_attributes(der.sequence(*attributes))


def test_constraints_name_each_policy_once() -> None:
    """RFC 5913 section 3: "The sequence MUST NOT include more than one entry with the same policyId."."""
    one, two = Clearance(POLICY).to_der(), Clearance("1.2.3").to_der()
    assert authority_clearance_constraints(der.sequence(one, two)) == (Clearance(POLICY), Clearance("1.2.3"))
    for wrong in (der.sequence(one, one), der.sequence()):
        with pytest.raises(Malformed):
            authority_clearance_constraints(wrong)


def test_effective_clearance_is_the_intersection_with_every_authority() -> None:
    held = Clearance(POLICY, frozenset({1, 2, 4}), (A, B))
    anchor = (Clearance("1.2.3"), Clearance(POLICY, frozenset({1, 4}), (A, B)))
    authority = (Clearance(POLICY, frozenset({1, 2, 4}), (A,)),)
    assert effective_clearance(held, [anchor, authority]) == Clearance(POLICY, frozenset({1, 4}), (A,))
    assert effective_clearance(held, []) == held


def test_nothing_is_left_of_a_clearance_the_authority_may_not_give() -> None:
    held = Clearance(POLICY, frozenset({4}))
    assert effective_clearance(held, [(Clearance("1.2.3"),)]) is None
    assert effective_clearance(held, [(Clearance(POLICY, frozenset({1})),)]) is None


def extension(name: str, oid: str) -> bytes:
    """The value of an extension of one of the certificates that accompany RFC 5755 and RFC 5913."""
    path = VECTORS / f"{name}.cert_pem_text.der"
    if not path.exists():
        pytest.skip("the vectors are not beside the project")
    extensions = x509.Certificate.load(path.read_bytes())["tbs_certificate"]["extensions"]
    return next(bytes(each["extn_value"].contents) for each in extensions if each["extn_id"].dotted == oid)


def test_clearance_in_a_published_certificate() -> None:
    found = Clearance.from_attributes(extension("rfc5755.CertificateWithClearanceTestCase", "2.5.29.9"))
    assert found is not None
    assert (found.policy, found.class_list) == ("1.2.840.113549.1.9.16.7.3", {0, 1, 2})


def test_constraints_in_a_published_certificate() -> None:
    found = authority_clearance_constraints(extension("rfc5913.ClearanceTestCase", "1.3.6.1.5.5.7.1.21"))
    assert [max(each.class_list) for each in found] == [2, 3, 2]
