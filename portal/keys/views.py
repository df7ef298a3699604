"""Signing in and out, invitations, and the Keys page."""

import base64
from collections.abc import Callable
from datetime import datetime

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal import errors
from portal.accounts.selectors import invitation_for
from portal.keys import calls, selectors, sessions
from portal.keys.forms import AcceptForm, ExportForm, PasswordForm, RecoverForm, SignInForm
from portal.keys.intake import IntakeUnavailable
from portal.keys.middleware import signed_in
from portal.outbox.calls import TimedOut, Unavailable

WRONG = "User name or password is wrong."
AWAY = "Signing in is not possible right now: the part of the portal that opens keys does not answer. Nothing is lost. Try again in a minute."
BUSY = "The portal is busy and could not answer in time. Nothing was changed. Try again."
ASK_TIMEOUT = 8.0

Answer = dict[str, object]


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    after = _next(request)
    if request.vault is not None and request.method == "GET":
        return redirect(after)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        problem, status = _unlock(request, form.cleaned_data["username"], form.cleaned_data["password"])
        if not problem:
            response = redirect(after)
            sessions.set_cookie(response, request.vault)
            return response
        form.add_error(None, problem)
    return render(request, "keys/sign_in.html", {"form": form, "next": after}, status=status)


@sensitive_post_parameters()
@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """From the dialog over a page whose session is over: 204 and new cookies, or the dialog's form with the reason.

    The field `expected` names the person whose page it is: nobody continues somebody else's page.
    """
    form = SignInForm(request.POST)
    expected = request.POST.get("expected", "")
    if form.is_valid():
        if form.cleaned_data["username"].strip().casefold() != expected.casefold():
            form.add_error(None, f"This page belongs to {expected}.")
            return render(request, "keys/_sign_in_again.html", {"form": form, "expected": expected}, status=422)
        problem, _ = _unlock(request, form.cleaned_data["username"], form.cleaned_data["password"])
        if not problem:
            response = HttpResponse(status=204)
            sessions.set_cookie(response, request.vault)
            return response
        form.add_error(None, problem)
    return render(request, "keys/_sign_in_again.html", {"form": form, "expected": expected}, status=422)


def _unlock(request: HttpRequest, username: str, password: str) -> tuple[str, int]:
    """(problem, status): no problem means that the request is signed in now."""
    try:
        user = authenticate(request, username=username, password=password)
    except sessions.Locked as locked:
        return _locked(locked.until), 429
    except (Unavailable, IntakeUnavailable):
        return AWAY, 503
    except (TimedOut, calls.CallRefused):
        return BUSY, 503
    if user is None:
        return WRONG, 200
    sessions.begin(request, user)
    return "", 200


def _locked(until: datetime) -> str:
    return f"Too many wrong tries. Try again at {until:%H:%M} UTC."


def _next(request: HttpRequest) -> str:
    """Where to go after signing in: only within this portal."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    return target if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}) else "/"


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    sessions.end(request)
    response = redirect("keys:sign_in")
    sessions.clear_cookie(response)
    return response


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """An invitation: password twice, then the recovery code, once."""
    invitation = invitation_for(token)
    if invitation is None:
        return errors.absent(request)
    form = AcceptForm(request.POST or None)
    context = {"form": form, "invited": invitation.user, "token": token}
    if request.method == "POST" and form.is_valid():
        answer = _ask(
            form,
            lambda: calls.ask(
                "accept_invitation",
                {
                    "user": invitation.user.id,
                    "token_hash": invitation.token_hash,
                    "password": form.cleaned_data["password"],
                    "address": sessions.address(request),
                },
                timeout=ASK_TIMEOUT,
            ),
        )
        if answer:
            context["recovery_code"] = answer["recovery_code"]
            return render(request, "keys/recovery_code.html", context)
    return render(request, "keys/accept.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def recover(request: HttpRequest) -> HttpResponse:
    form = RecoverForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        payload = {
            "username": form.cleaned_data["username"],
            "recovery_code": form.cleaned_data["recovery_code"],
            "new_password": form.cleaned_data["password"],
            "address": sessions.address(request),
        }
        answer = _ask(
            form,
            lambda: sessions.ask_counted(request, "recover", payload, timeout=ASK_TIMEOUT),
            wrong="User name or recovery code is wrong.",
        )
        if answer:
            return render(request, "keys/recovery_code.html", {"recovery_code": answer["recovery_code"]})
    return render(request, "keys/recover.html", {"form": form})


@signed_in
@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    return _keys_page(request, ExportForm(), PasswordForm())


@signed_in
@sensitive_post_parameters()
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    form = ExportForm(request.POST)
    if form.is_valid():
        payload = {
            "key_id": form.cleaned_data["key"],
            "password": form.cleaned_data["password"],
            "passphrase": form.cleaned_data["passphrase"],
            "address": sessions.address(request),
        }
        answer = _ask(
            form, lambda: request.vault.ask("export_key", payload, timeout=ASK_TIMEOUT), wrong="The password is wrong."
        )
        if answer:
            response = HttpResponse(base64.b64decode(str(answer["pkcs12"])), content_type="application/x-pkcs12")
            name = f"{request.user.username}-{form.cleaned_data['key'][:8]}.p12"
            response["Content-Disposition"] = f'attachment; filename="{name}"'
            return response
    return _keys_page(request, form, PasswordForm(), status=422)


@signed_in
@sensitive_post_parameters()
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    form = PasswordForm(request.POST)
    if form.is_valid():
        payload = {
            "old_password": form.cleaned_data["old_password"],
            "new_password": form.cleaned_data["password"],
            "address": sessions.address(request),
        }
        answer = _ask(
            form,
            lambda: request.vault.ask("change_password", payload, timeout=ASK_TIMEOUT),
            wrong="The old password is wrong.",
        )
        if answer:
            return _keys_page(
                request,
                ExportForm(),
                PasswordForm(),
                notice="Your password is changed. Other sessions of yours were signed out.",
            )
    return _keys_page(request, ExportForm(), form, status=422)


def _keys_page(
    request: HttpRequest, export_form: ExportForm, password_form: PasswordForm, *, notice: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "rows": selectors.key_rows(request.user),
        "export_form": export_form,
        "password_form": password_form,
        "notice": notice,
    }
    return render(request, "keys/keys.html", context, status=status)


@require_GET
def authority(request: HttpRequest) -> HttpResponse:
    """The portal's trust anchor, for anybody who wants to check its signatures."""
    return HttpResponse(selectors.authority_pem(), content_type="application/x-pem-file")


def _ask(form: SignInForm, ask: Callable[[], Answer], *, wrong: str = WRONG) -> Answer | None:
    """The answer of a call that checks a secret; None with the reason on the form if it was refused."""
    try:
        answer = ask()
    except (Unavailable, IntakeUnavailable):
        form.add_error(None, AWAY.replace("Signing in", "This"))
        return None
    except (TimedOut, calls.CallRefused):
        form.add_error(None, BUSY)
        return None
    except sessions.Locked as locked:
        form.add_error(None, _locked(locked.until))
        return None
    if "refused" in answer:
        form.add_error(None, str(answer["refused"]))
    elif "locked_until" in answer:
        form.add_error(None, _locked(datetime.fromisoformat(str(answer["locked_until"]))))
    elif not answer:
        form.add_error(None, wrong)
    else:
        return answer
    return None
