from django.urls import path

from portal.keys import anchor_views, known_views, views

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
    path("anchors/", anchor_views.anchors, name="anchors"),
    path("anchors/look/", anchor_views.look, name="anchor-look"),
    path("anchors/add/", anchor_views.add, name="anchor-add"),
    path("anchors/withdraw/", anchor_views.withdraw, name="anchor-withdraw"),
    path("anchors/revoked/", anchor_views.revocation_list, name="anchor-revoked"),
    path("certificates/", known_views.certificates, name="certificates"),
    path("certificates/choose/", known_views.choose, name="certificate-choose"),
    path("certificates/withdraw/", known_views.withdraw, name="certificate-withdraw"),
    path("authority.pem", views.authority, name="authority"),
]
