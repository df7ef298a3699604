from django.urls import path

from portal.policy import views

app_name = "policy"
urlpatterns = [
    path("in-force/", views.policy, name="policy"),
    path("in-force/load/", views.load, name="load"),
    path("clearances/", views.clearances, name="clearances"),
    path("clearances/<str:user_id>/", views.clearance, name="clearance"),
    path("clearances/<str:user_id>/grant/", views.grant, name="grant"),
    path("clearances/<str:user_id>/revoke/", views.revoke, name="revoke"),
    path("<slug:version>.css", views.stylesheet, name="stylesheet"),
]
