"""Reading an XML SPIF, and the rules that make a label valid under it (ITU-T X.841, SDN.801)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from secmail.errors import Malformed, Unsupported
from secmail.labels import (
    Category,
    Clearance,
    OtherCategory,
    Rule,
    SecurityLabel,
    SecurityPolicy,
    TagType,
    clearance_marking,
    decide,
    marking,
    read_clearance,
    read_label,
)

PROJECT = Path(__file__).resolve().parents[2]
VECTORS = PROJECT.parent / "shared" / "vectors" / "spif"
DEMO = SecurityPolicy.from_xml((PROJECT / "portal/policy/demo-policy.xml").read_bytes())
NOW = datetime(2026, 1, 1, tzinfo=UTC)

OID, SET, OTHER = "1.3.6.1.4.1.32473.9", "1.3.6.1.4.1.32473.9.1", "1.3.6.1.4.1.32473.8"
IDENTIFIER = f'<securityPolicyId name="Test" id="{OID}"/>'
CLASSES = """<securityClassifications><securityClassification name="LOW" lacv="1" hierarchy="1"/>
  <securityClassification name="HIGH" lacv="9" hierarchy="2"/></securityClassifications>"""


def spif(body: str, attributes: str = "") -> bytes:
    return f"<SPIF {attributes}>{IDENTIFIER}{body}</SPIF>".encode()


def tag_set(body: str) -> str:
    return f"""<securityCategoryTagSets><securityCategoryTagSet name="Set" id="{SET}">{body}</securityCategoryTagSet>
      </securityCategoryTagSets>"""


def tag(body: str, kind: str = 'tagType="restrictive"') -> str:
    return f'<securityCategoryTag name="Tag" {kind}>{body}</securityCategoryTag>'


def with_category(body: str = "", attributes: str = 'name="A" lacv="0"') -> bytes:
    """A policy with LOW and HIGH, and the restrictive categories A (with these rules) and B."""
    return spif(
        CLASSES + tag_set(tag(f'<tagCategory {attributes}>{body}</tagCategory><tagCategory name="B" lacv="1"/>'))
    )


def a_label(*values: int, classification: int | None = 1) -> SecurityLabel:
    return SecurityLabel(OID, classification, None, tuple(Category(SET, TagType.RESTRICTIVE, each) for each in values))


def reason(xml: bytes, label: SecurityLabel) -> str | None:
    return SecurityPolicy.from_xml(xml).invalid_reason(label)


# Reading


def test_demonstration_policy() -> None:
    assert [each.name for each in DEMO.classifications] == [
        "UNCLASSIFIED",
        "RESTRICTED",
        "CONFIDENTIAL",
        "SECRET",
        "TOP SECRET",
    ]
    assert [(tag.name, tag.rule) for tag in DEMO.tags] == [
        ("Caveats", Rule.RESTRICTIVE),
        ("Project", Rule.RESTRICTIVE),
        ("Releasable", Rule.PERMISSIVE),
        ("Handling", Rule.INFORMATIVE),
    ]


def test_namespace_is_optional_and_classifications_are_ordered() -> None:
    body = '<securityClassifications><securityClassification name="B" lacv="1" hierarchy="9"/>'
    body += '<securityClassification name="A" lacv="2" hierarchy="3"/></securityClassifications>'
    for attributes in ("", 'xmlns="http://www.xmlspif.org/spif"'):
        policy = SecurityPolicy.from_xml(spif(body, attributes))
        assert [each.name for each in policy.classifications] == ["A", "B"]


def test_foreign_namespaces_and_comments_are_extensions() -> None:
    assert (
        SecurityPolicy.from_xml(spif('<x:y xmlns:x="urn:x"/><!-- c --><?pi?><extensions><any/></extensions>')).name
        == "Test"
    )


@pytest.mark.parametrize(
    ("xml", "where"),
    [
        (b"<SPIF>\n  <securityPolicyId", "line 2, column 20"),
        (b"<SPIF>\n</SPAF>", "line 2, column 8"),
        (b"", "line"),
        (b"<!DOCTYPE SPIF SYSTEM 'http://x/y.dtd'><SPIF/>", "document type"),
        (b"<!DOCTYPE SPIF [<!ENTITY a 'x'>]><SPIF>&a;</SPIF>", "document type"),
        (b"<" * (4 * 1024 * 1024 + 1), "more than 4194304 octets"),
        (b"<spif/>", "is no SPIF"),
        (b"<SPIF xmlns='urn:x'/>", "unknown namespace"),
        (b"<SPIF/>", "lacks securityPolicyId"),
        (b"<SPIF><securityPolicyId name='x'/></SPIF>", "lacks id"),
        (b"<SPIF><securityPolicyId name='x' id='one'/></SPIF>", "wrong id"),
        (spif(IDENTIFIER), "occurs twice"),
        (spif("<securityClassification/>"), "not expected in SPIF"),
        (spif(CLASSES.replace("HIGH", "LOW")), "has a name that is taken"),
        (spif(CLASSES.replace('"9"', '"1"')), "same lacv"),
        (spif(CLASSES.replace('"9"', '"257"')), "wrong lacv"),
        (spif(CLASSES.replace('"9"', '"x"')), "no number"),
        (spif(CLASSES.replace('"9"', '"9" color="mauve"')), "color"),
        (spif(CLASSES.replace('"9"', '"9" obsolete="yes"')), "neither true nor false"),
        (spif("", 'notAfter="tomorrow"'), "no date"),
        (spif("", 'notAfter="2030-01-01T00:00:00"'), "time zone"),
        (spif(tag_set("") .replace("</securityCategoryTagSets>", tag_set("")[25:]).replace('"Set"', '"Two"', 1)), "same id"),
        (spif(tag_set(tag("", 'tagType="enumerated"'))), "unknown tagType"),
        (spif(tag_set(tag("", 'tagType="notApplicable"'))), "unknown tagType"),
        (spif(tag_set(tag('<tagCategory name="A" lacv="5000"/>'))), "wrong lacv"),
        (with_category(attributes='name="A" lacv="1"'), "lacv that is taken"),
        (with_category("<excludedClass>MIDDLE</excludedClass>"), "names no classification"),
        (with_category("<excludedClass>LOW</excludedClass><excludedClass>LOW</excludedClass>"), "twice"),
        (with_category("<excludedClass>LOW<x:y xmlns:x='urn:x'/>HIGH</excludedClass>"), "more than text"),
        (with_category("<excludedCategory tagSetRef='No' tagType='restrictive' lacv='1'/>"), "names no tag set"),
        (with_category("<excludedCategory tagSetRef='Set' tagType='permissive' lacv='1'/>"), "not defined"),
        (with_category("<excludedCategory tagSetRef='Set' tagType='restrictive' lacv='7'/>"), "not defined"),
        (with_category("<excludedCategory tagSetRef='Set' tagType='restrictive'/>"), "lacks lacv"),
        (with_category("<requiredCategory operation='some'/>"), "unknown operation"),
        (with_category("<markingCode phrase='x'/>"), "not expected in tagCategory"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(xml: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        SecurityPolicy.from_xml(xml)


@pytest.mark.parametrize("attribute", ["userInput", "requiredClass", "notBefore", "notAfter"])
def test_rules_that_nobody_enforces_are_refused(attribute: str) -> None:
    with pytest.raises(Unsupported, match=attribute):
        SecurityPolicy.from_xml(with_category(attributes=f'name="A" lacv="0" {attribute}="x"'))


def test_entities_do_not_multiply() -> None:
    entities = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(12))
    with pytest.raises(Malformed):
        SecurityPolicy.from_xml(f'<!DOCTYPE x [<!ENTITY a0 "x">{entities}]><SPIF a="&a12;"/>'.encode())


def test_colours_are_hexadecimal() -> None:
    classes = CLASSES.replace('lacv="1"', 'lacv="1" color="Orange"').replace('lacv="9"', 'lacv="9" color="#AABBCC"')
    assert [each.colour for each in SecurityPolicy.from_xml(spif(classes)).classifications] == ["#ffa500", "#aabbcc"]


# Valid labels


def test_label_of_another_policy_is_not_valid() -> None:
    assert DEMO.invalid_reason(a_label()) == "the label belongs to another security policy"


def test_classification_is_needed_and_known() -> None:
    assert reason(with_category(), a_label()) is None
    assert reason(with_category(), a_label(classification=None)) == "the label has no classification"
    assert reason(with_category(), a_label(classification=2)) == "the classification is unknown"


def test_policy_without_classifications_has_labels_without() -> None:
    """X.841: securityClassifications is OPTIONAL in a SPIF."""
    xml = spif(tag_set(tag('<tagCategory name="A" lacv="0"/>')))
    assert reason(xml, a_label(0, classification=None)) is None
    assert reason(xml, a_label(0)) == "the classification is unknown"


def test_obsolete_values_are_not_valid() -> None:
    assert (
        reason(spif(CLASSES.replace('"9"', '"9" obsolete="true"')), a_label(classification=9))
        == "HIGH is no longer used"
    )
    assert reason(with_category(attributes='name="A" lacv="0" obsolete="1"'), a_label(0)) == "A is no longer used"


def test_unknown_categories_are_not_valid() -> None:
    expected = "the label has a category that the policy Test does not define"
    assert reason(with_category(), a_label(7)) == expected
    assert reason(with_category(), a_label().with_categories([OtherCategory("1.2.3", b"\xa1\x00")])) == expected
    assert reason(with_category(), a_label().with_categories([Category(SET, TagType.PERMISSIVE, 0)])) == expected


def test_excluded_class() -> None:
    xml = with_category("<excludedClass>LOW</excludedClass>")
    assert reason(xml, a_label(0)) == "A may not be used with LOW"
    assert reason(xml, a_label(0, classification=9)) is None


@pytest.mark.parametrize("which", ['lacv="1"', 'all="true"'])
def test_excluded_category(which: str) -> None:
    xml = with_category(f'<excludedCategory tagSetRef="Set" tagType="restrictive" {which}/>')
    assert "A may not be used with" in (reason(xml, a_label(0, 1)) or "")


def test_other_tag_type_is_not_excluded() -> None:
    body = tag(
        '<tagCategory name="A" lacv="0"><excludedCategory tagSetRef="Set" tagType="permissive" all="true"/></tagCategory>'
    )
    body += tag('<tagCategory name="P" lacv="0"/>', 'tagType="permissive"')
    xml = spif(CLASSES + tag_set(body))
    assert reason(xml, a_label(0)) is None
    assert reason(xml, a_label(0).with_categories((*a_label(0).categories, Category(SET, TagType.PERMISSIVE, 0))))


@pytest.mark.parametrize(
    ("operation", "valid"),
    [("onlyOne", {(1,), (2,)}), ("oneOrMore", {(1,), (2,), (1, 2)}), ("all", {(1, 2)})],
)
@pytest.mark.parametrize("beside", [(), (1,), (2,), (1, 2)])
def test_required_categories(operation: str, valid: set[tuple[int, ...]], beside: tuple[int, ...]) -> None:
    """OptionalCategoryGroup: onlyOne, oneOrMore or all of the group have to be there, for a category as for a class."""
    group = f'<requiredCategory operation="{operation}">' + "".join(
        f'<categoryGroup tagSetRef="Set" tagType="restrictive" lacv="{each}"/>' for each in (1, 2)
    )
    group += "</requiredCategory>"
    rest = '<tagCategory name="B" lacv="1"/><tagCategory name="C" lacv="2"/>'
    for_a = spif(CLASSES + tag_set(tag(f'<tagCategory name="A" lacv="0">{group}</tagCategory>{rest}')))
    for_low = spif(CLASSES.replace("/>", f">{group}</securityClassification>", 1) + tag_set(tag(rest)))
    assert (reason(for_a, a_label(0, *beside)) is None) == (beside in valid)
    assert (reason(for_low, a_label(*beside)) is None) == (beside in valid)


@pytest.mark.parametrize(
    ("attributes", "valid"),
    [
        ('singleSelection="true"', {0, 1}),
        ('maxSelection="1"', {0, 1}),
        ('minSelection="1" maxSelection="unbounded"', {1, 2}),
        ("", {0, 1, 2}),
    ],
)
def test_number_of_choices(attributes: str, valid: set[int]) -> None:
    body = '<tagCategory name="A" lacv="0"/><tagCategory name="B" lacv="1"/>'
    xml = spif(CLASSES + tag_set(tag(body, f'tagType="restrictive" {attributes}')))
    assert {count for count in range(3) if reason(xml, a_label(*range(count))) is None} == valid


def test_validity_of_the_policy_includes_both_ends() -> None:
    xml = spif("", 'notBefore="2025-01-01T00:00:00Z" notAfter="2026-01-01T00:00:00Z"')
    policy = SecurityPolicy.from_xml(xml)
    assert policy.in_force(NOW)
    assert not policy.in_force(NOW.replace(day=2))
    assert not policy.in_force(NOW.replace(year=2024))


# Equivalent policies


def equivalences(classification: str = "", category: str = "") -> SecurityPolicy:
    policies = f'<equivalentPolicies><equivalentPolicy name="Other" id="{OTHER}"/></equivalentPolicies>'
    classes = CLASSES.replace("/>", f">{classification}</securityClassification>", 1)
    sets = tag_set(tag(f'<tagCategory name="A" lacv="0">{category}</tagCategory><tagCategory name="B" lacv="1"/>'))
    return SecurityPolicy.from_xml(spif(policies + classes + sets))


CLASS_5 = '<equivalentClassification policyRef="Other" lacv="5" applied="{}"/>'
CATEGORY_7 = (
    f'<equivalentSecCategoryTag policyRef="Other" tagSetId="{OTHER}.1" tagType="permissive" lacv="7" applied="{{}}"/>'
)
THEIRS = SecurityLabel(OTHER, 5, "mark", (Category(f"{OTHER}.1", TagType.PERMISSIVE, 7),))


@pytest.mark.parametrize(("applied", "translated"), [("decrypt", True), ("both", True), ("encrypt", False)])
def test_equivalences_have_a_direction(applied: str, translated: bool) -> None:
    """Applied: encrypt(0), decrypt(1), both(2). Only the last two translate what comes in."""
    policy = equivalences(CLASS_5.format(applied), CATEGORY_7.format(applied))
    ours = SecurityLabel(OID, 1, "mark", (Category(SET, TagType.RESTRICTIVE, 0),))
    assert policy.translated(THEIRS) == (ours if translated else None)


def test_own_labels_need_no_equivalence() -> None:
    assert equivalences().translated(a_label(5)) == a_label(5)


def test_everything_on_a_label_needs_an_equivalent() -> None:
    policy = equivalences(CLASS_5.format("both"))
    assert policy.translated(THEIRS) is None
    assert policy.translated(THEIRS.with_categories([])) is not None
    assert policy.translated(THEIRS.with_categories([OtherCategory("1.2.3", b"\xa1\x00")])) is None
    assert policy.translated(SecurityLabel(OTHER, 6)) is None
    assert policy.translated(SecurityLabel(OTHER)) is None


def test_equivalences_with_conditions_do_not_translate() -> None:
    condition = CLASS_5.format("both").replace("/>", '><requiredCategory operation="all"/></equivalentClassification>')
    assert equivalences(condition).equivalent_classifications == {}
    discard = CATEGORY_7.format("both").replace("/>", ' action="discard"/>')
    assert equivalences(category=discard).equivalent_categories == {}


@pytest.mark.parametrize(
    ("classification", "category", "complaint"),
    [
        (CLASS_5.format("sometimes"), "", "neither encrypt"),
        (CLASS_5.format("both").replace("Other", "Third"), "", "names no equivalent policy"),
        ("", CATEGORY_7.format("both").replace('"7"', '"-"'), "no number"),
        (CLASS_5.format("both") + "</securityClassification>" + '<securityClassification name="MID" lacv="2" hierarchy="0">'
            + CLASS_5.format("both"), "", "equivalent to two classifications"),
        ("", CATEGORY_7.format("both") + '</tagCategory><tagCategory name="C" lacv="2">' + CATEGORY_7.format("both"),
            "equivalent to two categories"),
    ],
)  # fmt: skip
def test_wrong_equivalences_are_refused(classification: str, category: str, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        equivalences(classification, category)


# The published vectors of spiffing


def vector(name: str) -> bytes:
    if not VECTORS.exists():
        pytest.skip("the vectors are not beside the project")
    return (VECTORS / name).read_bytes()


def published_tests() -> list[tuple[str, dict[str, str]]]:
    """(policy, attributes of the test) for every test of tests.xml."""
    if not VECTORS.exists():
        return []
    sequences = etree.fromstring((VECTORS / "tests.xml").read_bytes()).iter("sequence")
    return [
        (str(sequence[0].get("spif")), {str(k): str(v) for k, v in test.attrib.items()})
        for sequence in sequences
        for test in sequence.iter("test")
    ]


def test_every_published_test_is_there() -> None:
    vector("tests.xml")
    assert len(published_tests()) == 7


@pytest.mark.parametrize(("policy_name", "expected"), published_tests())
def test_published_tests(policy_name: str, expected: dict[str, str]) -> None:
    """Validity, markings and decisions are those of tests.xml, in the XML form and in DER."""
    policy = SecurityPolicy.from_xml(vector(policy_name))
    label = read_label(vector(expected["label"]))
    assert read_label(label.to_der()) == label
    if "exception" in expected:
        assert expected["exception"] == f"Unknown policy id: {label.policy}"
        assert policy.translated(label) is None
        assert not decide(label, Clearance(policy.oid), policy, NOW)
        return
    assert (policy.invalid_reason(label) is None) == (expected["valid"] == "true")
    if "label-marking" in expected:
        assert marking(label, policy) == expected["label-marking"]
    if "clearance" in expected:
        clearance = read_clearance(vector(expected["clearance"]))
        assert read_clearance(clearance.to_der()) == clearance
        assert decide(label, clearance, policy, NOW).granted == (expected["acdf-result"] == "1")
        assert clearance_marking(clearance, policy) == expected.get(
            "clearance-marking", clearance_marking(clearance, policy)
        )


def test_published_label_of_an_unknown_policy() -> None:
    label = read_label(vector("stupid-label.ber"))
    assert label == SecurityLabel("1.1", 51, "VAGUELY SECRET")
    assert SecurityPolicy.from_xml(vector("food-policy.xml")).translated(label) is None


def test_published_policy_that_is_not_well_formed() -> None:
    with pytest.raises(Malformed, match="line 81, column 28"):
        SecurityPolicy.from_xml(vector("food-policy-as-published.xml"))


def test_published_policy_with_mistakes() -> None:
    xml = vector("food-policy-borked.xml")
    with pytest.raises(Malformed, match="markingCode is not expected"):
        SecurityPolicy.from_xml(xml)
    with pytest.raises(Malformed, match="names a classification twice"):
        SecurityPolicy.from_xml(
            xml.replace(b"markingCode phrase", b"markingData phrase").replace(b"/markingCode", b"/markingData")
        )


def test_published_policy_with_equivalences() -> None:
    policy = SecurityPolicy.from_xml(vector("tlp.xml"))
    assert policy.translated(SecurityLabel("1.2.826.0.1.6726289.0.1", 12)) == SecurityLabel(policy.oid, 12)
    assert marking(SecurityLabel(policy.oid, 12), policy) == "TLP:AMBER"
