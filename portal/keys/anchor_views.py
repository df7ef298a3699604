"""The registrar's page of trust anchors: which authorities are believed about people outside."""

import base64
import binascii

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.models import RoleName
from portal.audit.services import Refused
from portal.keys import engine, selectors, services
from portal.keys.middleware import signed_in

REGISTRARS = {RoleName.REGISTRAR.value}
NO_FILE = "Choose a file of 2.5 MB at most."


@require_GET
@signed_in(roles=REGISTRARS)
def anchors(request: HttpRequest) -> HttpResponse:
    return _page(request)


@csrf_exempt
@require_POST
@signed_in(roles=REGISTRARS)
def look(request: HttpRequest) -> HttpResponse:
    """What is in a file, to be compared before it counts. A certificate is no secret and is read here, so it isn't sealed as other uploads are.

    The handler has to be set before anything reads the form, the CSRF check included; that follows in _look.
    """
    request.upload_handlers = [MemoryFileUploadHandler(request)]
    return _look(request)


@csrf_protect
def _look(request: HttpRequest) -> HttpResponse:
    file = request.FILES.get("certificate")
    if file is None:
        return _page(request, refused=NO_FILE)
    try:
        found = services.look_at_anchor(file.read())
    except engine.NotUsable as reason:
        return _page(request, refused=str(reason))
    context = {"found": found, "fingerprint": found.fingerprint.hex(), "encoded": base64.b64encode(found.der).decode()}
    return render(request, "keys/anchor.html", context)


@require_POST
@signed_in(roles=REGISTRARS)
def add(request: HttpRequest) -> HttpResponse:
    """The certificate that was looked at; it is judged again."""
    try:
        data = base64.b64decode(request.POST.get("certificate", ""), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    added = services.add_anchor(actor=request.actor, data=data)
    return _page(request, refused=added.reason) if isinstance(added, Refused) else redirect("keys:anchors")


@require_POST
@signed_in(roles=REGISTRARS)
def withdraw(request: HttpRequest) -> HttpResponse:
    outcome = services.withdraw_anchor(actor=request.actor, fingerprint=request.POST.get("fingerprint", ""))
    return _page(request, refused=outcome.reason) if isinstance(outcome, Refused) else redirect("keys:anchors")


@csrf_exempt
@require_POST
@signed_in(roles=REGISTRARS)
def revocation_list(request: HttpRequest) -> HttpResponse:
    """A list says itself whose it is. Like a certificate it is no secret; the handler is set first, as in `look`."""
    request.upload_handlers = [MemoryFileUploadHandler(request)]
    return _revocation_list(request)


@csrf_protect
def _revocation_list(request: HttpRequest) -> HttpResponse:
    file = request.FILES.get("list")
    if file is None:
        return _page(request, refused=NO_FILE)
    outcome = services.add_revocation_list(actor=request.actor, data=file.read())
    return _page(request, refused=outcome.reason) if isinstance(outcome, Refused) else redirect("keys:anchors")


def _page(request: HttpRequest, *, refused: str = "") -> HttpResponse:
    lists = selectors.lists_by_anchor()
    trusted = [(each, lists.get(each.fingerprint, [])) for each in selectors.trusted()]
    context = {"trusted": trusted, "withdrawn": selectors.withdrawn(), "refused": refused}
    return render(request, "keys/anchors.html", context, status=422 if refused else 200)
