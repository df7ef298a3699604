"""The security officer's acts: each one service and one event; each refusal returned, with its event kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.models import Role, RoleName
from portal.audit.models import Event
from portal.audit.services import SYSTEM, Actor, Refused
from portal.policy import access, selectors, services
from portal.policy import officer as officers
from portal.policy.models import Clearance, SecurityPolicy
from tests.portal.policy.conftest import BY_HAND, CONFIDENTIAL, DEMO, RESTRICTED, SECRET, TOP_SECRET, UK


def grant(actor, user, classification=SECRET, **fields):
    return services.grant_clearance(actor=actor, user=user, classification=classification, **fields)


def test_granting_is_one_event(policy, officer, charlie, events):
    clearance = grant(officer, charlie, categories=[UK])
    assert events() == [("clearance_granted", "granted")]
    event = Event.objects.get(verb="clearance_granted")
    assert (event.object_id, event.about, event.name) == (clearance.id, "charlie", "sonia")
    assert event.label == "SECRET · REL TO UK"


def test_a_grant_takes_the_place_of_the_former_clearance(policy, officer, alice, label):
    grant(officer, alice, CONFIDENTIAL)
    assert Clearance.objects.filter(user=alice).count() == 2
    assert Clearance.objects.filter(user=alice, revoked_at=None).count() == 1
    assert not access.decide_for(alice, label(SECRET)).granted


def test_revoking_is_one_event(officer, alice, events):
    services.revoke_clearance(actor=officer, user=alice)
    assert events() == [("clearance_revoked", "granted")]


def test_activating_a_policy_is_one_event(officer, policy, events):
    newer = services.activate_policy(actor=officer, xml=DEMO)
    assert events() == [("policy_activated", "granted")]
    assert Event.objects.filter(reason="Demonstration, version 2 (1.3.6.1.4.1.32473.1.1)").count() == 1
    assert (newer.version, newer.active, newer.activated_by) == (policy.version + 1, True, "sonia")
    assert SecurityPolicy.objects.filter(active=True).count() == 1


# Refusals


def test_nobody_grants_to_himself(policy, officer, sonia, events):
    refused = grant(officer, sonia)
    assert refused == Refused("Nobody grants a clearance to himself: ask another security officer.")
    assert events() == [("clearance_granted", "refused")]
    assert not Clearance.objects.exists()


@pytest.mark.parametrize("roles", [[], *([name] for name in RoleName.values if name != "security_officer")])
def test_only_a_security_officer_grants_revokes_or_activates(policy, alice, charlie, events, roles):
    for role in roles:
        Role.objects.create(user=charlie, name=role)
    actor = Actor(person=charlie.pk, name="charlie", role="security_officer")  # whatever the caller claims
    assert isinstance(grant(actor, alice, CONFIDENTIAL), Refused)
    assert isinstance(services.revoke_clearance(actor=actor, user=alice), Refused)
    assert isinstance(services.activate_policy(actor=actor, xml=DEMO), Refused)
    assert sorted(events()) == [
        ("clearance_granted", "refused"),
        ("clearance_revoked", "refused"),
        ("policy_activated", "refused"),
    ]
    assert selectors.clearance_marking(alice).startswith("SECRET")
    assert SecurityPolicy.objects.get() == policy


def test_a_superuser_is_no_security_officer(policy, person, charlie):
    root = person("root", is_superuser=True)
    assert isinstance(grant(Actor(person=root.pk, name="root"), charlie), Refused)


def test_an_officer_who_lost_the_role_is_none(policy, officer, charlie):
    Role.objects.all().delete()
    assert isinstance(grant(officer, charlie), Refused)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"classification": 77}, id="unknown classification"),
        pytest.param({"categories": ["1.2.3/1/0"]}, id="unknown category"),
        pytest.param({"categories": ["nonsense"]}, id="no category"),
        pytest.param({"categories": [BY_HAND]}, id="an informative category restricts nothing"),
        pytest.param({"valid_until": timezone.now() - timedelta(seconds=1)}, id="over before it begins"),
    ],
)
def test_a_clearance_that_the_policy_does_not_have_is_refused(policy, officer, charlie, events, fields):
    assert isinstance(grant(officer, charlie, **fields), Refused)
    assert events() == [("clearance_granted", "refused")]
    assert not Clearance.objects.exists()


def test_there_is_no_clearance_without_a_policy(officer, charlie):
    assert grant(officer, charlie) == Refused("There is no security policy yet.")


def test_revoking_what_nobody_has_is_refused(policy, officer, charlie, events):
    assert services.revoke_clearance(actor=officer, user=charlie) == Refused("charlie has no clearance.")
    assert events() == [("clearance_revoked", "refused")]


def test_a_file_that_is_no_policy_is_refused_with_line_and_column(policy, officer, events):
    refused = services.activate_policy(actor=officer, xml=b"<SPIF>\n  <securityPolicyId>\n</SPIF>")
    assert isinstance(refused, Refused)
    assert "line 3, column" in refused.reason
    assert events() == [("policy_activated", "refused")]
    assert SecurityPolicy.objects.get(active=True) == policy


def test_a_policy_without_classifications_is_refused(officer):
    empty = b'<SPIF><securityPolicyId name="Empty" id="1.2.3"/></SPIF>'
    assert services.activate_policy(actor=officer, xml=empty) == Refused("The policy has no classifications.")


# What the officer's pages show


def test_the_list_shows_what_each_person_holds(policy, alice, bob, charlie):
    rows = {row.person.username: row.marking for row in officers.clearance_page().rows}
    assert rows == {"alice": "SECRET · CIPHER · REL TO UK, FR", "bob": "CONFIDENTIAL · REL TO UK", "charlie": ""}


def test_the_list_costs_the_same_for_one_and_for_many(policy, cleared, django_assert_max_num_queries):
    for number in range(20):
        cleared(f"person{number}", RESTRICTED)
    with django_assert_max_num_queries(4):
        assert len(officers.clearance_page().rows) == 20


def test_the_form_starts_with_what_the_person_holds(alice):
    held = officers.held_choices(officers.clearance_row(alice).clearance)
    assert held["classification"] == SECRET
    granted = services.grant_clearance(
        actor=SYSTEM, user=alice, classification=held["classification"], categories=held["categories"]
    )
    assert officers.held_choices(granted) == held
    assert granted.der == Clearance.objects.filter(user=alice).exclude(id=granted.id).get().der


def test_the_frame_shows_a_clearance_only_while_it_holds(policy, officer, charlie, monkeypatch):
    now = timezone.now()
    grant(officer, charlie, TOP_SECRET, valid_until=now + timedelta(minutes=1))
    assert selectors.clearance_marking(charlie) == "TOP SECRET"
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=2))
    assert selectors.clearance_marking(charlie) == ""


def test_a_clearance_that_opens_nothing_is_shown_as_that(policy, alice, bob):
    """One damaged row must not take the page away on which it could be replaced."""
    Clearance.objects.filter(user=alice).update(der=b"\xff")
    assert [row.marking for row in officers.clearance_page().rows] == ["", "CONFIDENTIAL · REL TO UK"]
    assert officers.held_choices(Clearance.objects.get(user=alice))["classification"] is None
    assert selectors.clearance_marking(alice) == ""
    services.activate_policy(
        actor=SYSTEM, xml=DEMO.replace(b'id="1.3.6.1.4.1.32473.1.1"', b'id="1.3.6.1.4.1.32473.1.9"')
    )
    assert [row.marking for row in officers.clearance_page().rows] == ["", ""]
