"""One page for machines."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.outbox import health


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all parts are there, 503 with the reason otherwise. Open to everybody, so it tells no more than that."""
    report = health.report()
    return JsonResponse(report, status=503 if report["reason"] else 200)
