"""The page of origins: what works, then each refusal with its one event."""

import pytest

from portal.audit.services import SYSTEM
from portal.mail import services
from portal.mail.models import Origin, Release
from portal.mail.services.origins import origin_of
from portal.mail.services.release import release
from tests.portal.organisation import CONFIDENTIAL, RESTRICTED, actor, events

PAGE, SET, REMOVE = "/mail/origins/", "/mail/origins/set/", "/mail/origins/remove/"
RELEASE, END = "/mail/origins/release/", "/mail/origins/end-release/"


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


def test_what_may_leave_to_a_domain_says_nothing_about_what_comes_from_there(organisation):
    release(actor=SYSTEM, domain="partner.example", classification=CONFIDENTIAL)
    assert origin_of("x@partner.example").label.marking == "UNCLASSIFIED"


def test_the_form_is_filled_with_what_an_origin_has(officer):
    page = officer.get(f"{PAGE}?domain=*", secure=True).text
    assert page.count('<option value="1" selected>UNCLASSIFIED</option>') == 2


def test_what_may_be_sent_to_a_domain_is_allowed_and_ended_with_one_event_each(officer):
    assert post(officer, RELEASE, domain="partner.example", classification=CONFIDENTIAL).status_code == 302
    assert '<td data-column="May be sent there"><span>CONFIDENTIAL</span>' in officer.get(PAGE, secure=True).text
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
