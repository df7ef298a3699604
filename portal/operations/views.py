"""The Operations page, and the same for machines."""

import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET, require_POST, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from portal import errors
from portal.accounts.models import RoleName
from portal.audit.services import Refused
from portal.keys.middleware import in_background, signed_in
from portal.operations import metrics as exposition
from portal.operations import selectors, services

OPERATORS = {RoleName.OPERATOR.value}


@require_GET
@signed_in(roles=OPERATORS)
def operations(request: HttpRequest) -> HttpResponse:
    return render(request, "operations/operations.html", {"state": selectors.state()})


@in_background
@require_GET
@signed_in(roles=OPERATORS)
def now(request: HttpRequest) -> HttpResponse:
    """The same as a piece that asks for itself again."""
    return render(request, "operations/_state.html", {"state": selectors.state()})


@require_POST
@signed_in(roles=OPERATORS)
def retry(request: HttpRequest, job_id: int) -> HttpResponse:
    return _decided(request, services.retry_job, job_id)


@require_POST
@signed_in(roles=OPERATORS)
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    return _decided(request, services.cancel_job, job_id)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Only for who has the token, which is none of a person's: without it the page is absent."""
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return errors.absent(request)
    response = HttpResponse(exposition.render(), content_type=CONTENT_TYPE_LATEST)
    patch_cache_control(response, no_store=True)
    return response


def _decided(request: HttpRequest, decide: Callable[..., Refused | None], job_id: int) -> HttpResponse:
    refused = decide(actor=request.actor, job_id=job_id)
    if refused is None:
        return redirect("operations:operations")
    context = {"state": selectors.state(), "refused": refused}
    return render(request, "operations/operations.html", context, status=409)
