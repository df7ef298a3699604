"""The web's side of an unlocked session: it can ask, seal for later and hand on a grant, but opens nothing itself."""

import hashlib
from dataclasses import dataclass

from portal.accounts.models import User
from portal.keys import calls, intake
from portal.keys.calls import Payload, session_half
from portal.keys.models import PrivateKey, UnlockedSession
from portal.keys.sealing import context, hpke_seal


@dataclass(frozen=True)
class Grant:
    """What one job needs to sign in a person's name, independent of session and slots: stored with the job, erased at its end."""

    wrapped_signing: bytes
    intake_key: str
    sealed_half: bytes


def grant_context(user_id: str, target: str) -> bytes:
    return context("grant", user_id, target)


def session_context(user_id: str, purpose: str) -> bytes:
    """What a user key in a session's row, or in a grant copied from it, is bound to."""
    return context("session", user_id, purpose)


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

    def grant(self, target: str) -> Grant:
        """Leave to sign once for `target` (a message's id)."""
        sealed = intake.seal(session_half(self.key, "sign"), grant_context(self.user.id, target))
        return Grant(self.session.wrapped_signing, sealed.intake_key, sealed.blob)

    def half(self, purpose: str) -> bytes:
        """The part of the session key for one purpose."""
        return session_half(self.key, purpose)

    def seal_for_owner(self, plaintext: bytes, *bound_to: str) -> bytes:
        return seal_for(self.user.id, plaintext, *bound_to)


def seal_for(user_id: str, plaintext: bytes, *bound_to: str) -> bytes:
    """Seals to a person's storage key: any process can, only the person's unlocked vault opens it."""
    row = PrivateKey.objects.get(user_id=user_id, purpose=PrivateKey.Purpose.STORAGE, retired_at=None)
    return hpke_seal(row.public, plaintext, context("storage", user_id, *bound_to))


def has_keys(user_id: str) -> bool:
    return PrivateKey.objects.filter(user_id=user_id, purpose=PrivateKey.Purpose.STORAGE, retired_at=None).exists()


def hashed(secret: str | bytes) -> bytes:
    """What a row keeps of a random secret (a session id, a session key)."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()
