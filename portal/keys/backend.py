"""Django's door to the slots: a password is right if a worker can open the slot with it."""

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from portal.accounts.models import User
from portal.keys import sessions


class SlotBackend(BaseBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str = "", password: str = "", **_: object
    ) -> User | None:
        """The user, carrying what `sessions.begin` needs. Raises `sessions.Locked`; `Unavailable` without Redis or worker."""
        if request is None or not username or not password:
            return None
        return sessions.unlock(request, username=username, password=password)

    def get_user(self, user_id: str) -> User | None:
        return User.objects.filter(id=user_id, is_active=True).first()
