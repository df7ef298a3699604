"""Unlocking: a password is right if it opens the slot. The worker counts failures per name itself."""

import base64
import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys.calls import Payload, answers, session_half
from portal.keys.master import master_key
from portal.keys.models import SignInFailures, Slot, WrappedSecret
from portal.keys.sealing import aead_seal, context
from portal.keys.slots import UserKeys, WrongSecret, open_slot, pretend
from portal.keys.vault import session_context

LOCK_TIME = timedelta(minutes=15)


@answers("unlock")
def unlock(*, user_id: str, username: str, password: str, session_key: str, address: str) -> Payload:
    """Opens the password slot and wraps the user keys for a session. The worker counts failures per name itself."""
    name = blinded(username)
    if until := locked_until(name):
        return {"locked_until": until.isoformat()}
    user = User.objects.filter(username__iexact=username.strip(), is_active=True).first()
    keys = try_slot(user, Slot.Kind.PASSWORD, password)
    if user is None or keys is None:
        return count_failure(name, user, address)
    SignInFailures.objects.filter(blinded_name=name).delete()
    return {"user": user.id} | wrap_for_session(user.id, keys, bytes.fromhex(session_key))


def wrap_for_session(user_id: str, keys: UserKeys, session_key: bytes) -> Payload:
    """Both user keys for a session's row: under a half of the session key each, and under the master key around it.

    The outer wrapping keeps the web process, which has the session key, from opening private keys by itself.
    """
    wrapped: Payload = {}
    for purpose, half, key in (("decryption", "decrypt", keys.decryption), ("signing", "sign", keys.signing)):
        bound_to = session_context(user_id, purpose)
        inner = aead_seal(session_half(session_key, half), key, bound_to)
        wrapped[purpose] = base64.b64encode(master_key().wrap(inner, bound_to)).decode()
    return wrapped


def try_slot(user: User | None, kind: str, secret: str) -> UserKeys | None:
    """The user keys if the secret is right. For nobody, or without a slot, the same work is done."""
    slot = Slot.objects.filter(user=user, kind=kind).first() if user else None
    if slot is None:
        pretend(secret)
        return None
    try:
        return open_slot(master_key(), slot, secret)
    except WrongSecret:
        return None


def count_failure(name: bytes, user: User | None, address: str) -> Payload:
    """One more wrong try for a name, on record. Returns the answer of the call."""
    now = timezone.now()
    with transaction.atomic():
        row, _ = SignInFailures.objects.get_or_create(blinded_name=name, defaults={"last_at": now})
        SignInFailures.objects.filter(blinded_name=name).update(count=F("count") + 1, last_at=now)
        record(
            verb=Verb.SIGN_IN_FAILED,
            actor=Actor(address=address),
            kind="user",
            id=user.id if user else "unknown",  # never the typed name: it may be a password
            about=user.username if user else "",
            outcome=Outcome.REFUSED,
            reason="wrong user name or password",
        )
    if row.count + 1 >= settings.SIGN_IN_TRIES:
        return {"locked_until": (now + LOCK_TIME).isoformat()}
    return {}


def locked_until(name: bytes) -> datetime | None:
    """When the next try counts, if there were too many wrong ones lately."""
    row = SignInFailures.objects.filter(blinded_name=name).first()
    if row is None:
        return None
    if timezone.now() - row.last_at > LOCK_TIME:
        row.delete()
        return None
    return row.last_at + LOCK_TIME if row.count >= settings.SIGN_IN_TRIES else None


def forget_old_failures() -> None:
    """Failures that no longer count are of no use to anybody."""
    SignInFailures.objects.filter(last_at__lt=timezone.now() - LOCK_TIME).delete()


def blinded(username: str) -> bytes:
    """What the failure table keeps of a typed name. Nobody without the master key can test guesses against it."""
    row = WrappedSecret.objects.get(name="blind")
    return hmac.digest(
        master_key().unwrap(row.wrapped, context("blind")), username.strip().casefold().encode(), "sha256"
    )


def verify_password(user: User, password: str, address: str) -> UserKeys | Payload:
    """The user keys if the password is right now; otherwise the answer to give ({} for wrong), counted like a sign-in."""
    name = blinded(user.username)
    if until := locked_until(name):
        return {"locked_until": until.isoformat()}
    keys = try_slot(user, Slot.Kind.PASSWORD, password)
    if keys is None:
        return count_failure(name, user, address)
    SignInFailures.objects.filter(blinded_name=name).delete()
    return keys
