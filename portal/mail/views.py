"""Reading: folders, messages, what hangs on them. Writing is in `compose_views`."""

import re
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, urlencode
from django.views.decorators.http import require_GET, require_POST, require_safe

from portal import errors
from portal.keys import objects
from portal.keys.middleware import in_background, signed_in
from portal.mail import selectors, services
from portal.mail.lines import lines
from portal.outbox.calls import TimedOut, Unavailable

FOLDERS = {
    "inbox": ("Inbox", "Nothing here. Mail for you arrives by itself."),
    "drafts": ("Drafts", "No drafts. What you write is saved here by itself."),
    "sent": ("Sent", "Nothing sent yet."),
    "bin": ("Bin", "The bin is empty."),
}
MOST_TRIES = 5
NOT_IN_A_FILE_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\u202a-\u202e\u2066-\u2069]")


@require_safe
@signed_in
def folder(request: HttpRequest, folder: str) -> HttpResponse:
    """A page of a folder; a script gets the rows alone."""
    before = request.GET.get("before", "")
    if request.headers.get("HX-Request"):
        context = {"folder": folder, "before": before, "again": "again" in request.GET}
        listing = selectors.folder_page(request.vault, folder, before)
        return render(request, "mail/_rows.html", context | {"listing": listing, "lines": lines(listing.rows, folder)})
    moved = request.GET.get("moved", "")
    context = _listing(request, folder, before) | {"moved": int(moved) if moved.isdecimal() else None}
    return render(request, "mail/folder.html", context)


@in_background
@require_safe
@signed_in
def new_since(request: HttpRequest, folder: str) -> HttpResponse:
    """What polling asks: 304 as long as nothing changed, else the number of unread and the first rows."""
    box, with_rows = selectors.Mailbox(request.user), "rows" in request.GET
    etag = f'"{_state(box, box.digest(folder) if with_rows else "")}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    listing = selectors.folder_page(request.vault, folder, box=box) if with_rows else None
    context = {"folder": folder, "listing": listing, "unread": box.unread}
    context["lines"] = lines(listing.rows, folder) if listing else ""
    response = render(request, "mail/_new.html", context)
    if listing is None or not listing.summaries_missing:
        response.headers["ETag"] = etag
    return response


@require_safe
@signed_in
def message(request: HttpRequest, folder: str, delivery_id: str) -> HttpResponse:
    """A message beside its list. A script gets the message alone; while a large one opens, a page that asks again."""
    if folder == "drafts":
        return redirect("mail:draft", delivery_id)
    tries = request.GET.get("try", "")
    tries_so_far = int(tries) if tries.isdecimal() and len(tries) < 4 else 0
    request.mailbox = selectors.Mailbox(request.user)
    large = selectors.is_large(request.mailbox, delivery_id)
    piece = bool(request.headers.get("HX-Request"))
    if large and not tries_so_far:  # the page first, then the wait
        return _not_yet(request, folder, delivery_id, "large", tries_so_far)
    try:
        opened = selectors.open_message(request.vault, request.actor, delivery_id, patient=large)
    except (Unavailable, TimedOut) as error:
        trouble = "away" if isinstance(error, Unavailable) else "slow"
        return _not_yet(request, folder, delivery_id, trouble, tries_so_far)
    if opened is None:
        return errors.absent(request)
    if opened.unread:
        services.mark_read(request.user, delivery_id)
    context = {"opened": opened, "marking": opened.label, "piece": piece}
    if piece:
        return render(request, "mail/_message.html", context | _places(folder))
    return render(request, "mail/folder.html", _listing(request, folder, opened=opened.id) | context)


