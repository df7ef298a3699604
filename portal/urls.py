"""Where each page lives: every app brings its own paths."""

from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="mail:folder", permanent=False), {"folder": "inbox"}),
    path("mail/", include("portal.mail.urls")),
    path("", include("portal.keys.urls")),
    path("administration/", include("portal.accounts.urls")),
    path("policy/", include("portal.policy.urls")),
    path("audit/", include("portal.audit.urls")),
    path("", include("portal.operations.urls")),
    path("", include("portal.outbox.urls")),
]
handler400 = "portal.errors.bad_request"
handler403 = "portal.errors.not_found"
handler404 = "portal.errors.not_found"
handler500 = "portal.errors.server_error"
