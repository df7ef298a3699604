"""What lists and registrars say of certificates outside, where mail is read, written and sealed."""

import io

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils import timezone

from portal.audit.services import SYSTEM
from portal.keys.models import Certificate
from portal.keys.services import add_certificate, add_revocation_list, withdraw_certificate
from portal.mail.models import Delivery, Message
from portal.mail.services.release import release
from portal.outbox import services as outbox
from tests.portal.mail.outside import anywhere, encrypted, label_of, mail, signed
from tests.portal.mail.test_accept import arrive, certificate_of, row_label
from tests.portal.organisation import CONFIDENTIAL, events
from tests.portal.outsiders import Issued, authority, person, revocation_list, trust

__all__ = ["anywhere"]

EVE = "eve@outside.example"
DRAFT = f"/mail/drafts/{'a' * 32}"


@pytest.fixture
def eve(organisation, anywhere, settings) -> Issued:
    """Somebody outside who can be written to."""
    trust(authority())
    settings.RELAY_HOST = "127.0.0.1"
    release(actor=SYSTEM, domain="outside.example", classification=CONFIDENTIAL, categories=[])
    issued = person(EVE)
    add_certificate(actor=SYSTEM, address=EVE, data=issued.pem)
    return issued


def revoke(issued: Issued) -> None:
    add_revocation_list(actor=SYSTEM, data=revocation_list(authority(), issued).public_bytes(Encoding.DER))


def withdraw(issued: Issued) -> None:
    withdraw_certificate(actor=SYSTEM, certificate_id=Certificate.objects.get(der=issued.der).id, reason="Her laptop was stolen")


def outlook(organisation, name: str = "alice") -> str:
    form = {"to": EVE, "text": "x", "classification": CONFIDENTIAL}
    return organisation.browser(name).post(f"{DRAFT}/check", form, secure=True).text


def test_mail_signed_with_a_revoked_certificate_is_not_verified_and_its_label_proves_nothing(organisation, eve):
    revoke(eve)
    arrive(organisation, mail(signed(eve, label=label_of(CONFIDENTIAL))))
    delivery = Delivery.objects.get()
    assert delivery.label.marking == "UNCLASSIFIED"
    opened = organisation.read("bob", delivery.id)
    assert opened.verdict == "not-verified"
    assert "was revoked on" in opened.sentence


def test_a_list_that_comes_later_counts_for_what_is_stored_already(organisation, eve):
    arrive(organisation, mail(signed(eve)))
    delivery = Delivery.objects.get()
    assert organisation.read("bob", delivery.id).verdict == "verified"
    revoke(eve)
    assert organisation.read("bob", delivery.id).verdict == "not-verified"


def test_the_certificate_of_a_revoked_signer_is_not_remembered(organisation, eve):
    Certificate.objects.filter(address=EVE).delete()
    revoke(eve)
    arrive(organisation, mail(signed(eve)))
    assert not Certificate.objects.filter(address=EVE).exists()


@pytest.mark.parametrize(("how", "words"), [(revoke, "was revoked on"), (withdraw, "was withdrawn by a registrar on")])
def test_the_writer_is_told_why_a_certificate_no_longer_counts(organisation, eve, how, words):
    assert words not in outlook(organisation)
    how(eve)
    page = outlook(organisation)
    assert f"The certificate of {EVE} {words}" in page
    assert "laptop" not in page


@pytest.mark.parametrize(("how", "words"), [(revoke, "was revoked on"), (withdraw, "was withdrawn by a registrar on")])
def test_what_waits_to_be_sealed_is_not_sealed_for_it(organisation, eve, how, words):
    message_id, _ = organisation.submit("alice", to=EVE)
    how(eve)
    outbox.run_until_idle()
    message = Message.objects.get(id=message_id)
    assert message.state == "refused"
    assert f"The certificate of {EVE} {words}" in message.reason


def test_a_reason_that_names_many_people_is_cut_to_what_there_is_room_for(organisation, eve):
    """PostgreSQL would refuse it, and the message would neither leave nor come back."""
    others = [f"{n}{EVE}" for n in range(5)]
    for each in others:
        add_certificate(actor=SYSTEM, address=each, data=person(each, key="shared").pem)
    message_id, _ = organisation.submit("alice", to=", ".join(others))
    Certificate.objects.filter(user=None).update(revoked_at=timezone.now())
    outbox.run_until_idle()
    message = Message.objects.get(id=message_id)
    assert (message.state, len(message.reason)) == ("refused", 300)


def test_the_writer_sees_whose_certificate_it_is_and_not_who_brought_it(organisation, eve):
    Certificate.objects.filter(address=EVE).update(added_by="carol")
    page = outlook(organisation)
    for expected in (f"<bdi>CN={EVE}</bdi>", "issued by <bdi>CN=Elsewhere CA</bdi>", "valid until", "uploaded"):
        assert expected in page
    assert f'title="CN={EVE}, issued by CN=Elsewhere CA, valid until' in page
    assert "carol" not in page


def test_who_uploads_one_that_has_to_wait_is_told_so(organisation, eve):
    trust(authority("Rival CA"))
    other = person(EVE, issuer=authority("Rival CA"), key="new")
    answer = organisation.browser("alice").post(f"{DRAFT}/certificate", {"address": EVE, "certificate": io.BytesIO(other.pem)}, secure=True)
    assert answer.status_code == 422
    assert "A registrar has to choose between them" in answer.text
    assert "issued by <bdi>CN=Elsewhere CA</bdi>" in outlook(organisation)
    assert len(events(verb="certificate_held")) == 1


def provisional(page: str) -> bool:
    return 'class="provisional"' in page


def test_a_label_that_nobody_could_see_yet_is_marked_as_provisional_until_it_is_opened(organisation, eve):
    arrive(organisation, mail(encrypted(signed(eve, label=label_of(CONFIDENTIAL)), certificate_of(organisation, "bob"))))
    bob, delivery = organisation.browser("bob"), Delivery.objects.get()
    page = bob.get("/mail/inbox/", secure=True).text
    assert provisional(page)
    assert row_label(page, delivery) == "UNCLASSIFIED"
    opened = bob.get(f"/mail/inbox/{delivery.id}/", secure=True, headers={"HX-Request": "true"}).text
    assert not provisional(opened)
    assert "It was accepted as UNCLASSIFIED; inside it is labelled CONFIDENTIAL. Both count." in opened
    assert not provisional(bob.get("/mail/inbox/", secure=True).text)


def test_what_cannot_be_opened_stays_provisional_and_says_so(organisation, eve):
    arrive(organisation, mail(encrypted(signed(eve), certificate_of(organisation, "carol"))))
    opened = organisation.browser("bob").get(f"/mail/inbox/{Delivery.objects.get().id}/", secure=True).text
    assert "Its label is provisional" in opened


@pytest.mark.parametrize("label", [None, label_of(CONFIDENTIAL)])
def test_mail_that_could_be_looked_into_has_no_provisional_label(organisation, eve, label):
    arrive(organisation, mail(signed(eve, label=label)))
    assert not provisional(organisation.browser("bob").get("/mail/inbox/", secure=True).text)
