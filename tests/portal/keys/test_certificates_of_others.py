"""Certificates of people outside, as a registrar decides about them: works first, then each refusal with its one event."""

import pytest
from django.utils import timezone

from portal.audit.services import SYSTEM
from portal.keys import known, selectors, services
from portal.keys.models import Certificate
from portal.keys.services.outside import Proven, remember_certificate
from tests.portal import outsiders
from tests.portal.organisation import actor, events

PAGE, CHOOSE, WITHDRAW = "/certificates/", "/certificates/choose/", "/certificates/withdraw/"
OLGA, OSCAR = "olga@elsewhere.example", "oscar@elsewhere.example"


@pytest.fixture
def registrar(organisation):
    for each in (outsiders.authority(), rival()):
        outsiders.trust(each)
    return organisation.browser("rex")


def rival() -> outsiders.Issued:
    return outsiders.authority("Rival CA")


def add(person: outsiders.Issued, address: str = OLGA, by=SYSTEM):
    return services.add_certificate(actor=by, address=address, data=person.pem)


def remember(person: outsiders.Issued) -> Certificate | None:
    return remember_certificate(actor=SYSTEM, proven=Proven(OLGA, person.der, b"", None, timezone.now()))


def withdraw(browser, row: Certificate, reason: str = "Her laptop was stolen"):
    return browser.post(WITHDRAW, {"certificate": row.id, "reason": reason}, secure=True)


def choose(browser, row: Certificate):
    return browser.post(CHOOSE, {"certificate": row.id}, secure=True)


def used() -> Certificate | None:
    return selectors.certificates_outside([OLGA]).get(OLGA)


def test_the_page_says_whose_a_certificate_is_who_issued_it_and_how_it_came(organisation, registrar):
    add(outsiders.person(OSCAR), OSCAR, by=actor(organisation.user("alice")))
    remember(outsiders.person(OLGA))
    page = registrar.get(PAGE, secure=True).text
    for expected in (OLGA, OSCAR, "issued by <bdi>CN=Elsewhere CA</bdi>", "uploaded by alice", "from a signed message, <time", "used for mail to this address"):
        assert expected in page


def test_it_is_searched_by_address_and_says_when_there_is_nothing(registrar):
    assert "No certificate of anybody outside is known." in registrar.get(PAGE, secure=True).text
    add(outsiders.person(OLGA))
    assert OLGA in registrar.get(PAGE, {"address": "LGA@else"}, secure=True).text
    page = registrar.get(PAGE, {"address": "oscar"}, secure=True).text
    assert OLGA not in page
    assert "No certificate in use is for such an address." in page


def test_a_withdrawn_certificate_is_used_no_more_stays_listed_and_is_on_record(registrar):
    row = add(outsiders.person(OLGA))
    assert used() == row
    assert withdraw(registrar, row).status_code == 302
    assert used() is None
    page = registrar.get(PAGE, secure=True).text
    assert "by rex" in page
    assert "Her laptop was stolen" in page
    (event,) = events(verb="certificate_withdrawn")
    assert (event.outcome, event.about, event.reason) == ("granted", OLGA, "Her laptop was stolen")
    assert known.why_none(OLGA).startswith(f"The certificate of {OLGA} was withdrawn by a registrar on ")


def test_what_was_withdrawn_does_not_come_back_by_an_upload_or_a_signed_message(registrar):
    person = outsiders.person(OLGA)
    withdraw(registrar, add(person))
    assert add(person).reason == "This certificate was withdrawn by a registrar of this portal."
    assert remember(person) is None
    assert used() is None


def test_nor_does_its_key_in_another_certificate(registrar):
    withdraw(registrar, add(outsiders.person(OLGA)))
    again = outsiders.person(OLGA, issuer=rival())
    assert add(again).reason == "A certificate with the same key was withdrawn by a registrar of this portal."
    assert remember(again) is None
    assert add(outsiders.person(OLGA, key="new")) == used()


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 201])
def test_nothing_is_withdrawn_without_a_reason(registrar, reason):
    row = add(outsiders.person(OLGA))
    assert withdraw(registrar, row, reason).status_code == 422
    assert used() == row
    assert [each.outcome for each in events(verb="certificate_withdrawn")] == ["refused"]


