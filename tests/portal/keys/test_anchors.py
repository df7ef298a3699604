"""Trust anchors for people outside: works first, then each refusal with its one event."""

import base64
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.audit.services import SYSTEM
from portal.keys import selectors, services
from portal.keys.models import Anchor
from tests.portal import outsiders
from tests.portal.organisation import actor, events

PAGE, LOOK, ADD, WITHDRAW = "/anchors/", "/anchors/look/", "/anchors/add/", "/anchors/withdraw/"
OLGA = "olga@elsewhere.example"


@pytest.fixture
def registrar(organisation):
    return organisation.browser("rex")


def look(browser, content: bytes | None):
    fields = {} if content is None else {"certificate": io.BytesIO(content)}
    return browser.post(LOOK, fields, secure=True)


def add(browser, content: bytes):
    return browser.post(ADD, {"certificate": base64.b64encode(content).decode()}, secure=True)


def encrypts_for_olga() -> bool:
    return bool(selectors.certificates_outside([OLGA]))


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_registrar_looks_at_an_authority_before_it_counts(registrar, form):
    page = look(registrar, getattr(outsiders.authority(), form)).text
    assert "CN=Elsewhere CA" in page
    assert ":".join(f"{each:02X}" for each in selectors.engine.certificate_view(outsiders.authority().der).fingerprint) in page
    assert f'value="{base64.b64encode(outsiders.authority().der).decode()}"' in page
    assert not Anchor.objects.exists()


def test_an_authority_is_added_and_withdrawn_with_one_event_each_and_the_page_says_by_whom(registrar):
    assert add(registrar, outsiders.authority().der).status_code == 302
    assert "added by rex" in registrar.get(PAGE, secure=True).text
    fingerprint = Anchor.objects.get().fingerprint
    assert registrar.post(WITHDRAW, {"fingerprint": fingerprint}, secure=True).status_code == 302
    page = registrar.get(PAGE, secure=True).text
    assert "No authority outside is trusted" in page
    assert page.count("by rex") == 2
    found = [(each.verb, each.outcome, each.object_id, each.reason) for each in events(kind="anchor")]
    assert found == [(verb, "granted", fingerprint, "CN=Elsewhere CA") for verb in ("anchor_added", "anchor_withdrawn")]


def test_a_change_counts_from_the_next_question_on_whatever_was_answered_before(registrar):
    person = outsiders.person(OLGA)
    services.add_anchor(actor=SYSTEM, data=outsiders.authority().der)
    services.add_certificate(actor=SYSTEM, address=OLGA, data=person.pem)
    assert encrypts_for_olga()
    registrar.post(WITHDRAW, {"fingerprint": Anchor.objects.get().fingerprint}, secure=True)
    assert not encrypts_for_olga()
    add(registrar, outsiders.authority().der)
    assert encrypts_for_olga()
    assert Anchor.objects.count() == 2


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: b"hello", "There is no certificate in this file."),
        (lambda: b"", "There is no certificate in this file."),
        (lambda: outsiders.person(OLGA).pem, "This is not the certificate of an authority"),
        (lambda: outsiders.authority().pem + outsiders.authority("Another CA").pem, "There are 2 certificates in this file."),
        (lambda: outsiders.ended_authority().pem, "The certificate expired on"),
        (lambda: selectors.anchors()[0], "This is the portal&#x27;s own authority."),
    ],
)
def test_what_cannot_be_trusted_is_refused_with_the_reason_when_looked_at_and_when_added(registrar, make, reason):
    for answer in (look(registrar, make()), add(registrar, make())):
        assert answer.status_code == 422
        assert reason in answer.text
    assert not Anchor.objects.exists()
    assert [(each.verb, each.outcome, each.reason) for each in events(kind="anchor")] == [("anchor_added", "refused", "not usable")]


def test_an_authority_is_trusted_once(registrar):
    add(registrar, outsiders.authority().der)
    assert "This authority is trusted already." in look(registrar, outsiders.authority().der).text
    assert "This authority is trusted already." in add(registrar, outsiders.authority().der).text
    assert Anchor.objects.count() == 1


def test_without_a_file_nothing_is_looked_at(registrar):
    assert "Choose a file" in look(registrar, None).text


@pytest.mark.parametrize("posted", ["%%%", "é", ""])
def test_what_is_no_certificate_is_not_added(registrar, posted):
    assert registrar.post(ADD, {"certificate": posted}, secure=True).status_code == 422


def test_what_is_not_trusted_is_not_withdrawn(registrar):
    answer = registrar.post(WITHDRAW, {"fingerprint": "ab" * 32}, secure=True)
    assert answer.status_code == 422
    assert [(each.verb, each.outcome) for each in events(kind="anchor")] == [("anchor_withdrawn", "refused")]


@pytest.mark.parametrize("name", ["sonia", "admin", "alice"])
def test_nobody_else_gets_the_page(organisation, name):
    browser = organisation.browser(name)
    assert browser.get(PAGE, secure=True).status_code == 404
    assert look(browser, outsiders.authority().pem).status_code == 404
    assert add(browser, outsiders.authority().der).status_code == 404
    assert browser.post(WITHDRAW, {"fingerprint": "ab" * 32}, secure=True).status_code == 404


def test_the_services_themselves_ask_for_the_role(organisation):
    outsiders.trust(outsiders.authority())
    sonia = actor(organisation.user("sonia"))
    assert services.add_anchor(actor=sonia, data=outsiders.authority("Another CA").der).reason == "Only a registrar may do this."
    assert services.withdraw_anchor(actor=sonia, fingerprint=Anchor.objects.get().fingerprint).reason == "Only a registrar may do this."


def test_an_operator_adds_and_withdraws_on_a_terminal(db, tmp_path, capsys):
    (tmp_path / "ca.pem").write_bytes(outsiders.authority().pem)
    call_command("anchor", str(tmp_path / "ca.pem"))
    (fingerprint,) = (line.split()[0] for line in capsys.readouterr().out.splitlines())
    with pytest.raises(CommandError, match="trusted already"):
        call_command("anchor", str(tmp_path / "ca.pem"))
    call_command("anchor", withdraw=fingerprint)
    assert Anchor.objects.get().withdrawn_at <= timezone.now()
    assert not capsys.readouterr().out
