from django.apps import AppConfig


class KeysConfig(AppConfig):
    name = "portal.keys"
    label = "keys"

    def ready(self) -> None:
        from portal.accounts.signals import user_disabled
        from portal.keys import services, sessions  # noqa: F401 - services register the answers to sealed calls

        user_disabled.connect(sessions.on_user_disabled, dispatch_uid="end sessions")
