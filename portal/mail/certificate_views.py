"""The page where a writer adds a certificate of somebody outside, and comes back to the draft."""

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from portal import errors
from portal.audit.services import Refused
from portal.keys.middleware import signed_in
from portal.keys.models import Certificate
from portal.keys.services import add_certificate
from portal.mail import directory, services

NO_FILE = "Choose a file of 2.5 MB at most."
HELD = (
    "It is kept, but not used: for this address there is another certificate, from another authority and with another key."
    " A registrar has to choose between them; until then the other one counts."
)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def certificate(request: HttpRequest, draft_id: str) -> HttpResponse:
    """A certificate is no secret and is read here, so it isn't sealed as other uploads are.

    The handler has to be set before anything reads the form, the CSRF check included; that follows in _certificate.
    """
    request.upload_handlers = [MemoryFileUploadHandler(request)]
    return _certificate(request, draft_id)


@csrf_protect
def _certificate(request: HttpRequest, draft_id: str) -> HttpResponse:
    fields = request.POST if request.method == "POST" else request.GET
    outside = directory.outside(fields.get("address", ""))
    if outside is None:
        services.note_refusal(request.actor, draft_id)
        return errors.absent(request)
    refused = ""
    if request.method == "POST":
        file = request.FILES.get("certificate")
        if file is None:
            refused = f"{NO_FILE} It was not added."
        else:
            outcome = add_certificate(actor=request.actor, address=outside.address, data=file.read())
            if not isinstance(outcome, Refused):
                if outcome.use == Certificate.Use.FREE:
                    return redirect("mail:draft", draft_id)
                refused = HELD
            else:
                refused = f"{outcome.reason} It was not added."
    context = {"address": outside.address, "draft_id": draft_id, "refused": refused}
    return render(request, "mail/certificate.html", context, status=422 if refused else 200)
