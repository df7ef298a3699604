"""The security officer's pages, and the style sheet that gives labels their colours."""

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from portal import errors
from portal.accounts import selectors as accounts
from portal.accounts.models import RoleName, User
from portal.accounts.services import refuse_unknown
from portal.keys.middleware import signed_in
from portal.policy import officer, services
from portal.policy.forms import GrantForm, PolicyForm
from portal.policy.services import Refused
from portal.policy.stylesheet import policy_stylesheet

OFFICERS = {RoleName.SECURITY_OFFICER.value}


@require_GET
@signed_in(roles=OFFICERS)
def policy(request: HttpRequest) -> HttpResponse:
    return _policy_page(request, PolicyForm())


@csrf_exempt
@require_POST
@signed_in(roles=OFFICERS)
def load(request: HttpRequest) -> HttpResponse:
    """Load and activate a SPIF. It is no secret and is read here, so it isn't sealed as other uploads are.

    The handler has to be set before anything reads the form, the CSRF check included; that follows in _load.
    """
    request.upload_handlers = [MemoryFileUploadHandler(request)]
    return _load(request)


@csrf_protect
def _load(request: HttpRequest) -> HttpResponse:
    form = PolicyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _policy_page(request, form, status=400)
    activated = services.activate_policy(actor=request.actor, xml=form.cleaned_data["spif"].read())
    if isinstance(activated, Refused):
        form.add_error("spif", activated.reason)
        return _policy_page(request, form, status=409)
    return redirect("policy:policy")


@require_GET
@signed_in(roles=OFFICERS)
def clearances(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("search", "").strip()
    page = officer.clearance_page(search=search, after=request.GET.get("after", ""))
    return render(request, "policy/clearances.html", {"page": page, "search": search})


@require_GET
@signed_in(roles=OFFICERS)
def clearance(request: HttpRequest, user_id: str) -> HttpResponse:
    person = accounts.person(user_id)
    return _clearance_page(request, person) if person else _nobody(request, user_id)


@require_POST
@signed_in(roles=OFFICERS)
def grant(request: HttpRequest, user_id: str) -> HttpResponse:
    person = accounts.person(user_id)
    if person is None:
        return _nobody(request, user_id)
    form = GrantForm(request.POST, choices=officer.clearance_choices())
    if not form.is_valid():
        return _clearance_page(request, person, form=form, status=400)
    granted = services.grant_clearance(actor=request.actor, user=person, **form.cleaned_data)
    if isinstance(granted, Refused):
        return _clearance_page(request, person, form=form, refused=granted, status=409)
    return redirect("policy:clearance", user_id=person.id)


@require_POST
@signed_in(roles=OFFICERS)
def revoke(request: HttpRequest, user_id: str) -> HttpResponse:
    person = accounts.person(user_id)
    if person is None:
        return _nobody(request, user_id)
    revoked = services.revoke_clearance(actor=request.actor, user=person)
    if isinstance(revoked, Refused):
        return _clearance_page(request, person, refused=revoked, status=409)
    return redirect("policy:clearance", user_id=person.id)


@require_GET
@signed_in
def stylesheet(request: HttpRequest, version: str) -> HttpResponse:
    """Immutable: a version's colours never change, and their digest is part of the address."""
    text = policy_stylesheet(version)
    if text is None:
        return errors.absent(request)
    response = HttpResponse(text, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _policy_page(request: HttpRequest, form: PolicyForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "policy": officer.policy_summary()}
    return render(request, "policy/policy.html", context, status=status)


def _clearance_page(
    request: HttpRequest,
    person: User,
    *,
    form: GrantForm | None = None,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    held = officer.clearance_row(person)
    context = {
        "person": person,
        "held": held,
        "form": form or GrantForm(choices=officer.clearance_choices(), initial=officer.held_choices(held.clearance)),
        "refused": refused,
        "oneself": person.id == request.actor.person,
    }
    return render(request, "policy/clearance.html", context, status=status)


def _nobody(request: HttpRequest, user_id: str) -> HttpResponse:
    """The page of absent things, with the one event that every refused question leaves."""
    refuse_unknown(actor=request.actor, id=user_id)
    return errors.absent(request)
