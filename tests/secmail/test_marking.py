"""Markings as the SPIF wants them: phrases, qualifiers and codes of X.841's MarkingData and MarkingQualifier."""

from pathlib import Path

import pytest

from secmail.errors import LabelError
from secmail.labels import (
    Category,
    Clearance,
    OtherCategory,
    SecurityLabel,
    SecurityPolicy,
    TagType,
    clearance_marking,
    colour,
    marking,
    short_marking,
    text_colour,
)

DEMO = SecurityPolicy.from_xml((Path(__file__).resolve().parents[2] / "portal/policy/demo-policy.xml").read_bytes())
NAMES = {each.name: each.category for tag in DEMO.tags for each in tag.categories}
OID, SET = "1.3.6.1.4.1.32473.9", "1.3.6.1.4.1.32473.9.1"


def demo(classification: int, *names: str) -> SecurityLabel:
    return SecurityLabel(DEMO.oid, classification, None, tuple(NAMES[name] for name in names))


def policy(*, root: str = "", classification: str = "", tag: str = "", category: str = "") -> SecurityPolicy:
    """One classification, one tag with categories A (with these markings) and B."""
    return SecurityPolicy.from_xml(
        f"""<SPIF><securityPolicyId name="Policy" id="{OID}"/>{root}
        <securityClassifications><securityClassification name="HIGH" lacv="9" hierarchy="1">{classification}
        </securityClassification></securityClassifications>
        <securityCategoryTagSets><securityCategoryTagSet name="Set" id="{SET}">
        <securityCategoryTag name="Tag" tagType="restrictive">{tag}<tagCategory name="A" lacv="0">{category}</tagCategory>
        <tagCategory name="B" lacv="1"/></securityCategoryTag></securityCategoryTagSet></securityCategoryTagSets>
        </SPIF>""".encode()
    )


def phrase(text: str | None, *codes: str, language: str | None = None) -> str:
    attributes = ("" if text is None else f' phrase="{text}"') + (f' xml:lang="{language}"' if language else "")
    return f"<markingData{attributes}>{''.join(f'<code>{code}</code>' for code in codes)}</markingData>"


def qualifier(code: str, text: str, language: str = "") -> str:
    attribute = f' xml:lang="{language}"' if language else ""
    return (
        f'<markingQualifier><qualifier{attribute} markingQualifier="{text}" qualifierCode="{code}"/></markingQualifier>'
    )


AB = SecurityLabel(OID, 9, None, (Category(SET, TagType.RESTRICTIVE, 0), Category(SET, TagType.RESTRICTIVE, 1)))


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (demo(1), "UNCLASSIFIED"),
        (demo(4, "FR", "UK"), "SECRET · REL TO UK, FR"),
        (demo(5, "LEGAL", "EYES", "NO"), "TOP SECRET · EYES ONLY/LEGAL · REL TO NO"),
        (demo(3, "AURORA", "DRAFT", "BY HAND"), "CONFIDENTIAL · AURORA · DRAFT/BY HAND"),
    ],
)
def test_markings_of_the_demonstration(label: SecurityLabel, expected: str) -> None:
    assert marking(label, DEMO) == expected
    assert short_marking(label, DEMO) == expected.split(" · ", maxsplit=1)[0]


def test_policy_name_classification_and_categories_by_default() -> None:
    assert marking(AB, policy()) == "Policy HIGH A/B"


def test_qualifiers_of_policy_and_tag() -> None:
    root = qualifier("prefix", "[") + qualifier("suffix", "]") + qualifier("separator", "; ")
    tag = qualifier("prefix", "(") + qualifier("suffix", ")") + qualifier("separator", "+")
    assert marking(AB, policy(root=root, tag=tag)) == "[Policy; HIGH; (A+B)]"


@pytest.mark.parametrize(
    ("markings", "expected"),
    [
        (phrase("Alpha"), "Alpha/B"),
        (phrase("Alpha", "pageTop"), "Alpha/B"),
        (phrase("Alpha", "documentEnd"), "A/B"),
        (phrase("End", "documentEnd") + phrase("Alpha", "pageBottom"), "Alpha/B"),
        (phrase(None, "pageTopBottom"), "A/B"),
        (phrase("Alpha", "noMarkingDisplay"), "A/B"),
        (phrase(None, "noNameDisplay"), "B"),
        (phrase("", "pageTop"), "B"),
    ],
)
def test_phrases_of_a_category(markings: str, expected: str) -> None:
    assert marking(AB, policy(category=markings)) == f"Policy HIGH {expected}"


