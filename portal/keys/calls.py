"""Sealed interactive calls: the web asks, a worker with the unlocked vault answers, Redis carries blobs.

Arguments are sealed to the intake key, bound to name, user, call and time; the result comes back under a key that only the asking request
has. Calls older than 30 seconds and repeats are refused, so a captured message is of no use.
"""

import base64
import functools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import redis
from django.conf import settings
from django.utils import timezone

from portal.accounts.models import User
from portal.keys import intake
from portal.keys.master import master_key
from portal.keys.models import PrivateKey, UnlockedSession
from portal.keys.sealing import SealBroken, aead_open, aead_seal, context, derive, hpke_opener, new_key
from portal.outbox import calls as outbox_calls
from portal.rows import by_id, rows

FRESH_SECONDS = 30

Payload = dict[str, object]


class CallRefused(Exception):
    """The worker does not take this call: too old, repeated, or its session is over."""


class SessionOver(CallRefused):
    """Signed out, timed out, or disabled: nothing is unlocked any more."""


def ask(name: str, payload: Payload, *, user_id: str = "", timeout: float) -> Payload:
    """Calls `name` in a worker and waits. Raises `Unavailable` or `TimedOut` of the outbox, `SessionOver`, `CallRefused`."""
    call_id, at, result_key = secrets.token_hex(16), int(time.time()), new_key()
    bound_to = context("call", name, user_id, call_id, str(at))
    body = json.dumps({"payload": payload, "result_key": result_key.hex()}).encode()
    sealed = intake.seal(body, bound_to)
    answer = outbox_calls.call(
        name,
        {"id": call_id, "at": at, "user": user_id, "key": sealed.intake_key, "blob": _text(sealed.blob)},
        timeout=timeout,
    )
    if "refused" in answer:
        raise SessionOver if answer["refused"] == "session" else CallRefused
    result = aead_open(result_key, _bytes(answer["blob"]), context("result", call_id))
    return json.loads(result)


def answers(name: str) -> Callable[[Callable[..., Payload]], Callable[..., Payload]]:
    """Registers a service as the answer to calls of `name`; it is given the opened payload as keyword arguments."""

    def register(service: Callable[..., Payload]) -> Callable[..., Payload]:
        outbox_calls.register_call(name, functools.partial(_answer, name, service))
        return service

    return register


def _answer(name: str, service: Callable[..., Payload], envelope: Payload) -> Payload:
    call_id, at, user_id = str(envelope["id"]), int(str(envelope["at"])), str(envelope["user"])
    if abs(time.time() - at) > FRESH_SECONDS or not _first_time(call_id):
        return {"refused": "stale"}
    bound_to = context("call", name, user_id, call_id, str(at))
    try:
        body = json.loads(intake.unseal(intake.Sealed(str(envelope["key"]), _bytes(envelope["blob"])), bound_to))
    except SealBroken:
        return {"refused": "sealed"}
    try:
        result = service(user_id=user_id, **body["payload"])
    except SessionOver:
        return {"refused": "session"}
    sealed = aead_seal(bytes.fromhex(body["result_key"]), json.dumps(result).encode(), context("result", call_id))
    return {"blob": _text(sealed)}


_seen_here: set[str] = set()


def _first_time(call_id: str) -> bool:
    """Notes the call in Redis, which carried it; where no Redis carried it, in this process."""
    if settings.CALLS_IN_PROCESS:
        new = call_id not in _seen_here
        _seen_here.add(call_id)
        return new
    return bool(_redis().set(f"seen:{call_id}", 1, nx=True, ex=2 * FRESH_SECONDS))


@functools.cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2)


@dataclass(frozen=True)
class Unlocked:
    """A person's vault, open in a worker for the length of one call."""

    user: User
    session: UnlockedSession
    decryption_user_key: bytes

    def private_key(self, row: PrivateKey) -> bytes:
        """The private key of a row under the decryption user key: PKCS#8 DER, or 32 raw bytes for storage."""
        return open_private_key(row, self.decryption_user_key)

    def storage_opener(self) -> Callable[..., bytes]:
        """Opens what was sealed to this person's storage key (drafts, summaries): called with the blob and what it is bound to."""
        sql = "SELECT * FROM keys_privatekey WHERE user_id = %s AND purpose = %s AND retired_at IS NULL"
        (row,) = rows(PrivateKey, sql, self.user.id, PrivateKey.Purpose.STORAGE.value)
        opened = hpke_opener(self.private_key(row))
        return lambda sealed, *bound_to: opened(sealed, context("storage", self.user.id, *bound_to))


def open_private_key(row: PrivateKey, user_key: bytes) -> bytes:
    return aead_open(user_key, row.wrapped, private_key_context(row))


def private_key_context(row: PrivateKey) -> bytes:
    return context("private-key", row.user_id, row.id, row.purpose, str(row.version))


def unlocked(*, user_id: str, session_id: str, decrypt: str) -> Unlocked:
    """Worker: the vault of a session that is still running. `decrypt` is the session key's half for reading, in hex."""
    session, user = by_id(UnlockedSession, session_id), by_id(User, user_id)
    if session is None or user is None or session.user_id != user.id or not user.is_active or is_over(session):
        raise SessionOver
    session.user = user
    bound_to = context("session", session.user_id, "decryption")
    inner = master_key().unwrap(session.wrapped_decryption, bound_to)
    try:
        user_key = aead_open(bytes.fromhex(decrypt), inner, bound_to)
    except SealBroken:
        raise SessionOver from None
    return Unlocked(session.user, session, user_key)


def is_over(session: UnlockedSession) -> bool:
    """Idle for too long, or too old. A clock that went back does not prolong: the future counts as over, too."""
    now = timezone.now()
    idle, age = now - session.renewed_at, now - session.created_at
    slack = timedelta(minutes=5)
    return idle > settings.SESSION_IDLE or age > settings.SESSION_ABSOLUTE or min(idle, age) < -slack


def session_half(session_key: bytes, purpose: str) -> bytes:
    """The part of a session key that one purpose needs: "decrypt" or "sign"."""
    return derive(session_key, f"session-{purpose}")


def _text(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


def _bytes(text: object) -> bytes:
    return base64.b64decode(str(text))
