"""Mutants of real messages are never accepted where ``openssl cms`` refuses them, but for differences that are explained."""

import shutil

import pytest

from tests.interop.mutants import compare

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")


def test_what_openssl_refuses_is_refused_here(tmp_path):
    """``make mutants`` tries thousands."""
    counts, differences = compare(150, 5652, tmp_path)
    assert [(each.change, each.words) for each in differences if each.explanation is None] == []
    assert counts["accepted by both"] > 0