def test_phrases_of_the_tag_are_for_categories_without_their_own() -> None:
    hidden = phrase(None, "noNameDisplay")
    assert marking(AB, policy(tag=hidden)) == "Policy HIGH"
    assert marking(AB, policy(tag=hidden, category=phrase("Alpha"))) == "Policy HIGH Alpha"


def test_suppressed_class_name() -> None:
    assert marking(AB, policy(category=phrase(None, "suppressClassName"))) == "Policy A/B"
    assert short_marking(AB, policy(category=phrase(None, "suppressClassName"))) == "HIGH"


def test_replaced_policy_name() -> None:
    cosmic = phrase("COSMIC", "replacePolicy")
    assert marking(AB, policy(root=cosmic)) == "COSMIC HIGH A/B"
    assert marking(AB, policy(classification=cosmic)) == "COSMIC HIGH A/B"
    assert marking(AB, policy(category=cosmic)) == "COSMIC HIGH A/B"
    assert marking(AB, policy(root=phrase(None, "replacePolicy"), category=cosmic)) == "HIGH A/B"
    assert marking(AB, policy(root=phrase(None, "noNameDisplay"))) == "HIGH A/B"


def test_language() -> None:
    """A phrase of the language asked for, otherwise one of no language, otherwise the name."""
    french = phrase("HAUT", "pageTop", language="fr")
    both = policy(classification=phrase("TOP", "pageTop") + french, tag=qualifier("separator", " et ", "fr"))
    assert marking(AB, both, "fr") == "Policy HAUT A et B"
    assert marking(AB, both, "no") == "Policy TOP A/B"
    assert marking(AB, policy(classification=french), "no") == "Policy HIGH A/B"


def test_short_marking() -> None:
    assert short_marking(AB, policy(classification=phrase("VERY HIGH", "pageTop"))) == "VERY HIGH"
    assert short_marking(AB, policy(classification=phrase("H", "portionMarking"))) == "H"
    assert short_marking(AB, policy(classification=phrase(None, "portionMarking"))) == "HIGH"
    assert short_marking(AB, policy(classification=phrase(None, "noNameDisplay"))) == "HIGH"


def test_label_without_classification() -> None:
    unclassified = SecurityPolicy.from_xml(f'<SPIF><securityPolicyId name="Policy" id="{OID}"/></SPIF>'.encode())
    label = SecurityLabel(OID)
    assert (marking(label, unclassified), short_marking(label, unclassified)) == ("Policy", "Policy")
    assert colour(label, unclassified) is None


def test_clearance_marking() -> None:
    held = Clearance(
        DEMO.oid, frozenset({1, 4, 99}), (NAMES["UK"], NAMES["NO"], Category("1.2.3", TagType.PERMISSIVE, 1))
    )
    assert clearance_marking(held, DEMO) == "{UNCLASSIFIED|SECRET} · REL TO UK, NO"
    with pytest.raises(LabelError):
        clearance_marking(Clearance("1.2.3"), DEMO)


@pytest.mark.parametrize(
    "label",
    [SecurityLabel("1.2.3", 1), demo(9), demo(1).with_categories([OtherCategory("1.2.3", b"\xa1\x00")])],
)
def test_no_marking_for_what_the_policy_does_not_know(label: SecurityLabel) -> None:
    for mark in (marking, short_marking, colour):
        with pytest.raises(LabelError):
            mark(label, DEMO)


def test_equivalent_labels_get_our_marking() -> None:
    both = '<equivalentClassification policyRef="Other" lacv="3" applied="both"/>'
    root = '<equivalentPolicies><equivalentPolicy name="Other" id="1.2.3"/></equivalentPolicies>'
    assert marking(SecurityLabel("1.2.3", 3), policy(root=root, classification=both)) == "Policy HIGH"


def test_colour_is_that_of_the_classification() -> None:
    assert colour(demo(4, "UK"), DEMO) == "#b3261e"


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        ("#ffffff", "#000000"),
        ("#000000", "#ffffff"),
        ("#ffd700", "#000000"),
        ("#b3261e", "#ffffff"),
        ("#767676", "#000000"),
    ],
)
def test_text_is_readable_on_any_colour(background: str, expected: str) -> None:
    assert text_colour(background) == expected


def test_text_of_the_demonstration_is_white() -> None:
    assert {text_colour(each.colour or "") for each in DEMO.classifications} == {"#ffffff"}


def test_names_of_categories_contain_no_header_words() -> None:
    """Pages are searched for such words in tests; a category must not look like one."""
    assert not [name for name in NAMES if any(word in name.lower() for word in ("to", "subject", "message"))]
