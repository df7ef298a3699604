from django.urls import path

from portal.outbox import views

app_name = "outbox"
urlpatterns = [path("healthz", views.healthz, name="healthz")]
