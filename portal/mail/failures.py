"""How a view's failed call to its vault looks: a session that is over is a question for the password, not an error."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from portal import errors
from portal.keys.calls import CallRefused, SessionOver
from portal.keys.intake import IntakeUnavailable


def register() -> None:
    """Adds this app's failures to the error pages. The more special class comes first."""
    errors.ANSWERS.update({SessionOver: _sign_in, CallRefused: errors.slow, IntakeUnavailable: errors.away})


def _sign_in(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.headers.get("HX-Request") or request.headers.get("X-Requested-With"):
        return HttpResponse(status=401)
    return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': request.get_full_path()})}")
