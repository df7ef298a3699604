"""Rows of labels: one for each distinct DER, valid by the policy, with the words of its newest version."""

import pytest
from django.db import transaction
from django.db.models import QuerySet

from portal.audit.models import Event
from portal.audit.services import SYSTEM
from portal.policy import services
from portal.policy.models import Label
from tests.portal.policy.conftest import CIPHER, DEMO, EYES, FR, NUCLEAR, RESTRICTED, SECRET, UK, UNCLASSIFIED


def test_the_same_label_is_the_same_row_in_whatever_order_it_is_given(label):
    assert label(SECRET, UK, CIPHER) == label(SECRET, CIPHER, UK, UK)
    assert Label.objects.count() == 1


def test_a_row_has_the_words_and_the_colour_of_the_policy(policy, label):
    row = label(SECRET, CIPHER, UK, FR)
    assert row.marking == "SECRET · CIPHER · REL TO UK, FR"
    assert row.short_marking == "SECRET"
    assert row.colour_class == f"label-{policy.version}-{SECRET}"


@pytest.mark.parametrize(
    ("classification", "categories", "reason"),
    [
        pytest.param(UNCLASSIFIED, [EYES], "EYES may not be used with UNCLASSIFIED.", id="excluded class"),
        pytest.param(SECRET, [NUCLEAR], "NUCLEAR requires other categories beside it.", id="required category"),
        pytest.param(77, [], "The classification is unknown.", id="unknown classification"),
        pytest.param(5000, [], "The policy has no such classification or category.", id="impossible classification"),
        pytest.param(
            SECRET, ["1.2.3/1/0"], "The label has a category that the policy Demonstration does not define.", id="x"
        ),
        pytest.param(SECRET, ["nonsense"], "The policy has no such classification or category.", id="no reference"),
        pytest.param(SECRET, ["1.2.3/9/0"], "The policy has no such classification or category.", id="no tag type"),
        pytest.param(
            SECRET, [f"1.2.3/1/{'9' * 5000}"], "The policy has no such classification or category.", id="huge"
        ),
    ],
)
def test_a_label_that_the_policy_does_not_allow_is_refused_and_leaves_no_row(label, classification, categories, reason):
    with pytest.raises(services.LabelRefused, match=f"^{reason}$"):
        label(classification, *categories)
    assert not Label.objects.exists()


def test_there_is_no_label_without_a_policy(db):
    with pytest.raises(services.LabelRefused):
        services.label_row(classification=SECRET)


def test_somebody_else_may_make_the_same_label_at_the_same_moment(policy, label, monkeypatch):
    """Between looking and writing the row appears: the other's row is taken, and the caller's transaction goes on."""
    others, look = [], QuerySet.get

    def late(rows, **wanted):
        if rows.model is Label and not others:
            others.extend(Label.objects.bulk_create([Label(policy=policy, marking="SECRET", **wanted)]))
            raise Label.DoesNotExist
        return look(rows, **wanted)

    monkeypatch.setattr(QuerySet, "get", late)
    with transaction.atomic():
        assert [label(SECRET)] == others
        assert Label.objects.count() == 1


# A new version of the policy


def test_the_words_of_a_label_follow_the_newest_version_of_its_policy(label):
    row = label(SECRET)
    newer = services.activate_policy(actor=SYSTEM, xml=DEMO.replace(b'name="SECRET"', b'name="GEHEIM"'))
    row.refresh_from_db()
    assert (row.marking, row.policy, row.colour_class) == ("GEHEIM", newer, f"label-{newer.version}-{SECRET}")


def test_a_label_the_newest_version_does_not_know_keeps_its_words(policy, label):
    row = label(RESTRICTED)
    without = b"".join(line for line in DEMO.splitlines(keepends=True) if b"RESTRICTED" not in line)
    services.activate_policy(actor=SYSTEM, xml=without)
    row.refresh_from_db()
    assert (row.marking, row.policy) == ("RESTRICTED", policy)


def test_another_policy_leaves_the_labels_of_the_former_alone(policy, label):
    row = label(SECRET)
    other = DEMO.replace(b'id="1.3.6.1.4.1.32473.1.1"', b'id="1.3.6.1.4.1.32473.1.9"')
    services.activate_policy(actor=SYSTEM, xml=other)
    row.refresh_from_db()
    assert row.policy == policy
    assert services.label_row(classification=SECRET) != row


def test_making_a_label_is_no_event_of_its_own(label):
    before = Event.objects.count()
    label(SECRET)
    assert Event.objects.count() == before
