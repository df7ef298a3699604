"""The people of the load: accounts with keys and clearances like the demo's, and what the seeder needs to write in their names.

Needs Django.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings

from bench.load.names import username
from portal.accounts.models import User
from portal.keys.calls import open_private_key
from portal.keys.master import master_key
from portal.keys.models import Certificate, PrivateKey, Slot
from portal.keys.selectors import valid_certificates
from portal.keys.slots import open_slot
from portal.keys.vault import sealers
from portal.mail import demo

FIRST = "Ada Ben Cleo Dan Eva Finn Gwen Hugo Ines Jon Kate Liam Mona Nils Olive Paul Rosa Sam Tess Vera".split()
LAST = "Ashby Brook Carver Dale Everett Frost Grant Hale Irving Jarvis Kerr Lowe Marsh Noble Orton Price Reed Stone Tait Wells".split()


@dataclass(frozen=True)
class Member:
    """Somebody in whose name messages are signed, and for whom they are encrypted."""

    user: User
    signing_key: bytes  # PKCS#8
    signing: Certificate
    encryption: Certificate
    seal: Callable[..., bytes]  # to the owner's storage key


def enrol(count: int) -> list[Member]:
    """The first `count` people, made where they are missing. Every second one holds SECRET, the others CONFIDENTIAL."""
    alice, bob = demo.PEOPLE[:2]
    wanted = []
    for number in range(count):
        like, name = (bob if number % 2 else alice), f"{FIRST[number % len(FIRST)]} {LAST[number // len(FIRST) % len(LAST)]}"
        wanted.append(demo.Person(username(number), name, like.clearance, like.categories, reads_gcm=number % 10 != 0))
    passwords = {each.user: each.password for each in demo.create(_policy(), wanted)}
    users = list(User.objects.filter(username__in=[each.username for each in wanted]).order_by("username"))
    return _members(users, passwords)


def _policy() -> bytes:
    return (settings.BASE_DIR / "portal" / "policy" / "demo-policy.xml").read_bytes()


def _members(users: Sequence[User], passwords: dict[str, str]) -> list[Member]:
    signing = valid_certificates(users, PrivateKey.Purpose.SIGNING)
    encryption = valid_certificates(users, PrivateKey.Purpose.ENCRYPTION)
    seals = sealers([each.id for each in users])
    found = []
    for user in users:
        slot = Slot.objects.get(user=user, kind=Slot.Kind.PASSWORD)
        key = open_private_key(signing[user.id].private_key, open_slot(master_key(), slot, passwords[user.username]).signing)
        found.append(Member(user, key, signing[user.id], encryption[user.id], seals[user.id]))
    return found
