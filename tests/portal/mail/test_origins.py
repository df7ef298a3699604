"""The page of origins: what works, then each refusal with its one event."""

import pytest

from portal.audit.services import SYSTEM
from portal.mail import services
from portal.mail.models import Origin, Release
from portal.mail.services.origins import origin_of
from portal.mail.services.release import release
from tests.portal.organisation import CONFIDENTIAL, RESTRICTED, SECRET, UNCLASSIFIED, actor, events

PAGE, SET, REMOVE = "/mail/origins/", "/mail/origins/set/", "/mail/origins/remove/"
RELEASE, END = "/mail/origins/release/", "/mail/origins/end-release/"


TOP_SECRET = 5
EYES, UK, FR, BY_HAND = (f"1.3.6.1.4.1.32473.1.1.{reference}" for reference in ("1/1/0", "3/6/0", "3/6/1", "4/7/1"))


@pytest.fixture
def officer(organisation):
    return organisation.browser("sonia")


def post(browser, url, **fields):
    return browser.post(url, fields, secure=True)


def changes() -> list[tuple[str, str]]:
    return [(each.outcome, each.reason) for each in events(verb="origin_changed") if each.name != "system"]


def test_the_demo_takes_everything_as_unclassified(officer):
    page = officer.get(PAGE, secure=True).text
    assert "Any other" in page
    assert page.count("UNCLASSIFIED</span>") == 2


def test_an_origin_is_added_changed_and_removed_with_one_event_each(officer):
    assert post(officer, SET, domain="Partner.Example", unlabelled="", encrypted=CONFIDENTIAL).status_code == 302
    assert "partner.example" in officer.get(PAGE, secure=True).text
    assert origin_of("x@PARTNER.example").provisional_label.marking == "CONFIDENTIAL"
    post(officer, SET, domain="partner.example", unlabelled=RESTRICTED, encrypted="")
    assert origin_of("x@partner.example").label.marking == "RESTRICTED"
    post(officer, REMOVE, domain="partner.example")
    assert origin_of("x@partner.example").domain == "*"
    assert changes() == [
        ("granted", "unlabelled mail: refused; encrypted mail: CONFIDENTIAL"),
        ("granted", "unlabelled mail: RESTRICTED; encrypted mail: refused"),
        ("granted", "removed"),
    ]


def test_both_labels_take_classification_and_categories_and_show_the_marking(officer):
    post(officer, SET, domain="partner.example", **{"unlabelled": RESTRICTED, "unlabelled_category": [UK, FR], "encrypted": SECRET, "encrypted_category": [EYES, BY_HAND]})
    origin = origin_of("x@partner.example")
    assert origin.label.marking == "RESTRICTED · REL TO UK, FR"
    assert origin.provisional_label.marking == "SECRET · EYES ONLY · BY HAND"
    page = officer.get(PAGE, secure=True).text
    assert origin.label.marking + "</span>" in page
    assert origin.provisional_label.marking + "</span>" in page


def test_an_officer_may_set_labels_above_her_own_clearance(officer, organisation):
    post(officer, SET, domain="partner.example", unlabelled=TOP_SECRET, encrypted="")
    assert origin_of("x@partner.example").label.marking == "TOP SECRET"


def test_mail_that_is_refused_has_no_categories(officer):
    post(officer, SET, domain="partner.example", **{"unlabelled": "", "unlabelled_category": [UK], "encrypted": ""})
    assert origin_of("x@partner.example").label is None


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ({"unlabelled": UNCLASSIFIED, "unlabelled_category": [EYES]}, "Mail without a label: "),
        ({"unlabelled": "", "encrypted": UNCLASSIFIED, "encrypted_category": [EYES]}, "Encrypted mail: "),
    ],
)
def test_what_the_policy_forbids_is_refused_with_its_reason_and_what_was_chosen_stays(officer, label, reason):
    answer = post(officer, SET, domain="partner.example", **label)
    assert answer.status_code == 409
    assert reason in answer.text
    assert f'value="{EYES}" checked' in answer.text
    assert not Origin.objects.filter(domain="partner.example").exists()
    assert [outcome for outcome, _ in changes()] == ["refused"]


