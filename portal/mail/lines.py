"""The lines of a list, ready for their template.

A page has fifty. Whatever can be written once for all of them is, and each is a dict, which a template reads faster than an object:
together that made a page of a folder a third cheaper (docs/decisions/load.md).
"""

from collections.abc import Iterable, Iterator

from django.template.loader import render_to_string
from django.urls import reverse

from portal.mail.selectors import Row
from portal.outbox.models import Precedence
from portal.templatetags.portal import moment


def lines(rows: Iterable[Row], folder: str, opened: str = "") -> Iterator[dict[str, object]]:
    """`opened` is the id of the message that is shown beside the list."""
    place, is_draft = reverse("mail:folder", args=[folder]), folder == "drafts"
    labels: dict[tuple[str, bool], str] = {}
    for row in rows:
        key = (row.label.id if row.label else "", row.provisional)
        if key not in labels:
            labels[key] = render_to_string("policy/_label.html", {"label": row.label, "provisional": row.provisional})
        summary = row.summary
        attachments = summary is not None and summary.attachments
        yield {
            "id": row.id,
            "url": reverse("mail:draft", args=[row.id]) if is_draft else f"{place}{row.id}/",
            "swaps": not is_draft,
            "current": row.id == opened,
            "unread": row.unread,
            "shown": summary is not None,
            "people": (summary and summary.people) or "No recipients yet",
            "subject": (summary and summary.subject) or "(no subject)",
            "label": labels[key],
            "when": moment(row.at),
            "marked": bool(row.precedence_name or row.receipt_wanted or attachments),
            "precedence": row.precedence_name,
            "deferred": row.precedence > Precedence.ROUTINE,
            "receipt_wanted": row.receipt_wanted,
            "attachments": attachments,
        }
