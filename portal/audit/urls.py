from django.urls import path, re_path

from portal.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.events, name="events"),
    path("event/<str:id>/", views.event, name="event"),
    re_path(r"^export\.(?P<form>csv|jsonl)$", views.export, name="export"),
]
