"""A signed-in request is one whose vault is unlocked: both cookies, a running session, an active person."""

import functools
from collections.abc import Callable, Iterable

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from portal import errors
from portal.audit.models import Outcome, Verb
from portal.audit.services import record
from portal.keys import objects, sessions

View = Callable[..., HttpResponse]


class UnlockedSession:
    """Sets ``request.vault`` and ``request.actor``; without a vault the request is anonymous, whatever Django's session says."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        vault = sessions.current(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        request.vault = vault
        if vault is None:
            request.user = AnonymousUser()
            request.actor = sessions.actor(request, None, None)
        else:
            request.user = vault.user
            request.actor = sessions.actor(request, vault.user, vault.session)
        response = self.get_response(request)
        # What no view took over must not stay: files can be sent to any address, with a wrong token, too.
        if left := getattr(request, "uploaded_objects", ()):
            objects.delete(*left)
        return response

    def process_view(self, request: HttpRequest, view: View, args: object, kwargs: object) -> None:
        if request.vault is not None and getattr(view, "renews_session", True):
            sessions.renew(request.vault.session)


def in_background(view: View) -> View:
    """Marks a view that scripts ask by themselves (polling): it does not keep a session alive."""
    view.renews_session = False
    return view


def signed_in(view: View | None = None, *, roles: Iterable[str] = ()) -> View:
    """Only for people who are signed in, and hold one of `roles` if any are named. Others get the page of absent things."""
    if view is None:
        return functools.partial(signed_in, roles=frozenset(roles))

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.vault is None:
            return _sign_in_first(request)
        if roles and not request.user.has_role(*roles):
            with transaction.atomic():
                record(
                    verb=Verb.REFUSED,
                    actor=request.actor,
                    kind="page",
                    id=request.resolver_match.view_name if request.resolver_match else "",
                    outcome=Outcome.REFUSED,
                    reason="the role for this page is missing",
                )
            return errors.absent(request)
        return view(request, *args, **kwargs)

    return guarded


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    """Scripts get 401 and open the dialog over the page; a browser without them comes back to where it was."""
    if request.headers.get("HX-Request") or request.headers.get("X-Requested-With"):
        return HttpResponse(status=401)
    came_from = request.get_full_path() if request.method == "GET" else (request.headers.get("Referer") or "/")
    return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': came_from})}")
