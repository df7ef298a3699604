"""The demo organisation: people to try the portal with. Their passwords are random for each installation."""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction

from portal.accounts.models import Role, RoleName, User
from portal.audit.services import SYSTEM
from portal.keys.services import enrol
from portal.mail.models import Origin
from portal.mail.services.origins import ANY, set_origin
from portal.policy import selectors
from portal.policy import services as policy

ORGANISATION = "Demo organisation"
ACCOUNTS_FILE = settings.DATA_DIR / "demo-accounts.json"

_CAVEATS, _PROJECTS, _RELEASABLE = (f"1.3.6.1.4.1.32473.1.1.{n}" for n in (1, 2, 3))
_CLASSES = {"UNCLASSIFIED": 1, "RESTRICTED": 2, "CONFIDENTIAL": 3, "SECRET": 4}
_WORDS = (
    "amber anchor autumn basalt beacon birch bramble canyon cedar cinder clover copper coral delta ember falcon fjord "
    "gravel harbour hazel heron indigo island juniper kestrel lagoon lantern lichen maple marble meadow mistral nectar "
    "oak onyx orchard otter pebble pepper pine plover quartz quill raven reed ripple saffron slate sparrow spruce "
    "summit thistle timber tundra umber velvet walnut willow wren yarrow zephyr"
).split()


@dataclass(frozen=True)
class DemoAccount:
    user: str
    password: str
    clearance: str
    roles: list[str]


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    clearance: str = ""
    categories: tuple[str, ...] = ()
    roles: tuple[RoleName, ...] = ()
    reads_gcm: bool = True


_UK, _FR, _US, _NO = (f"{_RELEASABLE}/6/{n}" for n in range(4))
_EYES, _MEDICAL, _LEGAL = (f"{_CAVEATS}/1/{n}" for n in (0, 2, 3))

PEOPLE = (
    Person("alice", "Alice Ashdown", "SECRET", (_UK, _FR, _US, _NO, _EYES, _MEDICAL, _LEGAL)),
    Person("bob", "Bob Birch", "CONFIDENTIAL", (_UK, _FR, _LEGAL)),
    Person("carol", "Carol Cole", "CONFIDENTIAL", (_UK, _MEDICAL), reads_gcm=False),  # makes CBC visible
    Person("charlie", "Charlie Chalk"),
    Person("audrey", "Audrey Archer", roles=(RoleName.AUDITOR,)),
    Person("admin", "Ada Minster", roles=(RoleName.ADMINISTRATOR,)),
    Person("sonia", "Sonia Stern", "SECRET", roles=(RoleName.SECURITY_OFFICER,)),
    Person("rex", "Rex Rowan", roles=(RoleName.REGISTRAR,)),
    Person("olga", "Olga Oak", roles=(RoleName.OPERATOR,)),
)


def create(policy_xml: bytes, people: Sequence[Person] = PEOPLE) -> list[DemoAccount]:
    """Policy, people, keys and clearances, all or nothing. People who exist already are left as they are."""
    with transaction.atomic():
        if not selectors.active_policy_id():
            policy.activate_policy(actor=SYSTEM, xml=policy_xml)
        missing = [person for person in people if not User.objects.filter(username=person.username).exists()]
        accounts = {each.user: each for each in accounts_on_file()} | {
            person.username: _create(person) for person in missing
        }
        if not Origin.objects.exists():
            lowest = (_CLASSES["UNCLASSIFIED"], ())
            set_origin(actor=SYSTEM, domain=ANY, unlabelled=lowest, encrypted=lowest)
        _write(list(accounts.values()))
    return list(accounts.values())


def _create(person: Person) -> DemoAccount:
    password = "-".join(secrets.choice(_WORDS) for _ in range(5))
    user = User.objects.create_user(
        person.username, address=f"{person.username}@{settings.MAIL_DOMAIN}", display_name=person.name
    )
    Role.objects.bulk_create(Role(user=user, name=name) for name in person.roles)
    enrol(user=user, password=password, reads_gcm=person.reads_gcm)
    if person.clearance:
        policy.grant_clearance(
            actor=SYSTEM, user=user, classification=_CLASSES[person.clearance], categories=person.categories
        )
    return DemoAccount(person.username, password, person.clearance, [str(name) for name in person.roles])


def accounts_on_file() -> list[DemoAccount]:
    """The demo sign-ins of this installation; empty if there is no demo."""
    try:
        return [DemoAccount(**each) for each in json.loads(ACCOUNTS_FILE.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []


def _write(accounts: list[DemoAccount]) -> None:
    draft = ACCOUNTS_FILE.with_suffix(".part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump([asdict(each) for each in accounts], file)
    draft.rename(ACCOUNTS_FILE)
