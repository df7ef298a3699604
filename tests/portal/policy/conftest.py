"""The demonstration policy and some people under it. alice: SECRET, CIPHER, UK and FR; bob: CONFIDENTIAL, UK; charlie: nothing."""

from pathlib import Path

import pytest

from portal.accounts.models import Role, RoleName, User
from portal.audit.models import Event
from portal.audit.services import SYSTEM, Actor
from portal.policy import services

DEMO = (Path(services.__file__).parent / "demo-policy.xml").read_bytes()
UNCLASSIFIED, RESTRICTED, CONFIDENTIAL, SECRET, TOP_SECRET = range(1, 6)
CAVEATS, PROJECTS, RELEASABLE, HANDLING = (f"1.3.6.1.4.1.32473.1.1.{n}" for n in range(1, 5))
EYES, CIPHER, NUCLEAR = f"{CAVEATS}/1/0", f"{CAVEATS}/1/1", f"{CAVEATS}/1/4"
AURORA = f"{PROJECTS}/2/1001"
UK, FR, US = f"{RELEASABLE}/6/0", f"{RELEASABLE}/6/1", f"{RELEASABLE}/6/2"
BY_HAND = f"{HANDLING}/7/1"


@pytest.fixture
def policy(db):
    return services.activate_policy(actor=SYSTEM, xml=DEMO)


@pytest.fixture
def person(db):
    def make(name, **fields):
        return User.objects.create_user(name, address=f"{name}@portal.example", **fields)

    return make


@pytest.fixture
def cleared(policy, person):
    def make(name, classification, *categories, **fields):
        user = person(name, **fields)
        services.grant_clearance(actor=SYSTEM, user=user, classification=classification, categories=categories)
        return user

    return make


@pytest.fixture
def alice(cleared):
    return cleared("alice", SECRET, CIPHER, UK, FR)


@pytest.fixture
def bob(cleared):
    return cleared("bob", CONFIDENTIAL, UK)


@pytest.fixture
def charlie(person):
    return person("charlie")


@pytest.fixture
def sonia(person):
    user = person("sonia")
    Role.objects.create(user=user, name=RoleName.SECURITY_OFFICER)
    return user


@pytest.fixture
def officer(sonia):
    return Actor(person=sonia.pk, name="sonia", role="security_officer")


@pytest.fixture
def label(policy):
    def make(classification, *categories):
        return services.label_row(classification=classification, categories=categories)

    return make


@pytest.fixture
def events():
    """The audit events written since the fixture was asked for, as (verb, outcome)."""
    before = set(Event.objects.values_list("id", flat=True))

    def since():
        return list(Event.objects.exclude(id__in=before).values_list("verb", "outcome"))

    return since
