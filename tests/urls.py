"""The portal's pages, and doors to the counting jobs."""

from django.urls import include, path

from portal.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [path("testing/", include("tests.counting.urls")), *urlpatterns]
