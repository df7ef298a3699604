"""The access decision, ITU-T X.841 and SDN.801: same policy, classification in the class list, then tag by tag."""

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmail.errors import LabelError
from secmail.labels import (
    Category,
    Clearance,
    Decision,
    OtherCategory,
    SecurityLabel,
    SecurityPolicy,
    TagType,
    decide,
    dominated,
    high_water_mark,
    meet,
    not_lower,
)

XML = (Path(__file__).resolve().parents[2] / "portal/policy/demo-policy.xml").read_bytes()
DEMO = SecurityPolicy.from_xml(XML)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = {each.name: each.category for tag in DEMO.tags for each in tag.categories}
CLASSES = {each.name: each.value for each in DEMO.classifications}


def label(classification: str, *names: str) -> SecurityLabel:
    return SecurityLabel(DEMO.oid, CLASSES[classification], None, tuple(NAMES[name] for name in names))


def clearance(classification: str, *names: str) -> Clearance:
    return Clearance(DEMO.oid, dominated(DEMO, CLASSES[classification]), tuple(NAMES[name] for name in names))


def may(wanted: SecurityLabel | None, held: Clearance | None, policy: SecurityPolicy | None = DEMO) -> bool:
    return decide(wanted, held, policy, NOW).granted


names = st.lists(st.sampled_from(sorted(NAMES)), max_size=5)
grantable = st.lists(st.sampled_from(sorted(set(NAMES) - {"DRAFT", "BY HAND"})), max_size=8)
labels = st.builds(lambda level, chosen: label(level, *chosen), st.sampled_from(sorted(CLASSES)), names)
clearances = st.builds(lambda level, held: clearance(level, *held), st.sampled_from(sorted(CLASSES)), grantable)


# The class list


def test_classification_has_to_be_in_the_class_list() -> None:
    assert may(label("SECRET"), clearance("SECRET"))
    assert may(label("RESTRICTED"), clearance("SECRET"))
    assert decide(label("TOP SECRET"), clearance("SECRET"), DEMO, NOW) == Decision(
        False, "the clearance does not include TOP SECRET"
    )


def test_hierarchy_gives_nothing_that_the_class_list_does_not_name() -> None:
    assert not may(label("RESTRICTED"), Clearance(DEMO.oid, frozenset({CLASSES["SECRET"]})))


def test_clearance_without_class_list_is_unclassified() -> None:
    held = Clearance.from_der(Clearance(DEMO.oid).to_der())
    assert may(label("UNCLASSIFIED"), held)
    assert not may(label("RESTRICTED"), held)


def test_policy_without_classifications_decides_by_categories() -> None:
    xml = b'<SPIF><securityPolicyId name="T" id="1.2.3"/></SPIF>'
    assert decide(SecurityLabel("1.2.3"), Clearance("1.2.3"), SecurityPolicy.from_xml(xml), NOW)


# Categories


def test_restrictive_categories_are_all_needed() -> None:
    wanted = label("SECRET", "EYES", "LEGAL")
    assert may(wanted, clearance("SECRET", "EYES", "LEGAL", "MEDICAL"))
    assert not may(wanted, clearance("SECRET", "EYES", "MEDICAL"))


def test_one_permissive_category_is_enough() -> None:
    wanted = label("SECRET", "UK", "FR")
    assert may(wanted, clearance("SECRET", "FR", "NO"))
    assert not may(wanted, clearance("SECRET", "NO", "US"))
    assert not may(wanted, clearance("TOP SECRET", "EYES"))


def test_label_without_permissive_categories_is_for_all() -> None:
    assert may(label("SECRET"), clearance("SECRET", "NO"))


def test_enumerated_categories_follow_their_enum_type() -> None:
    wanted = label("SECRET", "AURORA")
    assert may(wanted, clearance("SECRET", "AURORA"))
    assert not may(wanted, clearance("SECRET", "BOREAS"))
    permissive = SecurityPolicy.from_xml(
        XML.replace(b'enumType="restrictive" singleSelection="true"', b'enumType="permissive"')
    )
    both = label("SECRET", "AURORA", "BOREAS")
    assert may(both, clearance("SECRET", "BOREAS"), permissive)
    assert not may(both, clearance("SECRET", "UK"), permissive)


