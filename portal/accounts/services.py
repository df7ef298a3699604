"""Changes of people and their roles: check, change and audit in one transaction each.

A refusal is returned as ``Refused``, after its one event is written. Administrators act here; nothing here touches a
clearance or a key.
"""

from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.accounts.duties import conflict
from portal.accounts.models import Invitation, Role, RoleName, User
from portal.accounts.signals import user_disabled
from portal.accounts.tokens import hash_token, new_token
from portal.audit.models import Verb
from portal.audit.services import SYSTEM, Actor, Refused, record, refuse

INVITATION_LIFE = timedelta(days=7)
RESERVED = frozenset({"system", "unknown", "anonymous", "root", "postmaster", "abuse", "mailer-daemon"})
NOT_ADMINISTRATOR = "Only an administrator may do this."


class InvitationGone(Exception):
    """The link was used, has expired, was replaced by a newer one, or its person is disabled."""


def invite(
    *, actor: Actor, username: str, display_name: str, address: str, roles: Collection[str] = ()
) -> tuple[User, str] | Refused:
    """A new person, and the token of a link that sets a first password. Only the token's hash is kept.

    ``address`` lies in the portal's own mail domain: mail for another domain's address would otherwise end here.
    """
    name = username.strip().lower()
    user = User(username=name, display_name=display_name.strip() or name, address=address.strip().lower())
    user.set_unusable_password()
    given = frozenset(roles)
    with transaction.atomic():
        reason = _not_administrator(actor) or _unfit(user) or _unknown_role(given) or conflict(given)
        if reason:
            return refuse(reason, verb=Verb.INVITED, actor=actor, kind="user", id="", about=user.username)
        user.save(force_insert=True)
        token = _new_invitation(actor, user)
        _give(actor, user, given)
    return user, token


def invite_again(*, actor: Actor, user: User) -> str | Refused:
    """A new link for somebody who has not used the first; the old one stops counting.

    Never for a person who has joined: whoever opens such a link sets the password.
    """
    with transaction.atomic():
        user = _locked(user)
        reason = _not_administrator(actor)
        if not reason and user.joined_at:
            reason = "This person has a password and keys already; a link would hand them to whoever opens it."
        if not reason and not user.is_active:
            reason = "This person is disabled. Enable first."
        if reason:
            return _refuse(reason, Verb.INVITED, actor, user)
        Invitation.objects.filter(user=user, used_at=None).delete()
        return _new_invitation(actor, user)


def mark_used(*, token_hash: str, actor: Actor) -> User:
    """The invitation was accepted by ``actor``, its person, in the caller's transaction, which makes the keys.

    Raises InvitationGone, which undoes that transaction: of two who open the same link one gets the account.
    """
    now = timezone.now()
    invitation = Invitation.objects.filter(
        token_hash=token_hash, user_id=actor.person, used_at=None, expires_at__gt=now, user__is_active=True
    )
    if invitation.update(used_at=now) != 1:
        raise InvitationGone
    user = User.objects.get(id=actor.person)
    mark_joined(user=user)
    record(verb=Verb.INVITATION_ACCEPTED, actor=actor, kind="user", id=user.id, about=user.username)
    return user


def mark_joined(*, user: User) -> None:
    """This person has keys from now on (in the transaction that makes them); open invitations stop counting."""
    User.objects.filter(id=user.id, joined_at=None).update(joined_at=timezone.now())
    Invitation.objects.filter(user=user, used_at=None).delete()


def change_roles(*, actor: Actor, user: User, roles: Collection[str]) -> Refused | None:
    """Exactly these roles from now on: all of the change or, with one event, nothing of it."""
    wanted = frozenset(roles)
    with transaction.atomic():
        user = _locked(user)
        held = user.role_names
        reason = _not_administrator(actor) or _unknown_role(wanted) or _keeps_order(actor, user, held, wanted)
        if reason:
            return _refuse(reason, Verb.ROLE_TAKEN if held - wanted else Verb.ROLE_GIVEN, actor, user)
        _give(actor, user, wanted - held)
        for name in sorted(held - wanted):
            Role.objects.filter(user=user, name=name).delete()
            record(verb=Verb.ROLE_TAKEN, actor=actor, kind="role", id=name, about=user.username)
    return None


def give_role(*, actor: Actor, user: User, role: str) -> Refused | None:
    return change_roles(actor=actor, user=user, roles=_current(user) | {role})


