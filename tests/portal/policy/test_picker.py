"""The label picker: what the originator may use, who blocks it, and nothing about anything above the originator."""

import pytest

from portal.audit.services import SYSTEM
from portal.policy import selectors, services
from tests.portal.policy.conftest import (
    AURORA,
    CIPHER,
    CONFIDENTIAL,
    DEMO,
    EYES,
    FR,
    RESTRICTED,
    SECRET,
    TOP_SECRET,
    UK,
    UNCLASSIFIED,
    US,
)


def names(choices):
    return [each.name for each in choices]


def group(groups, legend):
    return next((each for each in groups if each.legend == legend), None)


def test_only_classifications_the_originator_may_use_are_offered(alice, bob):
    assert names(selectors.label_choices(alice)) == ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET"]
    assert names(selectors.label_choices(bob)) == ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL"]


def test_an_originator_without_clearance_is_offered_nothing(policy, charlie, person):
    assert selectors.label_choices(charlie) == []
    assert selectors.category_groups(charlie) == []
    assert selectors.label_choices(person("root", is_superuser=True)) == []


def test_without_a_policy_nothing_is_offered(db, person):
    assert selectors.label_choices(person("early")) == []
    assert selectors.category_groups(person("bird")) == []


def test_each_choice_says_who_may_not_read_it(alice, bob, cleared):
    dora = cleared("dora", RESTRICTED)
    blocked = [each.blocked_by for each in selectors.label_choices(alice, [("bob", bob), ("dora", dora)])]
    assert blocked == ["", "", "dora may not read CONFIDENTIAL", "bob and dora may not read SECRET"]


def test_unknown_disabled_and_uncleared_people_look_alike(alice, charlie, cleared):
    disabled = cleared("disabled", SECRET, is_active=False)
    answers = {
        str(
            [
                selectors.label_choices(alice, [("x", who)]),
                selectors.category_groups(alice, [("x", who)]),
                selectors.blocked_recipients(alice, (SECRET, [UK]), [("x", who)]),
            ]
        )
        for who in (None, charlie, disabled)
    }
    assert len(answers) == 1


def test_unknown_and_uncleared_people_cost_the_same(alice, charlie, django_assert_num_queries):
    selectors.label_choices(alice)  # reads the policy into this process
    for who in (None, charlie):
        with django_assert_num_queries(1):
            selectors.label_choices(alice, [("x", who)])


def test_the_picker_does_not_tell_what_a_recipient_holds_above_the_originator(alice, bob, cleared):
    """bob's pages are the same whether alice holds CONFIDENTIAL or TOP SECRET, UK or EYES, CIPHER, UK and US."""
    low, high = cleared("low", CONFIDENTIAL, UK), cleared("high", TOP_SECRET, EYES, CIPHER, AURORA, UK, US)
    for ask in (selectors.label_choices, selectors.category_groups):
        assert ask(bob, [("x", low)]) == ask(bob, [("x", high)])
    for wanted in [(SECRET, []), (TOP_SECRET, []), (CONFIDENTIAL, [EYES]), (CONFIDENTIAL, [US])]:
        answers = [selectors.blocked_recipients(bob, wanted, [("x", who)]) for who in (low, high)]
        assert answers[0] == answers[1] == ["You may not use this label."]


def test_many_blocked_people_are_counted(alice):
    crowd = [(f"p{number}", None) for number in range(10)]
    assert selectors.label_choices(alice, crowd)[0].blocked_by == "p0, p1, p2 and 7 others may not read UNCLASSIFIED"


# Categories


def test_restrictive_categories_are_offered_only_if_held(alice, bob):
    assert names(group(selectors.category_groups(alice), "Caveats").choices) == ["CIPHER"]
    assert group(selectors.category_groups(bob), "Caveats") is None
    assert group(selectors.category_groups(alice), "Project") is None


def test_holding_one_permissive_category_lets_the_originator_add_the_others(alice, cleared):
    releasable = group(selectors.category_groups(alice), "Releasable")
    assert names(releasable.choices) == ["UK", "FR", "US", "NO", "CA", "DE"]
    assert releasable.rule == "permissive"
    assert group(selectors.category_groups(cleared("erna", SECRET)), "Releasable") is None


def test_informative_categories_are_open_to_everybody(bob):
    handling = group(selectors.category_groups(bob, [("x", None)]), "Handling")
    assert [(each.name, each.blocked_by) for each in handling.choices] == [("DRAFT", ""), ("BY HAND", "")]


def test_a_category_says_who_lacks_it(alice, bob):
    groups = selectors.category_groups(alice, [("bob", bob)], CONFIDENTIAL)
    assert group(groups, "Caveats").choices[0].blocked_by == "bob may not read CIPHER"
    blocked = {each.name: each.blocked_by for each in group(groups, "Releasable").choices}
    assert blocked["UK"] == ""
    assert blocked["FR"] == "bob may not read FR alone"
    assert blocked["US"] == ""  # alice may not use US alone, so nothing is said about it


