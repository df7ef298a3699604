from django.urls import path

from portal.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.people, name="people"),
    path("invite/", views.invite, name="invite"),
    path("<str:id>/", views.person, name="person"),
    path("<str:id>/roles/", views.roles, name="roles"),
    path("<str:id>/invite-again/", views.invite_again, name="invite_again"),
    path("<str:id>/disable/", views.set_active, {"active": False}, name="disable"),
    path("<str:id>/enable/", views.set_active, {"active": True}, name="enable"),
]