def test_only_certificates_of_others_are_withdrawn_or_chosen_and_once(organisation, registrar):
    own = Certificate.objects.filter(user=organisation.user("bob"), purpose="encryption").get()
    gone = add(outsiders.person(OLGA))
    withdraw(registrar, gone)
    for row in (own, gone, Certificate(id="none")):
        assert withdraw(registrar, row).status_code == choose(registrar, row).status_code == 422
    own.refresh_from_db()
    assert own.revoked_at is None


def test_a_newer_one_of_the_same_authority_takes_the_place_of_the_old(registrar):
    add(outsiders.person(OLGA))
    newer = outsiders.person(OLGA, days=(-1, 300), key="new")
    assert add(newer) == used()


def test_one_of_another_authority_with_another_key_waits_and_is_on_record(registrar):
    before = add(outsiders.person(OLGA))
    other = remember(outsiders.person(OLGA, issuer=rival(), days=(-1, 300), key="new"))
    assert other.use == "waiting"
    assert used() == before
    assert [(each.about, each.outcome) for each in events(verb="certificate_held")] == [(OLGA, "granted")]
    page = registrar.get(PAGE, secure=True).text
    assert "To be decided" in page
    assert "issued by <bdi>CN=Rival CA</bdi>" in page


def test_another_authority_gets_no_foot_in_the_door_with_the_same_key(registrar):
    """Anybody can certify a public key; what comes after that is judged by the first one, too."""
    first = add(outsiders.person(OLGA))
    same_key = add(outsiders.person(OLGA, issuer=rival(), days=(-2, 300)))
    assert used() == same_key
    assert add(outsiders.person(OLGA, issuer=rival(), days=(-1, 300), key="new")).use == "waiting"
    assert used().address == first.address
    assert used() == same_key


def test_a_registrar_chooses_and_may_choose_again(registrar):
    before = add(outsiders.person(OLGA))
    other = add(outsiders.person(OLGA, issuer=rival(), days=(-1, 300), key="new"))
    assert choose(registrar, other).status_code == 302
    assert used() == other
    page = registrar.get(PAGE, secure=True).text
    assert "To be decided" not in page
    assert "set aside" in page
    choose(registrar, before)
    assert used() == before
    assert [each.about for each in events(verb="certificate_chosen")] == [OLGA, OLGA]


def test_a_registrar_keeps_the_one_in_use(registrar):
    before = add(outsiders.person(OLGA))
    add(outsiders.person(OLGA, issuer=rival(), key="new"))
    choose(registrar, before)
    assert used() == before
    assert "To be decided" not in registrar.get(PAGE, secure=True).text


def test_what_waits_does_not_slip_in_when_the_other_one_goes(registrar):
    before = add(outsiders.person(OLGA))
    add(outsiders.person(OLGA, issuer=rival(), key="new"))
    withdraw(registrar, before)
    assert used() is None
    assert "A registrar has to decide" in known.why_none(OLGA)


def test_where_the_other_one_no_longer_counts_nothing_stands_in_the_way(registrar):
    add(outsiders.person(OLGA))
    services.withdraw_anchor(actor=SYSTEM, fingerprint=selectors.engine.certificate_view(outsiders.authority().der).fingerprint.hex())
    assert add(outsiders.person(OLGA, issuer=rival(), key="new")) == used()


@pytest.mark.parametrize("name", ["sonia", "admin", "alice"])
def test_nobody_else_gets_the_page_or_decides(organisation, registrar, name):
    row, browser = add(outsiders.person(OLGA)), organisation.browser(name)
    assert browser.get(PAGE, secure=True).status_code == 404
    assert withdraw(browser, row).status_code == choose(browser, row).status_code == 404
    who = actor(organisation.user(name))
    assert services.withdraw_certificate(actor=who, certificate_id=row.id, reason="x").reason == "Only a registrar may do this."
    assert services.choose_certificate(actor=who, certificate_id=row.id).reason == "Only a registrar may do this."
    assert used() == row
