"""Whom a typed recipient means: people of this portal by name or address, anybody else by address. Upper and lower case are the same."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from portal.accounts.models import User
from portal.keys import selectors as keys_selectors
from portal.keys.models import Certificate, PrivateKey
from portal.mail.models import Release
from portal.policy.selectors import Outsider
from portal.rows import rows

_ENTRY = re.compile(r'(?:"[^"]*"|[^,;])+')
_BRACKETED = re.compile(r"<([^<>]*)>\s*$")
_PLAIN = re.compile(r"[!#-~]{3,254}")  # no quoted local parts, and nothing that needs SMTPUTF8
_valid = EmailValidator(allowlist=[])


@dataclass(frozen=True)
class Outside:
    """Somebody outside, of whom nothing is known but the address (its domain in small letters)."""

    address: str

    @property
    def id(self) -> str:
        """What a submission names them by, as it names people by their ids: no id holds an @."""
        return self.address

    @property
    def username(self) -> str:
        return self.address

    @property
    def display_name(self) -> str:
        return self.address

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


Party = User | Outside


@dataclass(frozen=True)
class Recipient:
    """One entry of To, Cc or Bcc: what was typed, and who that is, if anybody."""

    typed: str
    party: Party | None

    @property
    def user(self) -> User | None:
        return self.party if isinstance(self.party, User) else None

    @property
    def outside(self) -> Outside | None:
        return self.party if isinstance(self.party, Outside) else None


def resolve(text: str) -> list[Recipient]:
    """The entries of a field, in order, each person once. Separated by commas or semicolons."""
    entries = [_key(each) for each in split(text)]
    if not entries:
        return []
    people = _people(key for _, key in entries)
    found, seen = [], set()
    for typed, key in entries:
        person = people.get(key.casefold())
        party = (person if person.is_active else None) if person else _outside(key)
        identity = party.id if party else key.casefold()
        if identity not in seen:
            seen.add(identity)
            found.append(Recipient(typed, party))
    return found


def split(text: str) -> list[str]:
    """The entries as typed; a comma inside a quoted display name does not separate."""
    return [" ".join(each.split()) for each in _ENTRY.findall(text) if each.strip()]


def outside(address: str) -> Outside | None:
    """The person outside who has this address. None if it is no address, or one of the portal's own domain or people."""
    found = resolve(address)
    return found[0].outside if len(found) == 1 else None


def clearances(parties: Iterable[Party | None]) -> dict[str, bytes | None]:
    """The clearance (DER) of each domain outside: its own, or what "*" says of any other. None: nothing may be sent there."""
    domains = {each.domain for each in parties if isinstance(each, Outside)}
    known = dict(Release.objects.filter(domain__in=[*domains, "*"]).values_list("domain", "clearance")) if domains else {}
    return {domain: known.get(domain, known.get("*")) for domain in domains}


def cleared(named: Iterable[tuple[str, Party | None]]) -> list[tuple[str, User | Outsider | None]]:
    """The same with the clearance in the place of whoever is outside: what the policy decides by."""
    pairs = list(named)
    held = clearances(party for _, party in pairs)
    return [(name, Outsider(held[who.domain]) if isinstance(who, Outside) else who) for name, who in pairs]


def encryption_certificates(parties: Sequence[Party]) -> dict[str, Certificate]:
    """By id, a certificate that holds now to encrypt with for each; who is missing has none."""
    people = [each for each in parties if isinstance(each, User)]
    outside = [each.address for each in parties if isinstance(each, Outside)]
    return keys_selectors.valid_certificates(
        people, PrivateKey.Purpose.ENCRYPTION
    ) | keys_selectors.certificates_outside(outside)


def suggestions(user: User) -> list[User]:
    """People to offer while typing: everybody active of this portal but oneself."""
    return list(User.objects.filter(is_active=True).exclude(id=user.id).order_by("username")[:500])


def _key(entry: str) -> tuple[str, str]:
    """The entry, and what to look up: what stands in angle brackets, if there are any."""
    bracketed = _BRACKETED.search(entry)
    return entry, (bracketed[1] if bracketed else entry).strip()


def _people(keys: Iterable[str]) -> dict[str, User]:
    """Also those who are no longer active: their addresses are nobody's outside."""
    wanted = list({key.casefold() for key in keys})
    found = rows(User, "SELECT * FROM accounts_user WHERE username IN %s OR address IN %s", wanted, wanted)
    return {key: row for row in found for key in (row.username.casefold(), row.address.casefold())}


def _outside(key: str) -> Outside | None:
    local, _, domain = key.rpartition("@")
    address = f"{local}@{domain.lower()}"
    try:
        _valid(address)
    except ValidationError:
        return None
    own = domain.lower() == settings.MAIL_DOMAIN.lower()
    return Outside(address) if _PLAIN.fullmatch(address) and not own else None
