"""Who may read what: one decision, default deny, no exception for anybody, and changes that work at once."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import Role, RoleName
from portal.audit.services import SYSTEM
from portal.policy import access, engine, services
from portal.policy.models import Clearance, Label, SecurityPolicy
from tests.portal.policy.conftest import (
    AURORA,
    BY_HAND,
    CIPHER,
    CONFIDENTIAL,
    DEMO,
    EYES,
    FR,
    SECRET,
    TOP_SECRET,
    UK,
    UNCLASSIFIED,
    US,
)


def test_the_clearance_includes_the_classification(alice, label):
    assert access.decide_for(alice, label(SECRET)).granted


def test_what_is_dominated_was_granted_with_it(alice, label):
    assert access.decide_for(alice, label(UNCLASSIFIED)).granted


def test_a_classification_above_the_clearance_is_refused(bob, label):
    decision = access.decide_for(bob, label(SECRET))
    assert not decision.granted
    assert decision.reason == "the clearance does not include SECRET"


@pytest.mark.parametrize(
    ("categories", "granted"),
    [
        pytest.param([CIPHER], True, id="the restrictive category is held"),
        pytest.param([CIPHER, EYES], False, id="one of two restrictive categories is not held"),
        pytest.param([AURORA], False, id="the enumerated restrictive category is not held"),
        pytest.param([UK, US], True, id="one of the permissive categories is held"),
        pytest.param([US], False, id="none of the permissive categories is held"),
        pytest.param([BY_HAND], True, id="an informative category keeps nobody out"),
        pytest.param([CIPHER, US], False, id="one tag set does not make up for another"),
    ],
)
def test_each_tag_decides_by_its_own_rule(alice, label, categories, granted):
    assert access.decide_for(alice, label(SECRET, *categories)).granted is granted


# Default deny


def test_without_a_clearance_everything_is_refused(charlie, label):
    assert access.decide_for(charlie, label(UNCLASSIFIED)) == access.Decision(False, "there is no clearance")


def test_without_a_label_everything_is_refused(alice):
    assert not access.decide_for(alice, None).granted


def test_without_a_policy_everything_is_refused(alice, label):
    secret = label(SECRET)
    SecurityPolicy.objects.update(active=False)
    assert not access.decide_for(alice, secret).granted
    assert access.readable_labels(alice) == frozenset()


def test_a_superuser_without_clearance_reads_nothing(person, label):
    root = person("root", is_superuser=True)
    unclassified = label(UNCLASSIFIED)
    assert not access.decide_for(root, unclassified).granted
    assert access.readable_labels(root) == frozenset()


@pytest.mark.parametrize("role", RoleName.values)
def test_no_role_stands_for_a_clearance(person, label, role):
    holder = person("holder")
    Role.objects.create(user=holder, name=role)
    assert not access.decide_for(holder, label(UNCLASSIFIED)).granted


def test_no_permission_stands_for_a_clearance(person, label, django_user_model):
    from django.contrib.auth.models import Permission

    holder = person("holder")
    holder.user_permissions.set(Permission.objects.all())
    assert not access.decide_for(holder, label(UNCLASSIFIED)).granted


def test_a_disabled_person_reads_nothing(alice, label):
    secret = label(SECRET)
    assert access.readable_labels(alice) == {secret.id}
    alice.is_active = False
    alice.save()
    assert access.decide_for(alice, secret) == access.Decision(False, "the account is disabled")
    assert access.readable_labels(alice) == frozenset()


@pytest.mark.parametrize("damaged", [b"", b"\x30\x03\x06\x01", b"\xff" * 20])
def test_what_cannot_be_read_is_refused(alice, label, damaged):
    secret, unreadable = label(SECRET), label(CONFIDENTIAL)
    unreadable.der = damaged
    assert not access.decide_for(alice, unreadable).granted
    Clearance.objects.filter(user=alice).update(der=damaged)
    assert not access.decide_for(alice, secret).granted


def test_a_clearance_of_another_policy_opens_nothing(alice, label):
    secret = label(SECRET)
    other = DEMO.replace(b'id="1.3.6.1.4.1.32473.1.1"', b'id="1.3.6.1.4.1.32473.1.9"')
    services.activate_policy(actor=SYSTEM, xml=other)
    assert not access.decide_for(alice, secret).granted
    assert not access.decide_for(alice, services.label_row(classification=SECRET)).granted
    assert access.readable_labels(alice) == frozenset()


# Changes work on the next question


def test_a_grant_works_on_the_next_question(charlie, label):
    secret = label(SECRET)
    assert access.readable_labels(charlie) == frozenset()
    services.grant_clearance(actor=SYSTEM, user=charlie, classification=SECRET)
    assert access.readable_labels(charlie) == {secret.id}
    assert access.decide_for(charlie, secret).granted


def test_a_revocation_works_on_the_next_question(alice, label):
    secret = label(SECRET)
    assert access.readable_labels(alice) == {secret.id}
    services.revoke_clearance(actor=SYSTEM, user=alice)
    assert access.readable_labels(alice) == frozenset()
    assert not access.decide_for(alice, secret).granted


def test_a_new_version_of_the_policy_works_on_the_next_question(alice, label):
    """The label was valid; the new version no longer uses SECRET."""
    secret, confidential = label(SECRET), label(CONFIDENTIAL)
    assert access.readable_labels(alice) == {secret.id, confidential.id}
    services.activate_policy(actor=SYSTEM, xml=DEMO.replace(b'name="SECRET"', b'name="SECRET" obsolete="true"'))
    assert access.readable_labels(alice) == {confidential.id}
    assert not access.decide_for(alice, secret).granted


def test_a_new_label_is_found_on_the_next_question(alice, label):
    assert access.readable_labels(alice) == frozenset()
    secret = label(SECRET)
    assert access.readable_labels(alice) == {secret.id}


def test_a_clearance_ends_at_its_hour_although_answers_are_remembered(charlie, label, monkeypatch):
    secret, now = label(SECRET), timezone.now()
    services.grant_clearance(actor=SYSTEM, user=charlie, classification=SECRET, valid_until=now + timedelta(hours=1))
    assert access.readable_labels(charlie) == {secret.id}
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=1, seconds=1))
    assert access.readable_labels(charlie) == frozenset()
    assert access.decide_for(charlie, secret).reason == "the clearance is not valid at this time"


def test_a_policy_ends_at_its_hour_although_answers_are_remembered(person, monkeypatch):
    now = timezone.now()
    ending = f'<SPIF notAfter="{(now + timedelta(hours=1)).isoformat()}"'.encode()
    services.activate_policy(actor=SYSTEM, xml=DEMO.replace(b"<SPIF", ending))
    reader, secret = person("reader"), services.label_row(classification=SECRET)
    services.grant_clearance(actor=SYSTEM, user=reader, classification=SECRET)
    assert access.readable_labels(reader) == {secret.id}
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=1, seconds=1))
    assert access.readable_labels(reader) == frozenset()


def test_an_answer_given_inside_a_transaction_that_failed_is_not_kept(charlie, label):
    secret = label(SECRET)

    with transaction.atomic():
        services.grant_clearance(actor=SYSTEM, user=charlie, classification=SECRET)
        assert access.readable_labels(charlie) == {secret.id}
        transaction.set_rollback(True)
    assert access.readable_labels(charlie) == frozenset()


# What it costs


def test_each_distinct_label_is_decided_once(alice, label, monkeypatch):
    asked = []
    decide = engine.decide
    monkeypatch.setattr(engine, "decide", lambda held, der, now: asked.append(der) or decide(held, der, now))
    labels = [label(SECRET), label(CONFIDENTIAL), label(SECRET)]
    for _ in range(3):
        access.readable_labels(alice)
    assert sorted(asked) == sorted({each.der for each in labels})


def test_a_request_reads_the_versions_in_one_query_and_the_labels_in_another(alice, label, django_assert_num_queries):
    label(SECRET)
    access.readable_labels(alice)
    with django_assert_num_queries(2):
        access.readable_labels(alice)


def test_a_decision_costs_one_query(alice, label, django_assert_num_queries):
    secret = label(SECRET)
    access.decide_for(alice, secret)
    with django_assert_num_queries(1):
        access.decide_for(alice, secret)


def test_an_absent_label_costs_as_many_queries_as_one_that_is_refused(bob, label, django_assert_num_queries):
    higher = label(TOP_SECRET)
    access.decide_for(bob, higher)
    for asked in (higher, None):
        with django_assert_num_queries(1):
            assert not access.decide_for(bob, asked).granted


def test_permissive_labels_release_to_each_holder(alice, bob, label):
    for released, readers in [((UK,), {alice, bob}), ((FR,), {alice}), ((US,), set())]:
        row = label(CONFIDENTIAL, *released)
        assert {reader for reader in (alice, bob) if access.decide_for(reader, row).granted} == readers
    assert Label.objects.count() == 3