@pytest.mark.parametrize("reference", ["x", "1.2.3/1/0", f"{EYES}/9"])
def test_a_category_that_the_policy_has_not_is_no_choice(officer, reference):
    assert post(officer, SET, domain="partner.example", unlabelled=SECRET, unlabelled_category=reference).status_code == 400
    assert not Origin.objects.filter(domain="partner.example").exists()


def test_what_may_leave_to_a_domain_says_nothing_about_what_comes_from_there(organisation):
    release(actor=SYSTEM, domain="partner.example", classification=CONFIDENTIAL)
    assert origin_of("x@partner.example").label.marking == "UNCLASSIFIED"


def test_the_form_is_filled_with_what_an_origin_has(officer):
    page = officer.get(f"{PAGE}?domain=*", secure=True).text
    assert page.count('<option value="1" selected>UNCLASSIFIED</option>') == 2
    post(officer, SET, domain="partner.example", unlabelled=SECRET, unlabelled_category=[EYES])
    page = officer.get(f"{PAGE}?domain=partner.example", secure=True).text
    assert page.count('<option value="4" selected>SECRET</option>') == 1
    assert page.count(f'value="{EYES}" checked') == 1


def test_the_form_is_filled_with_what_may_be_sent_to_a_domain(officer):
    post(officer, RELEASE, domain="partner.example", classification=CONFIDENTIAL, categories=[UK])
    page = officer.get(f"{PAGE}?release=partner.example", secure=True).text
    assert '<option value="3" selected>CONFIDENTIAL</option>' in page
    assert page.count(" checked") == 1


def test_what_may_be_sent_to_a_domain_is_allowed_and_ended_with_one_event_each(officer):
    assert post(officer, RELEASE, domain="partner.example", classification=CONFIDENTIAL).status_code == 302
    assert '<td data-column="At most"><span>CONFIDENTIAL</span>' in officer.get(PAGE, secure=True).text
    post(officer, END, domain="partner.example")
    assert "<span>CONFIDENTIAL</span>" not in officer.get(PAGE, secure=True).text
    assert [each.verb for each in events() if each.verb.startswith("release")] == ["release_granted", "release_revoked"]


def test_what_is_no_domain_or_no_classification_is_not_released(officer):
    assert post(officer, RELEASE, domain="a b", classification=CONFIDENTIAL).status_code == 409
    assert post(officer, RELEASE, domain="partner.example", classification="77").status_code == 400
    assert not Release.objects.exists()


@pytest.mark.parametrize("domain", ["@partner.example", "partner example", "a..b", "x" * 70 + ".example", "-a.example", "**"])
def test_what_is_no_domain_is_refused(officer, domain):
    answer = post(officer, SET, domain=domain, unlabelled="", encrypted="")
    assert answer.status_code == 409
    assert "as it stands in addresses after the @" in answer.text
    assert [outcome for outcome, _ in changes()] == ["refused"]


def test_an_unknown_classification_is_no_choice(officer):
    assert post(officer, SET, domain="partner.example", unlabelled="77", encrypted="").status_code == 400
    assert not Origin.objects.filter(domain="partner.example").exists()


def test_nobody_else_gets_the_page(organisation):
    admin = organisation.browser("admin")
    assert admin.get(PAGE, secure=True).status_code == 404
    for url in (SET, REMOVE, RELEASE, END):
        assert post(admin, url, domain="partner.example").status_code == 404
    assert not Origin.objects.filter(domain="partner.example").exists()


def test_the_service_itself_asks_for_the_role(organisation):
    outcome = services.set_origin(actor=actor(organisation.user("alice")), domain="partner.example", unlabelled=None, encrypted=None)
    assert outcome.reason == "Only a security officer may do this."
