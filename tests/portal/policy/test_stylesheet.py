"""The colours of a policy: in a style sheet of their own, kept for ever, readable in any colour."""

import re

import pytest

from portal.audit.services import SYSTEM
from portal.policy import engine, selectors, services, stylesheet
from tests.portal.policy.conftest import DEMO, SECRET

RULE = re.compile(r"\.label-\d+-\d+\{background-color:(#[0-9a-f]{6});color:(#[0-9a-f]{6})\}")


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return sum(
        weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
        for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
    )


def sheet():
    return stylesheet.policy_stylesheet(stylesheet.stylesheet_version(selectors.active_policy_id()))


def test_each_classification_has_a_rule_and_nothing_else_is_in_it(policy):
    lines = sheet().splitlines()
    assert len(lines) == 5
    assert all(RULE.fullmatch(line) for line in lines)
    assert f".label-{policy.version}-{SECRET}{{background-color:#b3261e;" in sheet()


@pytest.mark.parametrize(
    "colour", ["#000000", "#ffffff", "#777777", "#808080", "#ff0000", "gold", "#b3261e", "#7f7f00"]
)
def test_the_text_has_a_contrast_of_at_least_4_5(db, colour):
    services.activate_policy(actor=SYSTEM, xml=DEMO.replace(b"#b3261e", colour.encode()))
    for background, text in RULE.findall(sheet()):
        low, high = sorted((luminance(background), luminance(text)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_colour_that_is_none_never_reaches_the_style_sheet(policy, monkeypatch):
    """The policy is checked when it is read; should that ever let one through, it ends here."""
    spif = engine.spif(policy.id)
    object.__setattr__(spif.classifications[3], "colour", "red}body{display:none")
    try:
        assert len(list(engine.colours(policy.id))) == 4
    finally:
        engine.spif.cache_clear()


def test_the_name_changes_with_the_policy_and_old_names_still_work(policy):
    old = stylesheet.stylesheet_version(selectors.active_policy_id())
    text = sheet()
    services.activate_policy(actor=SYSTEM, xml=DEMO.replace(b"#b3261e", b"#112233"))
    assert stylesheet.stylesheet_version(selectors.active_policy_id()) != old
    assert stylesheet.policy_stylesheet(old) == text
    assert text in sheet()  # labels the new version does not know keep their colour


@pytest.mark.parametrize("name", ["", "1", "99-000000000000", "x-y", "1-wrong", "٣-x", "9" * 30])
def test_other_names_are_absent(policy, name):
    assert stylesheet.policy_stylesheet(name) is None


def test_there_is_none_without_a_policy(db):
    assert stylesheet.stylesheet_version(selectors.active_policy_id()) == ""
