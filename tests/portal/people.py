"""People for the tests of pages, and clients that are signed in as them.

A client gets a real session: both cookies and the row that must match them. The keys in the row are blank, so such a
session shows pages and opens nothing; tests that read mail sign in through the page instead.
"""

import secrets

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from portal.accounts.models import Role, User
from portal.keys.models import UnlockedSession
from portal.keys.vault import hashed


def make_person(username: str, *roles: str, joined: bool = True) -> User:
    user = User.objects.create_user(
        username,
        address=f"{username}@{settings.MAIL_DOMAIN}",
        display_name=username.title(),
        joined_at=timezone.now() if joined else None,
    )
    Role.objects.bulk_create(Role(user=user, name=role) for role in roles)
    return user


def client_of(user: User) -> Client:
    session, key, client = SessionStore(), secrets.token_bytes(32), Client()
    session.create()
    UnlockedSession.objects.create(
        user=user,
        session_id_hash=hashed(session.session_key),
        key_hash=hashed(user.id, key.hex()),
        wrapped_decryption=b"",
        wrapped_signing=b"",
    )
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    client.cookies[settings.SESSION_KEY_COOKIE_NAME] = key.hex()
    return client
