"""The security officer's page of origins: which labels mail from outside gets, and what may leave to whom."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.models import RoleName
from portal.audit.services import Refused
from portal.keys.middleware import signed_in
from portal.mail import selectors, services
from portal.mail.forms import OriginForm, ReleaseForm
from portal.policy import officer

OFFICERS = {RoleName.SECURITY_OFFICER.value}


@require_GET
@signed_in(roles=OFFICERS)
def origins(request: HttpRequest) -> HttpResponse:
    """All origins and releases; ?domain= fills the form with one of the first, ?release= with one of the second."""
    origin, release = request.GET.get("domain", ""), request.GET.get("release", "")
    form = _form(initial=selectors.origin_choices(origin)) if origin else None
    return _page(request, form, release_form=_release_form(initial=selectors.release_choices(release)) if release else None)


@require_POST
@signed_in(roles=OFFICERS)
def set_origin(request: HttpRequest) -> HttpResponse:
    form = _form(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    changed = services.set_origin(actor=request.actor, **form.wanted())
    if isinstance(changed, Refused):
        form.add_error(None, changed.reason)
        return _page(request, form, status=409)
    return redirect("mail:origins")


@require_POST
@signed_in(roles=OFFICERS)
def remove_origin(request: HttpRequest) -> HttpResponse:
    services.remove_origin(actor=request.actor, domain=request.POST.get("domain", ""))
    return redirect("mail:origins")


@require_POST
@signed_in(roles=OFFICERS)
def release(request: HttpRequest) -> HttpResponse:
    """What may leave to a domain."""
    form = _release_form(request.POST)
    if not form.is_valid():
        return _page(request, release_form=form, status=400)
    released = services.release(actor=request.actor, **form.cleaned_data)
    if isinstance(released, Refused):
        form.add_error(None, released.reason)
        return _page(request, release_form=form, status=409)
    return redirect("mail:origins")


@require_POST
@signed_in(roles=OFFICERS)
def end_release(request: HttpRequest) -> HttpResponse:
    services.end_release(actor=request.actor, domain=request.POST.get("domain", ""))
    return redirect("mail:origins")


def _form(*args: object, **options: object) -> OriginForm:
    return OriginForm(*args, choices=officer.label_choices(), auto_id="label_%s", **options)


def _release_form(*args: object, **options: object) -> ReleaseForm:
    return ReleaseForm(*args, choices=officer.clearance_choices(), auto_id="release_%s", **options)


def _page(
    request: HttpRequest, form: OriginForm | None = None, *, release_form: ReleaseForm | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "origins": selectors.origins(),
        "releases": selectors.releases(),
        "form": form or _form(),
        "release_form": release_form or _release_form(),
    }
    return render(request, "mail/origins.html", context, status=status)
