from django.urls import path

from portal.keys import views

app_name = "keys"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/again/", views.sign_in_again, name="sign_in_again"),
    path("sign-in/recover/", views.recover, name="recover"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("invitation/<str:token>/", views.accept, name="accept"),
    path("keys/", views.keys, name="keys"),
    path("keys/export/", views.export, name="export"),
    path("keys/password/", views.change_password, name="change_password"),
    path("authority.pem", views.authority, name="authority"),
]
