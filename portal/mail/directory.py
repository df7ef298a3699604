"""Whom a typed recipient means. Only people of this portal, so far; names and addresses work, upper and lower case are the same."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from portal.accounts.models import User

_ENTRY = re.compile(r'(?:"[^"]*"|[^,;])+')
_BRACKETED = re.compile(r"<([^<>]*)>\s*$")


@dataclass(frozen=True)
class Recipient:
    """One entry of To, Cc or Bcc: what was typed, and who that is, if anybody here."""

    typed: str
    user: User | None


def resolve(text: str) -> list[Recipient]:
    """The entries of a field, in order, each person once. Separated by commas or semicolons."""
    entries = [_key(each) for each in split(text)]
    known = _known(key for _, key in entries)
    found, seen = [], set()
    for typed, key in entries:
        user = known.get(key)
        identity = user.id if user else key
        if identity not in seen:
            seen.add(identity)
            found.append(Recipient(typed, user))
    return found


def split(text: str) -> list[str]:
    """The entries as typed; a comma inside a quoted display name does not separate."""
    return [" ".join(each.split()) for each in _ENTRY.findall(text) if each.strip()]


def suggestions(user: User) -> list[User]:
    """People to offer while typing: everybody active of this portal but oneself."""
    return list(User.objects.filter(is_active=True).exclude(id=user.id).order_by("username")[:500])


def _key(entry: str) -> tuple[str, str]:
    """The entry, and what to look up: what stands in angle brackets, if there are any."""
    bracketed = _BRACKETED.search(entry)
    return entry, (bracketed[1] if bracketed else entry).strip().casefold()


def _known(keys: Iterable[str]) -> dict[str, User]:
    wanted = set(keys)
    rows = User.objects.filter(Q(username__in=wanted) | Q(address__in=wanted), is_active=True)
    return {key: row for row in rows for key in (row.username.casefold(), row.address.casefold())}
