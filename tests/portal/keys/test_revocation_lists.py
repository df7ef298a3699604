"""Revocation lists of authorities outside: works first, then each refusal with its one event."""

import io

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.management import CommandError, call_command

from portal.audit.services import SYSTEM
from portal.keys import known, selectors, services
from portal.keys.models import Certificate, RevocationList
from tests.portal import outsiders
from tests.portal.organisation import actor, events

PAGE, TAKE = "/anchors/", "/anchors/revoked/"
OLGA = "olga@elsewhere.example"


def encoded(made, form: Encoding = Encoding.DER) -> bytes:
    return made.public_bytes(form)


def revoking(*people: outsiders.Issued, **options: object) -> bytes:
    return encoded(outsiders.revocation_list(outsiders.authority(), *people, **options))


@pytest.fixture
def olga(organisation) -> outsiders.Issued:
    """Somebody outside to whom mail can be encrypted."""
    outsiders.trust(outsiders.authority())
    person = outsiders.person(OLGA)
    assert encrypts_with(services.add_certificate(actor=SYSTEM, address=OLGA, data=person.pem))
    return person


@pytest.fixture
def registrar(organisation, olga):
    return organisation.browser("rex")


def encrypts_with(row: Certificate) -> bool:
    return selectors.certificates_outside([OLGA]) == {OLGA: row}


def take(browser, content: bytes | None):
    return browser.post(TAKE, {} if content is None else {"list": io.BytesIO(content)}, secure=True)


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
def test_what_is_on_a_list_is_not_encrypted_with_from_the_next_question_on(registrar, olga, form):
    row = Certificate.objects.get(address=OLGA)
    assert encrypts_with(row)
    assert take(registrar, encoded(outsiders.revocation_list(outsiders.authority(), olga), form)).status_code == 302
    assert not encrypts_with(row)
    assert known.why_none(OLGA).startswith(f"The certificate of {OLGA} was revoked on ")


def test_whoever_is_not_on_the_list_is_written_to_as_before(registrar, olga):
    take(registrar, revoking(outsiders.person("oscar@elsewhere.example")))
    assert encrypts_with(Certificate.objects.get(address=OLGA))


def test_the_page_says_when_the_list_is_from_and_until_when_it_holds(registrar, olga):
    assert "No revocation list" in registrar.get(PAGE, secure=True).text
    take(registrar, revoking(olga))
    page = registrar.get(PAGE, secure=True).text
    assert "1 revoked" in page
    assert "brought by rex" in page
    assert "Overdue" not in page
    (event,) = events(verb="revocation_list_added")
    assert (event.outcome, event.name, event.reason) == ("granted", "rex", "1 revoked")


def test_a_list_whose_successor_is_overdue_still_counts_and_is_marked(registrar, olga):
    take(registrar, revoking(olga, days=(-9, -2), since=-10))
    assert not selectors.certificates_outside([OLGA])
    assert "Overdue" in registrar.get(PAGE, secure=True).text


def test_a_newer_list_takes_the_place_of_the_one_before(registrar, olga):
    take(registrar, revoking(days=(-3, 6)))
    assert encrypts_with(Certificate.objects.get(address=OLGA))
    take(registrar, revoking(olga, days=(-1, 6), number=2))
    assert not selectors.certificates_outside([OLGA])
    assert RevocationList.objects.count() == 1


def test_an_older_list_is_refused_and_what_is_revoked_stays_so(registrar, olga):
    take(registrar, revoking(olga))
    answer = take(registrar, revoking(days=(-3, 6)))
    assert answer.status_code == 422
    assert "A newer list of this authority is known already." in answer.text
    assert not selectors.certificates_outside([OLGA])
    assert [each.outcome for each in events(verb="revocation_list_added")] == ["granted", "refused"]


def test_the_same_list_again_changes_nothing_and_is_no_mistake(registrar, olga):
    content = revoking(olga)
    assert take(registrar, content).status_code == take(registrar, content).status_code == 302
    assert len(events(verb="revocation_list_added")) == 1


def test_lists_about_parts_of_the_certificates_stand_beside_each_other(registrar, olga):
    for shard in "ab":
        assert take(registrar, revoking(of=f"http://elsewhere.example/{shard}.crl")).status_code == 302
    assert RevocationList.objects.count() == 2


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"hello", "There is no revocation list in this file."),
        (lambda: b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "There is no revocation list in this file."),
        (lambda: outsiders.authority().pem, "There is no revocation list in this file."),
        (lambda: encoded(outsiders.revocation_list(outsiders.authority("Nobody CA"))), "not signed by an authority that is trusted here"),
        (lambda: encoded(outsiders.revocation_list(forged())), "not signed by an authority that is trusted here"),
        (lambda: revoking(days=(2, 6)), "The list is from the future."),
        (lambda: revoking(delta=True, number=2), "Take the complete list"),
        (lambda: None, "Choose a file"),
    ],
)
def test_what_is_no_list_of_an_authority_trusted_here_is_refused_with_the_reason(registrar, make, reason):
    answer = take(registrar, make())
    assert answer.status_code == 422
    assert reason in answer.text
    assert not RevocationList.objects.exists()
    assert all((each.outcome, each.reason) == ("refused", "not usable") for each in events(verb="revocation_list_added"))


def forged() -> outsiders.Issued:
    """Another key under the name of the authority that is trusted."""
    return outsiders._issue("Elsewhere CA", None, ca=True)


def test_a_revoked_certificate_is_not_taken_when_it_is_uploaded(registrar, olga):
    Certificate.objects.filter(address=OLGA).delete()
    take(registrar, revoking(olga))
    refused = services.add_certificate(actor=SYSTEM, address=OLGA, data=olga.pem)
    assert refused.reason.startswith("The certificate was revoked on ")


@pytest.mark.parametrize("name", ["sonia", "admin", "alice"])
def test_nobody_else_brings_a_list(organisation, olga, name):
    assert take(organisation.browser(name), revoking(olga)).status_code == 404
    refused = services.add_revocation_list(actor=actor(organisation.user(name)), data=revoking(olga))
    assert refused.reason == "Only a registrar may do this."


def test_a_timer_brings_a_list_on_a_terminal(db, tmp_path, capsys):
    outsiders.trust(outsiders.authority())
    (tmp_path / "crl").write_bytes(revoking(days=(-1, 6)))
    call_command("anchor", crl=tmp_path / "crl")
    assert "0 revoked" in capsys.readouterr().out
    (tmp_path / "old").write_bytes(revoking(days=(-3, 6)))
    with pytest.raises(CommandError, match="A newer list"):
        call_command("anchor", crl=tmp_path / "old")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("anchor", crl=tmp_path / "none")
