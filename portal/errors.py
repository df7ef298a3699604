"""Failures as pages: what happened, what was kept, what to do, and a reference that the operator finds in the log.

Absent and not permitted are ONE page (`absent`): nobody learns from a refusal that something exists.
"""

import contextlib
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse

from portal.outbox.calls import Failed, TimedOut, Unavailable

log = structlog.get_logger(__name__)

Answer = Callable[[HttpRequest, Exception], HttpResponse]
GetResponse = Callable[[HttpRequest], HttpResponseBase]
# What a form adds around a message of the largest size: boundaries, field names, the token.
FORM_OVERHEAD = 1_000_000
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110 section 9.2.1: nobody asked for a change
# A browser shows an answer only after it has sent everything, so a body that is too large is read and thrown away.
# Beyond this many times the limit the connection is simply closed.
DRAINED = 8
IN_DRAFTS = "What was saved before is in Drafts."


@dataclass(frozen=True)
class Failure:
    """One kind of failure in plain words. ``action`` is (URL name, text) of the way out."""

    status: int
    title: str
    happened: str
    kept: str = ""
    do: str = ""
    action: tuple[str, str] = ("mail:folder inbox", "Back to your mail")


ABSENT = Failure(
    404,
    "Nothing here",
    "There is nothing at this address that you can see. It may never have existed, it may have been removed, or it may"
    " not be for you; the portal does not tell which.",
    do="Check the address, or start from your inbox.",
)
WRONG_METHOD = Failure(405, "That cannot be done here", "This address does not take that kind of request.", IN_DRAFTS)
BAD_REQUEST = Failure(
    400, "That request could not be read", "Your browser sent something that the portal does not understand.", IN_DRAFTS,
    "Go back, reload the page and try again.",
)  # fmt: skip
TOO_MANY = Failure(
    400, "Too much at once", "That form held more fields or files than the portal takes in one go.", IN_DRAFTS,
    "Go back and send fewer files at once; each can be attached by itself.",
)  # fmt: skip
TEXT_TOO_LARGE = Failure(
    413, "The text is too long", "The text of a message may have {text_limit}. Nothing was sent.", IN_DRAFTS,
    "Go back, put the long part into a file and attach it.",
)  # fmt: skip
TOO_LARGE = Failure(
    413, "That is too large",
    "Your browser sent {size}; a message may have {limit}, attachments included. Nothing was sent.", IN_DRAFTS,
    "Go back and take out the largest attachment, or send it in parts.",
)  # fmt: skip
DRAFTS_FULL = Failure(
    413, "Your drafts hold too much", "The files in this message were not copied: those that wait in your drafts already have the size that they may"
    " have together.", "The message and your drafts are as they were.", "Send or delete drafts with large files, then forward it again.",
    ("mail:folder drafts", "Go to Drafts"),
)  # fmt: skip
STALE_FORM = Failure(
    403, "This page was open for too long",
    "The portal could not make sure that this request came from a page of its own: it was opened before you last signed"
    " in, or your browser does not keep cookies. Nothing was changed.", IN_DRAFTS,
    "Go back, reload the page and do it again.",
)  # fmt: skip
REFUSED = Failure(403, "That was refused", "The portal did not do what was asked. Nothing was changed.", IN_DRAFTS)
SERVER_ERROR = Failure(
    500, "Something went wrong",
    "This is the portal's fault, not yours.", "What was accepted before is kept and goes on by itself. " + IN_DRAFTS,
    "Try again. If it happens again, give the reference below to your operator.",
)  # fmt: skip
AWAY = Failure(
    503, "The part that opens messages is not answering",
    "The portal can show pages but cannot open, sign or unlock anything just now.",
    "Nothing is lost: messages that were accepted go out by themselves. " + IN_DRAFTS,
    "Try again in a moment. If it stays like this, give the reference below to your operator.",
)  # fmt: skip
SLOW = replace(
    AWAY, status=504, title="That takes longer than usual",
    happened="The part of the portal that opens messages is busy and did not answer in time.",
)  # fmt: skip
BUSY = replace(
    SERVER_ERROR, status=503, title="The database is busy",
    happened="The portal can't use its database just now. This is not your fault.",
    kept="Messages that were accepted are kept and go out by themselves. " + IN_DRAFTS,
    do="Reload the page in a moment. If it stays like this, give the reference below to your operator.",
)  # fmt: skip
BUSY_CHANGING = replace(
    BUSY, happened="The portal can't use its database just now, so what you did last may not be saved. This is not your fault.",
    do="Go back and try again in a moment. If it stays like this, give the reference below to your operator.",
)  # fmt: skip
OTHER = Failure(
    400, "That did not work", "The portal could not do what was asked.", IN_DRAFTS, "Go back and try again."
)
BY_STATUS = {f.status: f for f in (ABSENT, WRONG_METHOD, BAD_REQUEST, REFUSED, SERVER_ERROR, AWAY, SLOW)}


