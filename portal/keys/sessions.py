"""Sessions: begun by unlocking a slot, held together by two cookies, over by idling, age, signing out or a changed password."""

import base64
import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor, record
from portal.keys import calls, throttle
from portal.keys.models import UnlockedSession
from portal.keys.sealing import new_key
from portal.keys.vault import Vault, hashed
from portal.rows import by_id, rows

UNLOCK_TIMEOUT = 5.0
RENEW_EVERY = timedelta(minutes=1)


class Locked(Exception):
    """Too many wrong tries for this name; `until` says when the next one counts."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many wrong tries")
        self.until = until


def unlock(request: HttpRequest, *, username: str, password: str) -> User | None:
    """Asks a worker to open the slot. None if the name or the password is wrong (which of them is not said)."""
    session_key = new_key()
    payload = {
        "username": username,
        "password": password,
        "session_key": session_key.hex(),
        "address": address(request),
    }
    answer = ask_counted(request, "unlock", payload, timeout=UNLOCK_TIMEOUT)
    if "locked_until" in answer:
        raise Locked(datetime.fromisoformat(str(answer["locked_until"])))
    if "user" not in answer:
        return None
    user = User.objects.get(id=answer["user"])
    user.unlocked = (session_key, answer)
    return user


def ask_counted(request: HttpRequest, name: str, payload: calls.Payload, *, timeout: float) -> calls.Payload:
    """Asks a worker to try a secret for somebody who is not signed in.

    Raises `Locked` for an address from which too many were wrong: trying costs the workers time that others wait for.
    """
    try:
        throttle.begin_try(address(request))
    except throttle.TooManyTries as refusal:
        raise Locked(timezone.now() + timedelta(seconds=refusal.seconds + 1)) from None
    answer = calls.ask(name, payload, timeout=timeout)
    if "user" in answer or "recovery_code" in answer:
        throttle.forgive(address(request))
    return answer


def begin(request: HttpRequest, user: User) -> Vault:
    """Signs in a user that `unlock` has just returned; the response must then be given to `set_cookie`."""
    session_key, answer = user.unlocked
    with transaction.atomic():
        # A new session in any case: signing in again over a page, the old one may still be there.
        UnlockedSession.objects.filter(session_id_hash=hashed(request.session.session_key or "")).delete()
        request.session.flush()
        login(request, user, backend="portal.keys.backend.SlotBackend")
        request.session.save()
        session = UnlockedSession.objects.create(
            user=user,
            session_id_hash=hashed(request.session.session_key or ""),
            key_hash=hashed(user.id, session_key.hex()),
            wrapped_decryption=base64.b64decode(answer["decryption"]),
            wrapped_signing=base64.b64decode(answer["signing"]),
        )
        record(verb=Verb.SIGNED_IN, actor=actor(request, user, session), kind="user", id=user.id)
    vault = Vault(user, session, session_key)
    request.vault = vault
    return vault


def end(request: HttpRequest) -> None:
    """Signs out: the unlocked session is gone before the answer leaves."""
    vault: Vault | None = getattr(request, "vault", None)
    with transaction.atomic():
        if vault is not None:
            UnlockedSession.objects.filter(id=vault.session.id).delete()
            record(verb=Verb.SIGNED_OUT, actor=actor(request, vault.user, vault.session), kind="user", id=vault.user.id)
        logout(request)
    request.vault = None


def end_all(user: User, *, but: str = "") -> None:
    """Ends a person's sessions (disabled, password changed), except the one with the id `but`."""
    UnlockedSession.objects.filter(user=user).exclude(id=but).delete()


def on_user_disabled(sender: object, user: User, **_: object) -> None:
    """Whoever is disabled is out with the same transaction."""
    end_all(user)


def current(request: HttpRequest) -> Vault | None:
    """The vault of this request: both cookies match a session that is not over, of a person who is active."""
    session_id = request.session.session_key
    key = _key_cookie(request)
    if not session_id or key is None:
        return None
    found = rows(UnlockedSession, "SELECT * FROM keys_unlockedsession WHERE session_id_hash = %s", hashed(session_id))
    session = found[0] if found else None
    if session is None or not hmac.compare_digest(session.key_hash, hashed(session.user_id, key.hex())):
        return None
    session.user = by_id(User, session.user_id)
    if session.user is None or not session.user.is_active or calls.is_over(session):
        return None
    return Vault(session.user, session, key)


def renew(session: UnlockedSession) -> None:
    """A page was asked for by a person: the idle time starts again. Written at most once a minute."""
    now = timezone.now()
    if now - session.renewed_at > RENEW_EVERY:
        UnlockedSession.objects.filter(id=session.id).update(renewed_at=now)


def set_cookie(response: HttpResponse, vault: Vault) -> None:
    response.set_cookie(
        settings.SESSION_KEY_COOKIE_NAME,
        vault.key.hex(),
        max_age=int(settings.SESSION_ABSOLUTE.total_seconds()),
        secure=True,
        httponly=True,
        samesite="Strict",
    )


def clear_cookie(response: HttpResponse) -> None:
    response.delete_cookie(settings.SESSION_KEY_COOKIE_NAME, samesite="Strict")


def actor(request: HttpRequest, user: User | None, session: UnlockedSession | None) -> Actor:
    """Who acts, for the audit."""
    if user is None:
        return Actor(address=address(request))
    return Actor(
        person=user.id,
        name=user.username,
        role=",".join(sorted(user.role_names)),
        session=session.id if session else "",
        address=address(request),
    )


def address(request: HttpRequest) -> str:
    """Where the request comes from. A forwarded address counts only behind the configured TLS front."""
    if settings.TLS_IN_FRONT:
        forwarded = request.headers.get("X-Forwarded-For", "")
        if forwarded:
            return forwarded.split(",")[-1].strip()
    return request.META.get("REMOTE_ADDR", "")


def _key_cookie(request: HttpRequest) -> bytes | None:
    try:
        key = bytes.fromhex(request.COOKIES.get(settings.SESSION_KEY_COOKIE_NAME, ""))
    except ValueError:
        return None
    return key if len(key) == 32 else None


def end_expired() -> int:
    """Removes sessions that are over, so that no wrapped key outlives its use. Returns how many."""
    over = timezone.now() - settings.SESSION_IDLE - RENEW_EVERY
    gone, _ = UnlockedSession.objects.filter(renewed_at__lt=over).delete()
    return gone