def take_role(*, actor: Actor, user: User, role: str) -> Refused | None:
    return change_roles(actor=actor, user=user, roles=_current(user) - {role})


def disable(*, actor: Actor, user: User) -> Refused | None:
    """Nobody signs in under this name any more, and who is signed in is not from the next request on. Mail is kept."""
    with transaction.atomic():
        user = _locked(user)
        reason = _not_administrator(actor)
        if not reason and user.id == actor.person:
            reason = "You can't disable yourself. Ask another administrator."
        if not reason and _is_last_administrator(user):
            reason = "This is the last administrator. Make another one first."
        if reason:
            return _refuse(reason, Verb.USER_DISABLED, actor, user)
        if user.is_active:
            user.is_active = False
            user.save(update_fields=["is_active"])
            Invitation.objects.filter(user=user, used_at=None).delete()
            user_disabled.send(sender=User, user=user)
            record(verb=Verb.USER_DISABLED, actor=actor, kind="user", id=user.id, about=user.username)
    return None


def enable(*, actor: Actor, user: User) -> Refused | None:
    """The person may sign in again, with the password and keys from before."""
    with transaction.atomic():
        user = _locked(user)
        if reason := _not_administrator(actor):
            return _refuse(reason, Verb.USER_ENABLED, actor, user)
        if not user.is_active:
            user.is_active = True
            user.save(update_fields=["is_active"])
            record(verb=Verb.USER_ENABLED, actor=actor, kind="user", id=user.id, about=user.username)
    return None


def _new_invitation(actor: Actor, user: User) -> str:
    token = new_token()
    Invitation.objects.create(token_hash=hash_token(token), user=user, expires_at=timezone.now() + INVITATION_LIFE)
    record(verb=Verb.INVITED, actor=actor, kind="user", id=user.id, about=user.username)
    return token


def _give(actor: Actor, user: User, roles: Collection[str]) -> None:
    for name in sorted(roles):
        Role.objects.create(user=user, name=name)
        record(verb=Verb.ROLE_GIVEN, actor=actor, kind="role", id=name, about=user.username)


def _refuse(reason: str, verb: Verb, actor: Actor, user: User) -> Refused:
    return refuse(reason, verb=verb, actor=actor, kind="user", id=user.id, about=user.username)


def _not_administrator(actor: Actor) -> str:
    """Asked again here although the page asks: a service must not hang on one decorator."""
    if actor == SYSTEM or Role.objects.filter(
        user=actor.person, name=RoleName.ADMINISTRATOR, user__is_active=True
    ).exists():  # fmt: skip
        return ""
    return NOT_ADMINISTRATOR


def _unfit(user: User) -> str:
    """Why this user can't be made, for people; "" if it can."""
    if user.username in RESERVED:
        return "This user name is kept for the portal itself. Choose another."
    if not user.address.endswith(f"@{settings.MAIL_DOMAIN.lower()}"):
        return f"The address must end in @{settings.MAIL_DOMAIN}: mail for other domains does not arrive here."
    try:
        user.full_clean()
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _unknown_role(roles: Collection[str]) -> str:
    return "" if set(roles) <= set(RoleName.values) else "There is no such role."


def _keeps_order(actor: Actor, user: User, held: frozenset[str], wanted: frozenset[str]) -> str:
    """Why this change of roles is refused, for people; "" if it may be."""
    if user.id == actor.person and held != wanted:
        return "You can't change your own roles. Ask another administrator."
    if RoleName.ADMINISTRATOR in held - wanted and _is_last_administrator(user):
        return "This is the last administrator. Make another one first."
    return conflict(wanted)


def _is_last_administrator(user: User) -> bool:
    """Whether without this person nobody could administer the portal: active, with keys.

    Locks the administrators' rows, so that of two who take each other's role at the same time one is refused.
    """
    able = Role.objects.select_for_update().filter(
        name=RoleName.ADMINISTRATOR, user__is_active=True, user__joined_at__isnull=False
    )
    ids = list(able.order_by("id").values_list("user_id", flat=True))
    return ids == [user.id]


def _current(user: User) -> frozenset[str]:
    return frozenset(Role.objects.filter(user=user).values_list("name", flat=True))


def _locked(user: User) -> User:
    return User.objects.select_for_update().get(id=user.id)


def refuse_unknown(*, actor: Actor, id: str) -> Refused:
    """An administrator asked for somebody who does not exist."""
    with transaction.atomic():
        return refuse("there is no such person", verb=Verb.REFUSED, actor=actor, kind="user", id=id)