def test_who_may_not_read_the_classification_is_not_named_again(alice, bob):
    groups = selectors.category_groups(alice, [("bob", bob)], SECRET)
    assert {choice.blocked_by for each in groups for choice in each.choices} == {""}


def test_nothing_is_offered_beside_a_classification_the_originator_may_not_use(bob):
    assert selectors.category_groups(bob, [], SECRET) == []
    assert selectors.category_groups(bob, [], 9999) == []


def test_how_a_group_applies_is_said_in_words(alice):
    assert {each.legend: each.how for each in selectors.category_groups(alice)} == {
        "Caveats": "A reader needs every one of these.",
        "Releasable": "A reader needs any one of these.",
        "Handling": "Keeps nobody out.",
    }


# The complete label


def test_a_sentence_for_each_recipient_who_may_not_read_it(alice, bob, charlie):
    everybody = [("bob", bob), ("charlie", charlie), ("alice", alice)]
    assert selectors.blocked_recipients(alice, (CONFIDENTIAL, [UK]), everybody) == [
        "charlie may not read CONFIDENTIAL · REL TO UK."
    ]
    assert selectors.blocked_recipients(alice, (SECRET, [CIPHER]), everybody) == [
        "bob may not read SECRET · CIPHER.",
        "charlie may not read SECRET · CIPHER.",
    ]


def test_an_invalid_label_says_why(alice):
    assert selectors.blocked_recipients(alice, (UNCLASSIFIED, [CIPHER]), []) == [
        "CIPHER may not be used with UNCLASSIFIED."
    ]
    assert selectors.blocked_recipients(alice, (9999, ["nonsense"]), []) == ["You may not use this label."]


def test_the_picker_and_the_decision_agree(alice, bob, label):
    """Whatever is offered without a blocked recipient can be made and read by both."""
    for choice in selectors.label_choices(alice, [("bob", bob)]):
        row = label(choice.classification)
        assert (selectors.blocked_recipients(alice, row, [("bob", bob)]) == []) is (choice.blocked_by == "")


def test_a_classification_that_demands_categories_is_offered(person):
    """SECRET without anything is invalid here, yet the originator may use it with what it demands."""
    demanding = DEMO.replace(
        b'color="#b3261e"/>',
        b'color="#b3261e"><requiredCategory operation="oneOrMore"><categoryGroup tagSetRef="Releasable" '
        b'tagType="permissive" all="true"/></requiredCategory></securityClassification>',
    )
    services.activate_policy(actor=SYSTEM, xml=demanding)
    user = person("user")
    services.grant_clearance(actor=SYSTEM, user=user, classification=SECRET, categories=[UK])
    assert names(selectors.label_choices(user))[-1] == "SECRET"
    assert selectors.blocked_recipients(user, (SECRET, []), []) == ["SECRET requires other categories beside it."]
    assert selectors.blocked_recipients(user, (SECRET, [UK]), []) == []


# Answers: the high-water mark


@pytest.mark.parametrize(
    ("new", "old", "allowed"),
    [
        ((SECRET,), (SECRET,), True),
        ((SECRET,), (CONFIDENTIAL,), True),
        ((CONFIDENTIAL,), (SECRET,), False),
        ((SECRET, CIPHER), (SECRET,), True),
        ((SECRET,), (SECRET, CIPHER), False),
        ((SECRET, UK), (SECRET, UK, FR), True),
        ((SECRET, UK, FR), (SECRET, UK), False),
        ((SECRET,), (SECRET, UK), False),
        ((SECRET, UK), (SECRET,), True),
    ],
)
def test_an_answer_is_not_lower_than_what_it_quotes(label, new, old, allowed):
    new, old = label(*new), label(*old)
    decision = selectors.not_lower(new, [old])
    assert decision.granted is allowed
    assert allowed or (new.marking in decision.reason and old.marking in decision.reason)


def test_an_answer_is_measured_by_all_it_quotes(label):
    assert not selectors.not_lower(label(CONFIDENTIAL), [label(RESTRICTED), label(SECRET)]).granted
    assert selectors.not_lower(label(SECRET), [label(RESTRICTED), label(SECRET)]).granted


def test_an_answer_to_what_another_policy_labelled_is_refused(label):
    old = label(UNCLASSIFIED)
    services.activate_policy(
        actor=SYSTEM, xml=DEMO.replace(b'id="1.3.6.1.4.1.32473.1.1"', b'id="1.3.6.1.4.1.32473.1.9"')
    )
    assert not selectors.not_lower(services.label_row(classification=TOP_SECRET), [old]).granted


def test_an_answer_starts_with_the_label_of_what_it_quotes(alice, bob, label):
    quoted = label(CONFIDENTIAL, UK)
    assert selectors.answer_label(alice, quoted, [("bob", bob)]) == quoted
    assert selectors.category_references(quoted) == [UK]


def test_unless_somebody_may_not_have_it(alice, bob, charlie, label):
    quoted = label(SECRET)
    assert selectors.answer_label(alice, quoted, [("bob", bob)]) is None
    assert selectors.answer_label(bob, quoted, [("alice", alice)]) is None
