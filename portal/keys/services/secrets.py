"""Changing secrets: invitation accepted, password changed, recovery code used. New slots, never new keys."""

from django.db import transaction

from portal.accounts.models import User
from portal.accounts.services import InvitationGone, mark_used
from portal.audit.models import Verb
from portal.audit.services import Actor, record
from portal.keys import sessions
from portal.keys.calls import Payload, answers, unlocked
from portal.keys.master import master_key
from portal.keys.models import SignInFailures, Slot
from portal.keys.services.enrol import PasswordRefused, check_password, enrol
from portal.keys.services.unlock import blinded, count_failure, locked_until, try_slot, verify_password
from portal.keys.slots import UserKeys, make_slot, new_recovery_code


@answers("accept_invitation")
def accept_invitation(*, user_id: str, user: str, token_hash: str, password: str, address: str) -> Payload:
    """An invited person's password and keys; the link counts once. Returns the recovery code."""
    person = User.objects.get(id=user)
    actor = Actor(person=person.id, name=person.username, address=address)
    try:
        with transaction.atomic():
            mark_used(token_hash=token_hash, actor=actor)
            code = enrol(user=person, password=password, actor=actor)
    except PasswordRefused as refusal:
        return {"refused": str(refusal)}
    except InvitationGone:
        return {"refused": "This link was used already. Sign in with your password, or ask for a new link."}
    return {"recovery_code": code}


@answers("change_password")
def change_password(
    *, user_id: str, session_id: str, decrypt: str, old_password: str, new_password: str, address: str
) -> Payload:
    """A new slot, not new keys. Every other session of the person ends."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    keys = verify_password(vault.user, old_password, address)
    if isinstance(keys, dict):
        return keys
    try:
        _replace_slot(vault.user, Slot.Kind.PASSWORD, new_password, keys, but_session=session_id, address=address)
    except PasswordRefused as refusal:
        return {"refused": str(refusal)}
    return {"changed": True}


@answers("recover")
def recover(*, user_id: str, username: str, recovery_code: str, new_password: str, address: str) -> Payload:
    """A forgotten password: the recovery code opens the keys, a new password and a new recovery code take over."""
    # Counted apart from wrong passwords: who locks a name by guessing does not also shut this way.
    name = blinded(f"recovery {username}")
    if until := locked_until(name):
        return {"locked_until": until.isoformat()}
    user = User.objects.filter(username__iexact=username.strip(), is_active=True).first()
    keys = try_slot(user, Slot.Kind.RECOVERY, recovery_code)
    if user is None or keys is None:
        return count_failure(name, user, address)
    code = new_recovery_code()
    recovery_slot = make_slot(master_key(), user_id=user.id, kind=Slot.Kind.RECOVERY, secret=code, keys=keys)
    try:
        with transaction.atomic():
            _replace_slot(user, Slot.Kind.PASSWORD, new_password, keys, but_session="", address=address)
            Slot.objects.filter(user=user, kind=Slot.Kind.RECOVERY).delete()
            recovery_slot.save()
            SignInFailures.objects.filter(blinded_name=name).delete()
            actor = Actor(person=user.id, name=user.username, address=address)
            record(verb=Verb.RECOVERY_USED, actor=actor, kind="user", id=user.id)
    except PasswordRefused as refusal:
        return {"refused": str(refusal)}
    return {"recovery_code": code}


def _replace_slot(user: User, kind: str, secret: str, keys: UserKeys, *, but_session: str, address: str) -> None:
    check_password(secret, user)
    slot = make_slot(master_key(), user_id=user.id, kind=kind, secret=secret, keys=keys)
    with transaction.atomic():
        Slot.objects.filter(user=user, kind=kind).delete()
        slot.save()
        sessions.end_all(user, but=but_session)
        actor = Actor(person=user.id, name=user.username, address=address, session=but_session)
        record(verb=Verb.PASSWORD_CHANGED, actor=actor, kind="user", id=user.id)
