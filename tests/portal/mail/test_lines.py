"""Lines of a list: what somebody has written stands there as text, wherever it stands."""

from datetime import UTC, datetime

import pytest

from portal.mail.content import Summary
from portal.mail.lines import lines
from portal.mail.selectors import Row
from portal.templatetags.portal import moment

HOSTILE = """"'><script>alert(1)</script>&amp;{url}"""
AS_TEXT = "&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;{url}"


def row(summary: Summary | None) -> Row:
    return Row(id="0" * 32, at=datetime(2026, 11, 3, 10, 42, 5, tzinfo=UTC), label=None, summary=summary, unread=True, precedence=4, receipt_wanted=False)


@pytest.mark.parametrize("folder", ["inbox", "drafts"])
def test_subject_and_people_are_text(folder):
    html = str(lines([row(Summary(HOSTILE, HOSTILE, False))], folder))
    assert "<script" not in html
    assert html.count(AS_TEXT) == (3 if folder == "inbox" else 2)  # the subject is also in the words of the box to pick it


def test_a_time_is_in_zulu_for_scripts_and_on_hover():
    html = moment(datetime(2025, 11, 3, 10, 42, 5, tzinfo=UTC))
    assert html == '<time datetime="2025-11-03T10:42:05+00:00" data-form="short" title="2025-11-03 10:42:05Z">3 Nov 2025</time>'
