from django.urls import path, register_converter

from portal.mail import certificate_views, compose_views, failures, origin_views, views


class FolderConverter:
    regex = "inbox|sent|drafts|bin"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class IdConverter(FolderConverter):
    regex = "[0-9a-f]{32}"


failures.register()
register_converter(FolderConverter, "folder")
register_converter(IdConverter, "id")

app_name = "mail"
urlpatterns = [
    path("new/", compose_views.new, name="new"),
    path("drafts/<id:draft_id>/edit/", compose_views.draft, name="draft"),
    path("drafts/<id:draft_id>/save", compose_views.save, name="save"),
    path("drafts/<id:draft_id>/check", compose_views.check, name="check"),
    path("drafts/<id:draft_id>/attachments", compose_views.attach, name="attachments"),
    path("drafts/<id:draft_id>/attachments/<id:upload_id>/delete", compose_views.detach, name="attachment-delete"),
    path("drafts/<id:draft_id>/send", compose_views.send, name="send"),
    path("drafts/<id:draft_id>/certificate", certificate_views.certificate, name="certificate"),
    path("drafts/<id:draft_id>/discard", compose_views.discard, name="discard"),
    path("messages/<id:message_id>/", compose_views.on_its_way, name="on-its-way"),
    path("messages/<id:message_id>/steps", compose_views.steps, name="steps"),
    path("messages/<id:message_id>/undo", compose_views.undo, name="undo"),
    path("origins/", origin_views.origins, name="origins"),
    path("origins/set/", origin_views.set_origin, name="origin-set"),
    path("origins/remove/", origin_views.remove_origin, name="origin-remove"),
    path("origins/release/", origin_views.release, name="origin-release"),
    path("origins/end-release/", origin_views.end_release, name="origin-end-release"),
    path("<folder:folder>/", views.folder, name="folder"),
    path("<folder:folder>/new-since", views.new_since, name="new-since"),
    path("<folder:folder>/move", views.move_selected, name="move-selected"),
    path("<folder:folder>/<id:delivery_id>/", views.message, name="message"),
    path("<folder:folder>/<id:delivery_id>/original", views.original, name="original"),
    path("<folder:folder>/<id:delivery_id>/readers", views.readers, name="readers"),
    path("<folder:folder>/<id:delivery_id>/attachments/<int:number>", views.attachment, name="attachment"),
    path("<folder:folder>/<id:delivery_id>/move", views.move, name="move"),
]
