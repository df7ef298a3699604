"""The demo organisation inside one test's transaction, and people who are signed in to it."""

import base64
import copy
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.test import Client

from portal.accounts.models import User, random_id
from portal.audit.models import Event
from portal.audit.services import Actor
from portal.keys import calls, throttle
from portal.keys.master import create_master_key_file, master_key
from portal.keys.models import UnlockedSession
from portal.keys.sealing import new_key
from portal.keys.services import set_up
from portal.keys.vault import Vault, hashed
from portal.mail import demo, selectors, services
from portal.mail.content import DraftContent
from portal.mail.models import Delivery
from portal.outbox import services as outbox

POLICY = settings.BASE_DIR / "portal" / "policy" / "demo-policy.xml"
UNCLASSIFIED, RESTRICTED, CONFIDENTIAL, SECRET = 1, 2, 3, 4


@dataclass(frozen=True)
class Organisation:
    passwords: dict[str, str]

    def user(self, name: str) -> User:
        return User.objects.get(username=name)

    def vault(self, name: str) -> Vault:
        """A session of this person, unlocked with the real password."""
        key = new_key()
        payload = {"username": name, "password": self.passwords[name], "session_key": key.hex(), "address": ""}
        answer = calls.ask("unlock", payload, timeout=5)
        session = UnlockedSession.objects.create(
            user=self.user(name),
            session_id_hash=os.urandom(32),
            key_hash=hashed(self.user(name).id, key.hex()),
            wrapped_decryption=base64.b64decode(str(answer["decryption"])),
            wrapped_signing=base64.b64decode(str(answer["signing"])),
        )
        return Vault(self.user(name), session, key)

    def browser(self, name: str) -> Client:
        """A browser in which this person has signed in."""
        client = Client()
        self.sign_in(client, name)
        return client

    def sign_in(self, client: Client, name: str, password: str = ""):
        return client.post("/sign-in/", {"username": name, "password": password or self.passwords[name]}, secure=True)

    def submit(self, originator: str, **fields: object):
        """(draft id, outcome) of one submission; fields are those of DraftContent."""
        vault, draft_id = self.vault(originator), random_id()
        content = DraftContent(**({"to": "bob", "subject": "Fuel", "text": "Ten tons.", "classification": CONFIDENTIAL} | fields))
        services.save_draft(vault.user.id, draft_id, content)
        return draft_id, services.submit(vault, actor(vault.user), draft_id, content)

    def send(self, originator: str, **fields: object) -> str:
        """Submits and lets the workers finish; the message's id."""
        message_id, outcome = self.submit(originator, **fields)
        assert isinstance(outcome, services.Submitted), outcome
        outbox.run_until_idle()
        return message_id

    def delivery(self, name: str, message_id: str, folder: str = "inbox") -> Delivery:
        return Delivery.objects.get(owner__username=name, envelope__message=message_id, arrived_in=folder)

    def read(self, name: str, delivery_id: str):
        vault = self.vault(name)
        return selectors.open_message(vault, actor(vault.user), delivery_id)


def actor(user: User) -> Actor:
    return Actor(person=user.id, name=user.username)


def events(**where: object) -> list[Event]:
    return list(Event.objects.filter(**where).order_by("at"))


@dataclass(frozen=True)
class Founded:
    """What `setup` and the demo leave: files by the name of their setting, passwords, and rows."""

    files: dict[str, bytes]
    passwords: dict[str, str]
    rows: dict[type[Model], list[Model]]


@cache
def founded() -> Founded:
    """Made once, by the test that asks first, and taken back from its database: keys and certificates are half of what a test costs."""
    create_master_key_file(settings.MASTER_KEY_FILE)
    with transaction.atomic():
        set_up("Demo organisation")
        accounts = demo.create(POLICY.read_bytes())
        rows = {each: list(each._base_manager.all()) for each in apps.get_models() if each.__module__.startswith("portal.")}
        transaction.set_rollback(True)
    files = {name: getattr(settings, name).read_bytes() for name in ("MASTER_KEY_FILE", "IDENTITY_FILE")}
    settings.MASTER_KEY_FILE.unlink()  # not even its owner may write to it, and each test writes its own
    return Founded(files, {each.user: each.password for each in accounts}, rows)


@pytest.fixture
def organisation(db, tmp_path, settings) -> Organisation:
    """Policy, people, keys and clearances of the demo, with a master key and objects of this test's own."""
    settings.MASTER_KEY_FILE = tmp_path / "master.key"
    settings.IDENTITY_FILE = tmp_path / "identity.fingerprint"
    demo.ACCOUNTS_FILE = tmp_path / "demo-accounts.json"
    master_key.cache_clear()
    throttle.forget()
    found = founded()
    for name, content in found.files.items():
        Path(getattr(settings, name)).write_bytes(content)
    with transaction.atomic():
        for model, rows in found.rows.items():
            model._base_manager.bulk_create(copy.deepcopy(rows))
    yield Organisation(found.passwords)
    master_key.cache_clear()


__all__ = ["CONFIDENTIAL", "RESTRICTED", "SECRET", "UNCLASSIFIED", "Organisation", "actor", "events", "organisation"]
