from django.urls import path

from portal.operations import views

app_name = "operations"
urlpatterns = [
    path("operations/", views.operations, name="operations"),
    path("operations/now/", views.now, name="now"),
    path("operations/jobs/<int:job_id>/retry/", views.retry, name="retry"),
    path("operations/jobs/<int:job_id>/cancel/", views.cancel, name="cancel"),
    path("metrics", views.metrics, name="metrics"),
]