def _not_yet(request: HttpRequest, folder: str, delivery_id: str, trouble: str, tries_so_far: int) -> HttpResponse:
    """In the message's place, while it can't be shown yet: why, and a page that asks again by itself or by a link."""
    url = reverse("mail:message", args=[folder, delivery_id])
    context = {
        "trouble": trouble,
        "asks_again": tries_so_far < MOST_TRIES,
        "again_url": f"{url}?try={tries_so_far + 1}",
    }
    if request.headers.get("HX-Request"):
        return render(request, "mail/_not_yet.html", context)
    return render(request, "mail/folder.html", _listing(request, folder) | context)


@require_safe
@signed_in
def readers(request: HttpRequest, folder: str, delivery_id: str) -> HttpResponse:
    """Who can read a message: a piece of its page, or a page of its own without scripts."""
    found = selectors.readers(request.user, request.actor, delivery_id)
    if found is None:
        return errors.absent(request)
    template = "mail/_readers.html" if request.headers.get("HX-Request") else "mail/readers.html"
    return render(request, template, {"readers": found, "folder": folder, "delivery_id": delivery_id})


@require_GET
@signed_in
def original(request: HttpRequest, folder: str, delivery_id: str) -> HttpResponseBase:
    """The message as it is stored: signed and encrypted, as any S/MIME program reads it."""
    found = selectors.original(request.user, request.actor, delivery_id)
    if found is None:
        return errors.absent(request)
    object_name, size = found
    return _download(objects.stream(object_name), f"{delivery_id[:8]}.eml", size, "message/rfc822")


@require_GET
@signed_in
def attachment(request: HttpRequest, folder: str, delivery_id: str, number: int) -> HttpResponseBase:
    """One attachment, streamed from the sealed copy that a worker makes of it."""
    found = services.attachment(request.vault, request.actor, delivery_id, number)
    if found is None:
        return errors.absent(request)
    # Never the type that the sender claims: a browser must not show it as a page of the portal.
    return _download(found.chunks, found.name, found.size, "application/octet-stream")


@require_POST
@signed_in
def move(request: HttpRequest, folder: str, delivery_id: str) -> HttpResponse:
    return _moved(request, folder, [delivery_id])


@require_POST
@signed_in
def move_selected(request: HttpRequest, folder: str) -> HttpResponse:
    return _moved(request, folder, request.POST.getlist("ids"))


def _moved(request: HttpRequest, folder: str, ids: list[str]) -> HttpResponse:
    if not ids:
        return redirect("mail:folder", folder)
    moved = services.move(request.user, request.actor, ids, request.POST.get("folder", ""))
    if not moved:
        return errors.absent(request)
    return redirect(f"{reverse('mail:folder', args=[folder])}?{urlencode({'moved': moved})}")


def _listing(request: HttpRequest, folder: str, before: str = "", opened: str = "") -> dict[str, object]:
    """What the list beside a message needs. Asked anew: opening a message may just have shown another label inside."""
    box = request.mailbox = selectors.Mailbox(request.user)
    listing = selectors.folder_page(request.vault, folder, before, box=box)
    name, empty = FOLDERS[folder]
    return {
        "listing": listing,
        "lines": lines(listing.rows, folder, opened),
        "folder_name": name,
        "empty": empty,
        "before": before,
        "state": _state(box, "" if before else listing.digest),
        **_places(folder),
    }


def _state(box: selectors.Mailbox, digest: str) -> str:
    """What polling compares: the number of unread, and the rows where it asks for them."""
    return f"{box.unread}-{digest}"


def _places(folder: str) -> dict[str, object]:
    """The folder, and where its messages can be moved."""
    destinations = {"drafts": [], "bin": [("back", "Move back")]}.get(folder, [("bin", "Move to bin")])
    return {"folder": folder, "destinations": destinations}


def _download(chunks: Iterator[bytes], name: str, size: int, content_type: str) -> StreamingHttpResponse:
    safe_name = NOT_IN_A_FILE_NAME.sub("_", name).strip() or "attachment"
    response = StreamingHttpResponse(chunks, content_type=content_type)
    response.headers["Content-Length"] = str(size)
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=safe_name) or ""
    return response
