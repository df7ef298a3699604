"""The audit pages: rows under a filter, one event with its message's life line, export. They change nothing.

Auditors and administrators look; only auditors take events out. Everybody else meets the page of absent things, and one
event tells about it (signed_in).
"""

from collections.abc import Callable, Iterator

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from portal import errors
from portal.audit import selectors, services
from portal.audit.chart import Chart, chart
from portal.audit.export import as_csv, as_json_lines
from portal.audit.forms import FilterForm
from portal.audit.leaf import rfc3339
from portal.audit.search import Filter
from portal.audit.selectors import Counts, Cursor
from portal.keys.middleware import signed_in

READERS = {"auditor", "administrator"}
FORMATS: dict[str, tuple[str, Callable[..., Iterator[str | bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/jsonl; charset=utf-8", as_json_lines),
}


@require_GET
@signed_in(roles=READERS)
def events(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    if not form.is_valid():
        services.record_view(actor=request.actor, what="a filter that could not be read")
        return render(request, "audit/events.html", _frame(request, form), status=400)
    filter = form.filter()
    after = _read_cursor(request, filter)
    page = selectors.page(filter, after)
    counts = selectors.hourly(filter)
    drawn = chart(counts.by_hour)
    context = _frame(request, form) | {
        "page": page,
        "first": after is None,
        "chart": drawn,
        "chart_words": _chart_words(drawn, counts) if drawn else "",
        "filtered": filter != Filter(),
        "query": urlencode(filter.query()),
        "older": urlencode(filter.query() | {"after": _signed(request, filter, page.next)}) if page.next else "",
    }
    # Written before anything is shown, and after the rows were read: the newest row is not always one's own look.
    if after is None:
        services.record_view(actor=request.actor, what=str(filter), about=filter.user or filter.concerning)
    return render(request, "audit/events.html", context)


@require_GET
@signed_in(roles=READERS)
def event(request: HttpRequest, id: str) -> HttpResponse:
    found = selectors.event(id)
    life_line = selectors.life_line(found.correlation) if found and found.correlation else None
    services.record_event_view(actor=request.actor, id=id, found=found is not None)
    if found is None:
        return errors.absent(request)
    context = {
        "event": found,
        "when_exactly": rfc3339(found.at),
        "life_line": life_line,
        "leaf": found.leaf.decode(),
    }
    return render(request, "audit/event.html", context)


@require_GET
@signed_in(roles={"auditor"})
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    asked = FilterForm(request.GET)
    if not asked.is_valid():
        services.record_view(actor=request.actor, what="a filter that could not be read")
        return render(request, "audit/events.html", _frame(request, asked), status=400)
    filter, (content_type, lines) = asked.filter(), FORMATS[form]
    until = timezone.now()
    services.record_export(actor=request.actor, what=str(filter), form=form, about=filter.user or filter.concerning)
    response = StreamingHttpResponse(lines(selectors.export(filter, until)), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{until:%Y%m%dT%H%M%SZ}.{form}"'
    return response


def _frame(request: HttpRequest, form: FilterForm) -> dict[str, object]:
    return {
        "form": form,
        "names": selectors.distinct("name"),
        "total_words": _events(selectors.total(timezone.now())),
        "may_export": request.user.has_role("auditor"),
    }


def _events(number: int) -> str:
    return "1 event" if number == 1 else f"{number:,} events"


def _chart_words(drawn: Chart, counts: Counts) -> str:
    """The chart in a sentence: how many rows the filter leaves, and how they lie."""
    if counts.complete:
        matching = f"{_events(drawn.total)} match{'es' if drawn.total == 1 else ''}."
    else:
        matching = f"At least {_events(drawn.total)} match; those before {drawn.start:%Y-%m-%d %H:%M}Z are not counted."
    return f"{matching} Drawn per {drawn.step}, at most {drawn.highest:,} in one."


def _salt(request: HttpRequest, filter: Filter) -> str:
    """A cursor counts only for the person, session and filter whose first page was recorded: no page without its event."""
    return f"audit cursor {request.actor.person} {request.actor.session} {urlencode(filter.query())}"


def _signed(request: HttpRequest, filter: Filter, cursor: Cursor) -> str:
    return signing.dumps([cursor.at, cursor.id], salt=_salt(request, filter))


def _read_cursor(request: HttpRequest, filter: Filter) -> Cursor | None:
    """The cursor of the request; one that does not count is as none: the first page, which is recorded."""
    try:
        return Cursor(*signing.loads(request.GET.get("after", ""), salt=_salt(request, filter)))
    except signing.BadSignature:
        return None
