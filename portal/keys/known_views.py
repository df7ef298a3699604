"""The registrar's page of certificates of people outside: whose they are, which count, and which never again."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.models import RoleName
from portal.audit.services import Refused
from portal.keys import known, services
from portal.keys.middleware import signed_in
from portal.keys.models import Certificate

REGISTRARS = {RoleName.REGISTRAR.value}


@require_GET
@signed_in(roles=REGISTRARS)
def certificates(request: HttpRequest) -> HttpResponse:
    """?address= is a part of the address they are for."""
    return _page(request)


@require_POST
@signed_in(roles=REGISTRARS)
def choose(request: HttpRequest) -> HttpResponse:
    return _done(request, services.choose_certificate(actor=request.actor, certificate_id=request.POST.get("certificate", "")))


@require_POST
@signed_in(roles=REGISTRARS)
def withdraw(request: HttpRequest) -> HttpResponse:
    reason, certificate_id = request.POST.get("reason", ""), request.POST.get("certificate", "")
    return _done(request, services.withdraw_certificate(actor=request.actor, certificate_id=certificate_id, reason=reason))


def _done(request: HttpRequest, outcome: Certificate | Refused) -> HttpResponse:
    return _page(request, refused=outcome.reason) if isinstance(outcome, Refused) else redirect("keys:certificates")


def _page(request: HttpRequest, *, refused: str = "") -> HttpResponse:
    address = request.GET.get("address", "").strip()
    context = {
        "address": address,
        "conflicts": known.conflicts(),
        "certificates": known.certificates(address),
        "withdrawn": known.withdrawn(address),
        "most": known.MOST,
        "refused": refused,
    }
    return render(request, "keys/certificates.html", context, status=422 if refused else 200)
