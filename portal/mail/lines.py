"""The lines of a list as HTML.

Not in a template: a page has fifty, and as a template they took a third of its time. Whatever is the same for many lines is written once.
"""

from collections.abc import Iterable

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from portal.mail.content import Summary
from portal.mail.selectors import Row
from portal.outbox.models import Precedence
from portal.templatetags.portal import icon, moment

_LINE = """<li class="row{unread}" id="row-{id}">
  {pick}
  <a class="open" href="{url}"{swap}{current}>
    {said}
    <span class="of-row">
      {people}
      <span class="label-of" id="label-of-{id}">{label}</span>
      <span class="when">{when}</span>
    </span>
    <span class="of-row">
      {subject}
      <span class="marks">{marks}</span>
    </span>
  </a>
</li>
"""
_PICK = '<input type="checkbox" name="ids" value="{id}" id="pick-{id}"><label class="unseen" for="pick-{id}">Select {what}</label>'
_SWAP = ' hx-get="{url}" hx-target="#reader" hx-push-url="true" hx-sync="#reader:replace"'
_MESSAGE = _LINE.replace("{pick}", _PICK).replace("{swap}", _SWAP)
_DRAFT = _LINE.replace("{pick}", "").replace("{swap}", "")  # a page of its own, and not moved to the bin
_PEOPLE = '<span class="people"><bdi>{}</bdi></span>'
_SUBJECT = '<span class="subject"><bdi>{}</bdi></span>'
_NO_PEOPLE = mark_safe('<span class="people grey"><span class="unseen">Not shown yet</span></span>')
_NO_SUBJECT = mark_safe('<span class="subject grey"></span>')
_UNREAD = mark_safe('<span class="unseen">Unread. </span>')
_CURRENT = mark_safe(' aria-current="true"')
_PRECEDENCE = '<span class="precedence{}">{}</span>'
_MARK = '<span title="{words}">{icon}<span class="unseen">{words}</span></span>'
_RECEIPT = format_html(_MARK, words="Receipt wanted", icon=icon("receipt"))
_ATTACHMENTS = format_html(_MARK, words="Has attachments", icon=icon("clip"))


def lines(rows: Iterable[Row], folder: str, opened: str = "") -> SafeString:
    """`opened` is the id of the message that is shown beside the list."""
    place, labels, is_draft = reverse("mail:folder", args=[folder]), _Labels(), folder == "drafts"
    line = _DRAFT if is_draft else _MESSAGE
    written = [
        line.format(
            id=row.id,
            url=reverse("mail:draft", args=[row.id]) if is_draft else f"{place}{row.id}/",
            unread=" unread" if row.unread else "",
            said=_UNREAD if row.unread else "",
            current=_CURRENT if row.id == opened else "",
            label=labels.of(row),
            when=moment(row.at),
            marks=_marks(row),
            **_words(row.summary),
        )
        for row in rows
    ]
    return mark_safe("".join(written))  # noqa: S308 - each is safe


class _Labels(dict[tuple[str, bool], str]):
    """Each label of a page, written once."""

    def of(self, row: Row) -> str:
        key = (row.label.id if row.label else "", row.provisional)
        if key not in self:
            self[key] = render_to_string("policy/_label.html", {"label": row.label, "provisional": row.provisional})
        return self[key]


def _words(summary: Summary | None) -> dict[str, str]:
    """What somebody has written, escaped here: all else in a line comes from us."""
    if summary is None:
        return {"people": _NO_PEOPLE, "subject": _NO_SUBJECT, "what": "this row"}
    subject = summary.subject or "(no subject)"
    return {
        "people": format_html(_PEOPLE, summary.people or "No recipients yet"),
        "subject": format_html(_SUBJECT, subject),
        "what": escape(subject),
    }


def _marks(row: Row) -> SafeString:
    """What stands after the subject; most lines have nothing there."""
    marks = SafeString("")
    if name := row.precedence_name:
        marks += format_html(_PRECEDENCE, " low" if row.precedence > Precedence.ROUTINE else "", name)
    if row.receipt_wanted:
        marks += _RECEIPT
    if row.summary and row.summary.attachments:
        marks += _ATTACHMENTS
    return marks