def test_informative_categories_are_ignored() -> None:
    assert may(label("SECRET", "DRAFT", "BY HAND"), clearance("SECRET"))


def test_tags_are_decided_one_by_one() -> None:
    """A category held in one tag makes up for none in another, not even with the same value."""
    wanted = label("SECRET", "UK", "EYES")
    assert may(wanted, clearance("SECRET", "UK", "EYES"))
    assert not may(wanted, clearance("SECRET", "UK", "CIPHER", "LEGAL"))
    assert not may(wanted, clearance("SECRET", "EYES", "FR"))
    assert NAMES["UK"].value == NAMES["EYES"].value


def test_two_permissive_tags_of_a_set_both_need_one() -> None:
    xml = XML.replace(
        b'<tagCategory name="NO" lacv="3"/>',
        b'</securityCategoryTag><securityCategoryTag name="North" tagType="permissive"><tagCategory name="NO" lacv="3"/>',
    )
    policy = SecurityPolicy.from_xml(xml)
    assert may(label("SECRET", "UK", "NO"), clearance("SECRET", "UK"))
    assert not may(label("SECRET", "UK", "NO"), clearance("SECRET", "UK"), policy)
    assert may(label("SECRET", "UK", "NO"), clearance("SECRET", "UK", "NO"), policy)


# Refused before any clearance is looked at


def test_invalid_labels_are_for_nobody() -> None:
    wanted = label("UNCLASSIFIED", "EYES")
    everything = clearance("TOP SECRET", *(set(NAMES) - {"DRAFT", "BY HAND"}))
    assert DEMO.invalid_reason(wanted)
    assert decide(wanted, everything, DEMO, NOW).reason == "the label is not valid under its security policy"
    assert decide(wanted, None, DEMO, NOW).reason == "the label is not valid under its security policy"


def test_reasons_name_no_category() -> None:
    for wanted in (label("SECRET", "EYES"), label("SECRET", "UK"), label("UNCLASSIFIED", "EYES")):
        reason = decide(wanted, clearance("SECRET"), DEMO, NOW).reason
        assert not any(name in reason for name in NAMES)


def test_unknown_category_type_is_refused() -> None:
    assert not may(label("SECRET").with_categories([OtherCategory("1.2.3", b"\xa1\x00")]), clearance("SECRET"))


def test_unknown_policy_is_refused() -> None:
    assert not may(SecurityLabel("1.2.3", 1), Clearance("1.2.3"))
    assert not may(label("UNCLASSIFIED"), Clearance("1.2.3"))
    assert not may(label("UNCLASSIFIED"), clearance("SECRET"), None)


def test_equivalent_label_is_decided_as_ours() -> None:
    xml = XML.replace(
        b"<securityClassifications>",
        b'<equivalentPolicies><equivalentPolicy name="Other" id="1.2.3"/></equivalentPolicies><securityClassifications>',
    ).replace(
        b'color="#b3261e"/>',
        b'><equivalentClassification policyRef="Other" lacv="40" applied="decrypt"/></securityClassification>',
    )
    policy = SecurityPolicy.from_xml(xml)
    assert may(SecurityLabel("1.2.3", 40), clearance("SECRET"), policy)
    assert not may(SecurityLabel("1.2.3", 40), clearance("CONFIDENTIAL"), policy)


def test_validity_of_the_clearance() -> None:
    day = timedelta(days=1)
    held = clearance("SECRET")
    for first, last, granted in (
        (None, NOW, True),
        (NOW, None, True),
        (None, NOW - day, False),
        (NOW + day, None, False),
    ):
        limited = Clearance(held.policy, held.class_list, (), first, last)
        assert decide(label("SECRET"), limited, DEMO, NOW).granted is granted


