"""Reads of people, roles and invitations."""

from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import Invitation, RoleName, User
from portal.accounts.tokens import hash_token

PAGE = 100


@dataclass(frozen=True)
class People:
    users: list[User]
    next: str  # the user name after which the next page begins; "" on the last page


def invitation_for(token: str) -> Invitation | None:
    """The invitation behind a link that still counts: not used, not expired, its person not disabled."""
    return (
        Invitation.objects.select_related("user")
        .filter(token_hash=hash_token(token), used_at=None, expires_at__gt=timezone.now(), user__is_active=True)
        .first()
    )


def people(*, search: str = "", after: str = "") -> People:
    """Everybody by user name, a page at a time; ``search`` is part of a user name, name or address."""
    users = User.objects.prefetch_related("roles").order_by("username")
    if search:
        users = users.filter(
            Q(username__icontains=search) | Q(display_name__icontains=search) | Q(address__icontains=search)
        )
    found = list(users.filter(username__gt=after)[: PAGE + 1])
    return People(found[:PAGE], found[PAGE - 1].username if len(found) > PAGE else "")


def person(id: str) -> User | None:
    return User.objects.prefetch_related("roles").filter(id=id).first()


def open_invitation(user: User) -> Invitation | None:
    """The link that the person has not used yet, if one still counts."""
    return user.invitations.filter(used_at=None, expires_at__gt=timezone.now()).order_by("-expires_at").first()


def has_joined_administrator() -> bool:
    """Whether somebody can administer the portal: active, with keys."""
    return User.objects.filter(
        roles__name=RoleName.ADMINISTRATOR, is_active=True, joined_at__isnull=False
    ).exists()  # fmt: skip
