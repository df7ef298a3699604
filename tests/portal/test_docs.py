"""The documents say what is true."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")


def test_every_setting_from_the_environment_is_in_the_operators_guide():
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "portal" / "settings.py").read_text(encoding="utf-8")))
    read -= {"PORTAL_PROCESS"}  # set by the supervisor
    assert {name for name in read if f"`{name}`" not in OPERATOR} == set()


@pytest.mark.parametrize("document", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda path: path.name)
def test_every_local_link_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda path: path.name)
def test_every_make_target_and_command_that_is_named_exists(document):
    from django.core.management import get_commands

    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"^make (\w+)|`make (\w+)`", text, re.M)) <= {(t, "") for t in targets} | {("", t) for t in targets}
    assert set(re.findall(r"manage\.py (\w+)", text)) <= set(get_commands())