def test_validity_of_the_policy() -> None:
    policy = SecurityPolicy.from_xml(XML.replace(b"<SPIF ", b'<SPIF notAfter="2025-12-31T00:00:00Z" '))
    assert not may(label("UNCLASSIFIED"), clearance("SECRET"), policy)


# Total, and without exceptions for anybody


class Broken(SecurityLabel):
    """Raises where a label answers."""

    @property
    def known_categories(self) -> frozenset[Category]:
        raise RuntimeError("broken")


ANYTHING = [None, 0, "SECRET", b"", [], object(), DEMO, NOW, label("SECRET"), clearance("SECRET")]


@pytest.mark.parametrize("given_now", [NOW, NOW.replace(tzinfo=None), None, "now", 0])
def test_never_raises_whatever_it_is_given(given_now: object) -> None:
    for a in [*ANYTHING, Broken(DEMO.oid, 1)]:
        for b in ANYTHING:
            for c in ANYTHING:
                granted = decide(a, b, c, given_now).granted  # type: ignore[arg-type]
                assert granted == ((a, b, c, given_now) == (label("SECRET"), clearance("SECRET"), DEMO, NOW))


def test_decision_is_true_if_granted() -> None:
    """``if decide(...)`` must not be true for every object."""
    assert decide(label("SECRET"), clearance("SECRET"), DEMO, NOW)
    assert not decide(label("SECRET"), clearance("RESTRICTED"), DEMO, NOW)


@given(labels, clearances)
def test_more_clearance_never_takes_access_away(wanted: SecurityLabel, held: Clearance) -> None:
    more = Clearance(held.policy, held.class_list | {5}, (*held.categories, NAMES["LEGAL"], NAMES["UK"]))
    assert may(wanted, more) >= may(wanted, held)


@given(labels, clearances)
def test_decision_depends_on_values_alone(wanted: SecurityLabel, held: Clearance) -> None:
    copy = pickle.loads(pickle.dumps((wanted, held)))  # noqa: S301
    again = decide(SecurityLabel.from_der(copy[0].to_der()), Clearance.from_der(copy[1].to_der()), DEMO, NOW)
    assert decide(wanted, held, DEMO, NOW) == again


# What dominates what


def test_officer_grants_all_dominated_classes() -> None:
    assert dominated(DEMO, CLASSES["CONFIDENTIAL"]) == {1, 2, 3}
    obsolete = SecurityPolicy.from_xml(XML.replace(b'name="RESTRICTED"', b'name="RESTRICTED" obsolete="true"'))
    assert dominated(obsolete, CLASSES["CONFIDENTIAL"]) == {1, 3}
    with pytest.raises(LabelError):
        dominated(DEMO, 9)


def test_meet_is_the_highest_that_all_have() -> None:
    found = meet(DEMO, [clearance("SECRET"), clearance("TOP SECRET"), clearance("RESTRICTED")], NOW)
    assert found is not None
    assert found.name == "RESTRICTED"


@pytest.mark.parametrize(
    "held",
    [
        [],
        [clearance("SECRET"), None],
        [clearance("SECRET"), Clearance("1.2.3")],
        [clearance("SECRET"), Clearance(DEMO.oid, not_after=NOW - timedelta(days=1))],
        [Clearance(DEMO.oid, frozenset({4})), Clearance(DEMO.oid, frozenset({3}))],
    ],
)
def test_meet_is_nothing_if_one_has_nothing(held: list[Clearance | None]) -> None:
    assert meet(DEMO, held, NOW) is None


