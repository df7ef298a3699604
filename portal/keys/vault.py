"""The web's side of an unlocked session: it can ask, seal for later and hand on a grant, but opens nothing itself."""

import functools
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.conf import settings

from portal.accounts.models import User
from portal.keys import calls, intake
from portal.keys.calls import Payload, session_half
from portal.keys.models import PrivateKey, UnlockedSession
from portal.keys.sealing import KEY_LENGTH, context, hpke_seal
from portal.rows import rows


@dataclass(frozen=True)
class Grant:
    """What one job needs to sign in a person's name, independent of session and slots: stored with the job, erased at its end.

    Half of the session key and what it was given for are one sealed blob: whoever can write to the database can put neither
    other content under a grant nor another label.
    """

    wrapped_signing: bytes
    intake_key: str
    sealed: bytes


def grant_context(user_id: str, target: str) -> bytes:
    return context("grant", user_id, target)


def session_context(user_id: str, purpose: str) -> bytes:
    """What a user key in a session's row, or in a grant copied from it, is bound to."""
    return context("session", user_id, purpose)


def open_grant(grant: Grant, user_id: str, target: str) -> tuple[bytes, bytes]:
    """Worker: (half of the session key, what it was given for). Raises `SealBroken`."""
    opened = intake.unseal(intake.Sealed(grant.intake_key, grant.sealed), grant_context(user_id, target))
    return opened[:KEY_LENGTH], opened[KEY_LENGTH:]


@dataclass(frozen=True)
class Vault:
    """One request's handle on the session. `key` is the session key from the cookie."""

    user: User
    session: UnlockedSession
    key: bytes

    def ask(self, name: str, payload: Payload, *, timeout: float) -> Payload:
        """A sealed call that may use the decryption half of the session key. Errors as in `calls.ask`."""
        unlocking = {"session_id": self.session.id, "decrypt": session_half(self.key, "decrypt").hex()}
        return calls.ask(name, payload | unlocking, user_id=self.user.id, timeout=timeout)

    def grant(self, target: str, given_for: bytes) -> Grant:
        """Leave to sign once for `target` (a message's id) what `given_for` says, and nothing else."""
        sealed = intake.seal(session_half(self.key, "sign") + given_for, grant_context(self.user.id, target))
        return Grant(self.session.wrapped_signing, sealed.intake_key, sealed.blob)

    def half(self, purpose: str) -> bytes:
        """The part of the session key for one purpose."""
        return session_half(self.key, purpose)

    def seal_for_owner(self, plaintext: bytes, *bound_to: str) -> bytes:
        return seal_for(self.user.id, plaintext, *bound_to)


def seal_for(user_id: str, plaintext: bytes, *bound_to: str) -> bytes:
    """Seals to a person's storage key: any process can, only the person's unlocked vault opens it."""
    return sealers([user_id])[user_id](plaintext, *bound_to)


def sealers(user_ids: Collection[str]) -> dict[str, Callable[..., bytes]]:
    """`seal_for` each of many people, by id: called with the plaintext and what it is bound to.

    A key counts only with the portal's signature: whoever writes to the database can't put one of their own in its place.
    """
    wanted = "SELECT * FROM keys_privatekey WHERE user_id IN %s AND purpose = %s AND retired_at IS NULL"
    found = {row.user_id: row for row in rows(PrivateKey, wanted, list(user_ids), PrivateKey.Purpose.STORAGE.value)}
    for row in found.values():
        intake.check_portal_signed(row.signature, storage_key_statement(row))
    return {user_id: functools.partial(_seal, found[user_id]) for user_id in user_ids}


def _seal(key: PrivateKey, plaintext: bytes, *bound_to: str) -> bytes:
    return hpke_seal(key.public, plaintext, context("storage", key.user_id, *bound_to))


def storage_key_statement(row: PrivateKey) -> bytes:
    """What the portal's identity signs about a storage key."""
    return context("storage-key", row.user_id, row.id) + row.public


def hashed(*parts: str) -> bytes:
    """What a session's row keeps of its two cookies, under a secret of the web process: nobody can write a row that counts."""
    return hmac.digest(settings.SECRET_KEY.encode(), context("session-row", *parts), "sha256")