def absent(request: HttpRequest) -> HttpResponse:
    """The page for what does not exist and for what this person may not see: equal but for the reference."""
    return page(request, ABSENT)


def page(request: HttpRequest, failure: Failure, *, cause: str = "") -> HttpResponse:
    """`failure` as a page, or as a notice where a script asked for a piece of a page. `cause` goes into the log only."""
    reference = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
    level = log.error if failure.status >= 500 else log.info
    level(
        "error_page", reference=reference, status=failure.status, method=request.method, path=request.path, cause=cause
    )
    url_name, text = failure.action
    context = {
        "failure": failure,
        "reference": reference,
        "action": {"url": reverse(url_name.split()[0], args=url_name.split()[1:]), "text": text},
        "error_page": True,  # no entry of the navigation is current: it would tell where the address leads
    }
    piece = bool(request.headers.get("HX-Request") or request.headers.get("X-Requested-With"))
    template = "_error.html" if piece else "error.html"
    # A failing database must not make the page about it fail: only pages of requests that went well so far have the
    # full frame.
    with_frame = failure.status < 500 and hasattr(request, "vault")
    response = HttpResponse(render_to_string(template, context, request if with_frame else None), status=failure.status)
    response.headers["Cache-Control"] = "no-store"
    response.explained = True
    return response


def _as_page(failure: Failure) -> Answer:
    return lambda request, exception: page(request, failure, cause=f"{type(exception).__name__} {exception}".strip())


away, slow = _as_page(AWAY), _as_page(SLOW)
# What an exception of a view looks like. Apps further right add theirs: this module imports none of them.
ANSWERS: dict[type[Exception], Answer] = {Unavailable: away, TimedOut: slow, Failed: _as_page(SERVER_ERROR)}


class ErrorPages:
    """Gives every failure without words a page, and worker trouble that a view does not handle its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # 401 has no words on purpose: the script opens the dialog.
        if response.status_code < 400 or response.status_code == 401 or not isinstance(response, HttpResponse):
            return response
        if response.content or getattr(response, "explained", False):
            return response
        explained = page(request, BY_STATUS.get(response.status_code, OTHER))
        response.content = explained.content  # in place: keeps the headers that were set on the way out
        response.headers["Content-Type"] = explained.headers["Content-Type"]
        response.headers["Content-Length"] = str(len(explained.content))
        return response

    def process_view(self, request: HttpRequest, *args: object) -> HttpResponse | None:
        """The scripts of a page say whose it is: nobody's text is saved as somebody else's.

        Two people may use one browser: the second signs in in another tab while the first one's page is still open.
        For that page the session is over: its dialog asks for the first one's password.
        """
        owner = request.headers.get("X-Portal-Person", "")
        if owner and getattr(request, "vault", None) is not None and request.user.username != owner:
            return HttpResponse(status=401)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What a call to a worker may raise in any view."""
        for kind, answer in ANSWERS.items():
            if isinstance(exception, kind):
                return answer(request, exception)
        return None


class NoStore:
    """No page is kept by a browser or a proxy; and a body beyond the limit is answered before Django reads it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        size = _content_length(request)
        limit = settings.MESSAGE_MAX_SIZE + FORM_OVERHEAD
        response = _too_large(request, size) if size > limit else self.get_response(request)
        # The policy's style sheets say themselves how long they last; static files never come here.
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _drain(request: HttpRequest) -> None:
    """Whoever is answered while they are still sending sees a broken connection and no answer; so the rest is read, within limits."""
    left = min(_content_length(request), settings.MESSAGE_MAX_SIZE * DRAINED)
    with contextlib.suppress(OSError):  # they have gone away
        while left > 0 and (chunk := request.read(min(left, 65536))):
            left -= len(chunk)


def _too_large(request: HttpRequest, size: int) -> HttpResponse:
    _drain(request)
    happened = TOO_LARGE.happened.format(size=_megabytes(size), limit=_megabytes(settings.MESSAGE_MAX_SIZE))
    return page(request, replace(TOO_LARGE, happened=happened))


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.3g} MB"


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return page(request, STALE_FORM, cause=reason)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    cause = type(exception).__name__
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        _drain(request)
    if isinstance(exception, RequestDataTooBig):
        limit = _megabytes(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        return page(
            request, replace(TEXT_TOO_LARGE, happened=TEXT_TOO_LARGE.happened.format(text_limit=limit)), cause=cause
        )
    if isinstance(exception, TooManyFieldsSent | TooManyFilesSent):
        return page(request, TOO_MANY, cause=cause)
    return page(request, BAD_REQUEST, cause=cause)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return absent(request)


def server_error(request: HttpRequest) -> HttpResponse:
    reason, failure = sys.exception(), SERVER_ERROR
    if isinstance(reason, OperationalError):
        failure = BUSY if request.method in SAFE_METHODS else BUSY_CHANGING
    return page(request, failure, cause=type(reason).__name__)
