"""Doors to the counting jobs, so that accepting them goes through a real web process."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from portal.outbox import calls, services


@csrf_exempt
def accept(request: HttpRequest, target: str) -> JsonResponse:
    """201 only after COMMIT: from then on the job may not be lost."""
    with transaction.atomic():
        services.enqueue(kind="count", target=target, precedence=int(request.POST.get("precedence", 4)))
    return JsonResponse({"accepted": target}, status=201)


def ask(request: HttpRequest, name: str) -> JsonResponse:
    """What a worker answers to the call `name`; 503 if there is none, 504 if it is late."""
    try:
        answer: dict[str, Any] = calls.call(name, {"said": "hello"}, timeout=1.0)
    except calls.Unavailable:
        return JsonResponse({}, status=503)
    except calls.TimedOut:
        return JsonResponse({}, status=504)
    return JsonResponse(answer)


urlpatterns = [path("count/<str:target>", accept), path("call/<str:name>", ask)]