def test_meet_leaves_obsolete_classifications_out() -> None:
    policy = SecurityPolicy.from_xml(XML.replace(b'name="SECRET"', b'name="SECRET" obsolete="true"'))
    found = meet(policy, [clearance("SECRET")], NOW)
    assert found is not None
    assert found.name == "CONFIDENTIAL"


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (label("SECRET"), label("SECRET"), True),
        (label("TOP SECRET"), label("SECRET"), True),
        (label("CONFIDENTIAL"), label("SECRET"), False),
        (label("SECRET", "EYES", "LEGAL"), label("SECRET", "LEGAL"), True),
        (label("SECRET"), label("SECRET", "LEGAL"), False),
        (label("SECRET", "UK"), label("SECRET", "UK", "FR"), True),
        (label("SECRET", "UK", "FR"), label("SECRET", "UK"), False),
        (label("SECRET", "UK"), label("SECRET"), True),
        (label("SECRET"), label("SECRET", "UK"), False),
        (label("SECRET"), label("SECRET", "DRAFT"), True),
        (label("SECRET"), label("UNCLASSIFIED", "EYES"), False),
        (label("UNCLASSIFIED", "EYES"), label("UNCLASSIFIED"), False),
        (SecurityLabel("1.2.3", 5), label("SECRET"), False),
        (label("SECRET"), SecurityLabel("1.2.3", 1), False),
    ],
)
def test_a_reply_is_not_lower_than_what_it_quotes(new: SecurityLabel, old: SecurityLabel, expected: bool) -> None:
    assert not_lower(DEMO, new, old) is expected


@given(labels, labels, clearances)
def test_who_reads_a_label_that_is_not_lower_reads_the_other(
    new: SecurityLabel, old: SecurityLabel, held: Clearance
) -> None:
    if not_lower(DEMO, new, old):
        assert may(old, held) >= may(new, held)


def test_same_rank_keeps_different_people_out() -> None:
    policy = SecurityPolicy.from_xml(XML.replace(b'lacv="3" hierarchy="3"', b'lacv="3" hierarchy="4"'))
    assert not not_lower(policy, label("SECRET"), label("CONFIDENTIAL"))
    with pytest.raises(LabelError):
        high_water_mark(policy, [label("SECRET"), label("CONFIDENTIAL")])


def test_high_water_mark() -> None:
    quoted = [
        label("RESTRICTED", "LEGAL", "UK", "FR", "DRAFT"),
        label("SECRET", "EYES", "UK", "US"),
        label("UNCLASSIFIED"),
    ]
    assert high_water_mark(DEMO, quoted) == label("SECRET", "LEGAL", "EYES", "UK", "DRAFT")


@given(st.lists(labels, min_size=1, max_size=4))
def test_high_water_mark_is_not_lower_than_any(quoted: list[SecurityLabel]) -> None:
    try:
        mark = high_water_mark(DEMO, quoted)
    except LabelError:
        return
    assert all(not_lower(DEMO, mark, each) for each in quoted)


@pytest.mark.parametrize(
    ("quoted", "reason"),
    [
        ([label("SECRET", "UK"), label("SECRET", "FR")], "released to different people"),
        ([label("SECRET", "AURORA"), label("SECRET", "BOREAS")], "another number of choices"),
        ([label("SECRET"), label("UNCLASSIFIED", "EYES")], "not valid under the security policy"),
        ([label("SECRET"), SecurityLabel("1.2.3", 1)], "not valid under the security policy"),
    ],
)
def test_no_label_may_be_high_enough(quoted: list[SecurityLabel], reason: str) -> None:
    with pytest.raises(LabelError, match=reason):
        high_water_mark(DEMO, quoted)


def test_high_water_mark_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        high_water_mark(DEMO, [])


def test_high_water_mark_without_classifications() -> None:
    policy = SecurityPolicy.from_xml(b'<SPIF><securityPolicyId name="T" id="1.2.3"/></SPIF>')
    assert high_water_mark(policy, [SecurityLabel("1.2.3")]) == SecurityLabel("1.2.3")


def test_tag_type_is_part_of_what_a_category_is() -> None:
    disguised = Category(NAMES["UK"].tag_set, TagType.ENUMERATED, NAMES["UK"].value)
    assert not may(label("SECRET", "UK"), Clearance(DEMO.oid, frozenset({4}), (disguised,)))
