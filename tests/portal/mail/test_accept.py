"""Mail from outside, from the end of DATA to the page."""

import hashlib
import re
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.services import SYSTEM
from portal.keys import objects
from portal.keys import selectors as keys_selectors
from portal.keys.chunks import ChunkWriter
from portal.keys.models import Anchor, Certificate
from portal.keys.sealing import new_key
from portal.keys.services import withdraw_anchor
from portal.keys.services.outside import Proven, remember_certificate
from portal.mail import selectors, services
from portal.mail.models import Arrival, Delivery, Envelope, Message, Origin
from portal.mail.services.arrive import Arriving, NotKept
from portal.outbox import services as outbox
from portal.outbox.models import Job, Precedence
from portal.policy.services import grant_clearance, label_row
from tests.portal.mail.outside import TEXT, anywhere, encrypted, label_of, mail, openssl, plain, signed
from tests.portal.organisation import CONFIDENTIAL, RESTRICTED, SECRET, UNCLASSIFIED, actor, events
from tests.portal.outsiders import Issued, authority, person, trust

__all__ = ["anywhere"]

pytestmark = pytest.mark.usefixtures("anywhere")


def arriving(organisation, content: bytes, *names: str, sender: str = "eve@outside.example") -> Arriving:
    key = new_key()
    with objects.create() as (name, file):
        writer = ChunkWriter(file, key)
        writer.write(content)
        writer.close()
    recipients = tuple(organisation.user(each).id for each in names)
    return Arriving(name, key, len(content), hashlib.sha256(content).hexdigest(), sender, "192.0.2.1", recipients)


def arrive(organisation, content: bytes, *names: str, **options: str) -> NotKept | None:
    answer = services.arrive(arriving(organisation, content, *(names or ("bob",)), **options))
    outbox.run_until_idle()
    return answer


def test_plain_mail_is_encrypted_on_arrival_and_read_as_it_came(organisation):
    assert arrive(organisation, plain()) is None
    delivery = Delivery.objects.get()
    opened = organisation.read("bob", delivery.id)
    assert (opened.subject, opened.from_address, opened.text) == ("Tides", "eve@outside.example", "High water at six.\r\n")
    assert (opened.verdict, opened.came_in_clear) == ("unsigned", True)
    with objects.open_object(delivery.envelope.object_name) as stored:
        assert b"Tides" not in stored.read()


# Who it is from


@pytest.mark.parametrize("claimed", ["Alice <alice@portal.example>", "x@Portal.Example", "eve@outside.example, alice@portal.example"])
def test_mail_in_the_name_of_people_here_is_refused_unless_they_signed_it(organisation, claimed):
    refused = arrive(organisation, plain(From=claimed))
    assert refused.code == 550
    assert not Arrival.objects.exists()


def test_the_own_relay_writes_notifications_as_what_it_is(organisation):
    """Postfix writes them as MAILER-DAEMON of its own domain, which may be this one."""
    written = plain(From="Mail Delivery System <MAILER-DAEMON@portal.example>")
    assert arrive(organisation, written) is not None
    assert arrive(organisation, written, sender="") is None


def test_a_notification_is_no_way_to_write_as_a_person(organisation):
    assert arrive(organisation, plain(From="alice@portal.example"), sender="") is not None
    User.objects.filter(username="alice").update(address="postmaster@portal.example")
    assert arrive(organisation, plain(From="postmaster@portal.example"), sender="") is not None


def test_mailboxes_name_people_outside_by_their_address(organisation):
    """A name in From is anybody's choice: "Alice Archer" looks the same whoever wrote it."""
    arrive(organisation, plain(From="Alice Archer <eve@outside.example>"))
    (row,) = selectors.folder_page(organisation.vault("bob"), "inbox").rows
    assert row.summary.people == "eve@outside.example"


def test_encrypted_mail_that_claims_to_be_from_here_is_named_after_who_delivered_it(organisation):
    sent = encrypted(b"Content-Type: text/plain\r\n\r\nx\r\n", certificate_of(organisation, "bob"))
    arrive(organisation, mail(sent, From="Alice Archer <alice@portal.example>"))
    (row,) = selectors.folder_page(organisation.vault("bob"), "inbox").rows
    assert row.summary.people == "eve@outside.example"


def test_nobody_keeps_mail_away_by_sending_it_first(organisation):
    """Sent from an origin whose label bob may not read, it is refused at delivery; the true one is no repeat of that."""
    Origin.objects.create(domain="secret.example", label=label_row(classification=SECRET))
    arrive(organisation, plain(), sender="mallory@secret.example")
    assert not Delivery.objects.exists()
    arrive(organisation, plain())
    assert Delivery.objects.get().owner.username == "bob"


# Kinds of mail


@pytest.fixture
def eve(db) -> Issued:
    """Somebody outside whose authority is trusted here."""
    trust(authority())
    return person("eve@outside.example")


def certificate_of(organisation, name: str) -> bytes:
    return Certificate.objects.get(user=organisation.user(name), purpose="encryption").der


def test_signed_mail_is_encrypted_here_and_its_signature_still_counts(organisation, eve):
    assert arrive(organisation, mail(signed(eve), Subject="outside")) is None
    delivery = Delivery.objects.get()
    assert delivery.envelope.wrapped
    opened = organisation.read("bob", delivery.id)
    assert (opened.verdict, opened.subject, opened.from_address) == ("verified", "Tides inside", "eve@outside.example")
    assert "eve@outside.example" in opened.sentence


def test_the_signature_counts_only_as_long_as_its_authority_is_trusted(organisation, eve):
    arrive(organisation, mail(signed(eve)))
    delivery = Delivery.objects.get()
    assert organisation.read("bob", delivery.id).verdict == "verified"
    withdraw_anchor(actor=SYSTEM, fingerprint=Anchor.objects.get().fingerprint)
    assert organisation.read("bob", delivery.id).verdict == "not-verified"


def clear_signed(by: Issued, folder) -> bytes:
    """A multipart/signed as openssl makes it: nothing but the body is signed."""
    (folder / "cert.pem").write_bytes(by.pem)
    (folder / "key.pem").write_bytes(by.key_pem)
    return openssl("-sign", "-signer", str(folder / "cert.pem"), "-inkey", str(folder / "key.pem"), "-text", content=b"High water.\n")


def test_mail_that_openssl_signed_in_clear_is_verified_too(organisation, eve, tmp_path):
    assert arrive(organisation, mail(clear_signed(eve, tmp_path))) is None
    opened = organisation.read("bob", Delivery.objects.get().id)
    assert (opened.verdict, opened.text.strip()) == ("verified", "High water.")


def test_encrypted_mail_is_stored_as_it_came(organisation, eve, tmp_path):
    (tmp_path / "bob.der").write_bytes(certificate_of(organisation, "bob"))
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", tmp_path / "bob.der", "-out", tmp_path / "bob.pem"], check=True)
    made = openssl("-encrypt", "-aes256", str(tmp_path / "bob.pem"), content=b"Content-Type: text/plain\r\n\r\nLow water.\r\n")
    sent = mail(made)
    assert arrive(organisation, sent) is None
    delivery = Delivery.objects.get()
    with objects.open_object(delivery.envelope.object_name) as file:
        assert file.read() == sent
    opened = organisation.read("bob", delivery.id)
    assert (opened.text, opened.verdict, opened.came_in_clear) == ("Low water.\r\n", "unsigned", False)
    assert opened.subject == "Tides"


def test_those_in_to_and_cc_share_an_envelope_and_a_bcc_has_one_of_its_own(organisation):
    arrive(organisation, plain(To="bob@portal.example, Carol <CAROL@portal.example>"), "bob", "carol", "alice")
    recipients = sorted(sorted(each.owner.username for each in envelope.deliveries.all()) for envelope in Envelope.objects.all())
    assert recipients == [["alice"], ["bob", "carol"]]
    bob, alice = organisation.user("bob"), organisation.user("alice")
    shared = selectors.readers(bob, actor(bob), Delivery.objects.get(owner=bob).id)
    assert [each.address for each in shared] == ["bob@portal.example", "carol@portal.example"]
    own = selectors.readers(alice, actor(alice), Delivery.objects.get(owner=alice).id)
    assert [each.address for each in own] == ["alice@portal.example"]


def test_it_is_answered_to_the_address_it_came_from(organisation):
    arrive(organisation, plain())
    bob = organisation.vault("bob")
    delivery = Delivery.objects.get()
    bob.ask("start_answer", {"delivery_id": delivery.id, "how": "reply", "draft_id": "d" * 32, "actor": {}}, timeout=5)
    content, _, _ = services.load_draft(bob, "d" * 32)
    assert (content.to, content.in_reply_to) == ("eve@outside.example", "<1@outside.example>")


def test_its_life_is_in_the_audit_trail(organisation):
    arrive(organisation, plain())
    message = Message.objects.get()
    assert [(each.verb, each.name) for each in events(correlation=message.id)] == [
        ("accepted", "outside"),
        ("encrypted", "outside"),
        ("delivered", "outside"),
    ]


# Labels


def refusal(organisation, content: bytes) -> str:
    answer = arrive(organisation, content)
    assert isinstance(answer, NotKept)
    assert (answer.code, Arrival.objects.count()) == (550, 0)
    assert [each.outcome for each in events(verb="accepted")] == ["refused"]
    return answer.reason


def test_unlabelled_mail_is_refused_where_no_label_is_configured(organisation):
    Origin.objects.update(label=None)
    assert refusal(organisation, plain()) == "5.7.1 An unlabelled message is not accepted here."


def test_encrypted_mail_is_refused_where_no_provisional_label_is_configured(organisation, eve):
    Origin.objects.update(provisional_label=None)
    sealed = mail(encrypted(signed(eve), certificate_of(organisation, "bob")))
    assert refusal(organisation, sealed).startswith("5.7.1 Encrypted mail")


def test_the_senders_domain_goes_before_any_other(organisation):
    services.set_origin(actor=SYSTEM, domain="outside.example", unlabelled=(RESTRICTED, []), encrypted=None)
    arrive(organisation, plain())
    assert Delivery.objects.get().label.marking == "RESTRICTED"


def test_a_label_that_a_verified_signature_proves_goes_first(organisation, eve):
    arrive(organisation, mail(signed(eve, label=label_of(CONFIDENTIAL))))
    delivery = Delivery.objects.get()
    assert delivery.label.marking == "CONFIDENTIAL"
    assert organisation.read("bob", delivery.id).verdict == "verified"


def test_nobody_gets_mail_above_the_clearance_and_the_sender_hears_nothing(organisation, eve):
    assert arrive(organisation, mail(signed(eve, label=label_of(SECRET)))) is None
    assert not Delivery.objects.exists()
    assert [each.outcome for each in events(verb="delivered")] == ["refused"]


def test_a_label_of_a_signature_that_nobody_vouches_for_proves_nothing(organisation):
    arrive(organisation, mail(signed(person("eve@outside.example"), label=label_of(CONFIDENTIAL))))
    assert Delivery.objects.get().label.marking == "UNCLASSIFIED"


def test_a_label_of_a_policy_that_is_not_known_here_is_the_origins(organisation, eve):
    arrive(organisation, mail(signed(eve, label=label_of(3, policy="1.2.3.4"))))
    delivery = Delivery.objects.get()
    assert delivery.label.marking == "UNCLASSIFIED"
    assert organisation.read("bob", delivery.id).verdict == "verified"


def test_a_label_that_the_policy_does_not_allow_is_refused(organisation, eve):
    content = mail(signed(eve, label=label_of(77)))
    assert refusal(organisation, content) == "5.7.1 The security label of this message is not valid here."


def test_the_label_inside_encrypted_mail_counts_from_its_first_opening_on(organisation, eve):
    arrive(organisation, mail(encrypted(signed(eve, label=label_of(CONFIDENTIAL)), certificate_of(organisation, "bob"))))
    delivery = Delivery.objects.get()
    assert delivery.label.marking == "UNCLASSIFIED"
    assert organisation.read("bob", delivery.id).label.marking == "CONFIDENTIAL"
    delivery.refresh_from_db()
    assert (delivery.label.marking, delivery.provisional_label.marking) == ("CONFIDENTIAL", "UNCLASSIFIED")
    assert [each.outcome for each in events(verb="labelled")] == ["granted"]
    organisation.read("bob", delivery.id)
    assert len(events(verb="labelled")) == 1


def test_the_row_beside_a_message_takes_the_label_that_was_found_inside(organisation, eve):
    arrive(organisation, mail(encrypted(signed(eve, label=label_of(CONFIDENTIAL)), certificate_of(organisation, "bob"))))
    delivery = Delivery.objects.get()
    bob = organisation.browser("bob")
    assert row_label(bob.get("/mail/inbox/", secure=True).text, delivery) == "UNCLASSIFIED"
    opened = bob.get(f"/mail/inbox/{delivery.id}/", secure=True, headers={"HX-Request": "true"})
    assert row_label(opened.text, delivery) == "CONFIDENTIAL"


def row_label(page: str, delivery: Delivery) -> str:
    (found,) = re.findall(f'id="label-of-{delivery.id}"[^>]*><span[^>]*>([^<]*)<', page)
    return found


def test_whoever_is_not_cleared_for_the_label_inside_finds_nothing(organisation, eve):
    arrive(organisation, mail(encrypted(signed(eve, label=label_of(SECRET)), certificate_of(organisation, "bob"))))
    delivery = Delivery.objects.get()
    bob = organisation.vault("bob")
    assert len(selectors.folder_page(bob, "inbox").rows) == 1
    assert organisation.read("bob", delivery.id) is None
    assert selectors.folder_page(bob, "inbox").rows == []
    assert organisation.read("bob", delivery.id) is None
    assert [each.outcome for each in events(verb="labelled")] == ["refused"]


def test_the_stricter_of_both_labels_governs(organisation, eve):
    services.set_origin(actor=SYSTEM, domain="*", unlabelled=None, encrypted=(CONFIDENTIAL, []))
    arrive(organisation, mail(encrypted(signed(eve, label=label_of(UNCLASSIFIED)), certificate_of(organisation, "bob"))))
    delivery = Delivery.objects.get()
    assert organisation.read("bob", delivery.id).label.marking == "UNCLASSIFIED"
    grant_clearance(actor=SYSTEM, user=organisation.user("bob"), classification=RESTRICTED)
    assert organisation.read("bob", delivery.id) is None
    assert selectors.folder_page(organisation.vault("bob"), "inbox").rows == []


def test_an_answer_is_read_under_both_labels_of_what_it_quotes(organisation, eve):
    services.set_origin(actor=SYSTEM, domain="*", unlabelled=None, encrypted=(CONFIDENTIAL, []))
    arrive(organisation, mail(encrypted(signed(eve, label=label_of(UNCLASSIFIED)), certificate_of(organisation, "bob"))))
    bob = organisation.vault("bob")
    bob.ask("start_answer", {"delivery_id": Delivery.objects.get().id, "how": "reply", "draft_id": "d" * 32, "actor": {}}, timeout=5)
    assert services.load_draft(bob, "d" * 32) is not None
    grant_clearance(actor=SYSTEM, user=bob.user, classification=RESTRICTED)
    assert services.load_draft(bob, "d" * 32) is None
    assert selectors.folder_page(bob, "drafts").rows == []


def test_a_large_message_makes_no_envelope_for_each_of_many_hidden_recipients(organisation, settings):
    """Each would hold all of it: 300 MB for 500 names are 150 GB."""
    settings.SMTP_MAX_SIZE = len(plain())
    refused = arrive(organisation, plain(To="list@elsewhere.example"), "alice", "bob", "carol")
    assert (refused.code, Arrival.objects.count()) == (552, 0)
    assert arrive(organisation, plain(), "alice", "bob") is None


# Precedence and certificates


def test_what_is_urgent_outside_is_shown_so_and_waits_behind_what_is_urgent_here(organisation, eve):
    arrive(organisation, mail(signed(eve, precedence="flash")))
    queued = Job.objects.filter(kind__in=["accept", "deliver"]).values_list("precedence", flat=True)
    assert list(queued) == [Precedence.PRIORITY, Precedence.PRIORITY]
    assert Delivery.objects.get().precedence == Precedence.FLASH


@pytest.mark.parametrize(("by_eve", "precedence"), [(True, "FLASH"), (False, "ROUTINE")])
def test_only_a_verified_signature_makes_mail_urgent(organisation, eve, by_eve, precedence):
    signer = eve if by_eve else person("eve@outside.example", issuer=authority("Nobody's CA"))
    arrive(organisation, mail(signed(signer, precedence="flash")))
    assert Precedence(Delivery.objects.get().precedence).name == precedence


@pytest.mark.parametrize("signed_body", [True, False])
def test_a_field_that_no_signature_covers_makes_nothing_urgent(organisation, eve, tmp_path, signed_body):
    urgent = {"MMHS-Primary-Precedence": "flash"}
    arrive(organisation, mail(clear_signed(eve, tmp_path), **urgent) if signed_body else plain(**urgent))
    assert Delivery.objects.get().precedence == Precedence.ROUTINE


def test_an_address_too_long_to_be_written_to_is_not_remembered(organisation, eve):
    """PostgreSQL would refuse it, and the message with it, for ever."""
    long = "e" * 64 + "@" + ".".join(["x" * 60] * 4)
    proven = Proven(long, eve.der, b"", None, timezone.now())
    assert remember_certificate(actor=SYSTEM, proven=proven) is None


def remembered() -> Certificate | None:
    return Certificate.objects.filter(user=None).first()


@pytest.mark.parametrize("secret", [False, True])
def test_the_certificate_of_a_verified_signer_is_remembered_for_answering(organisation, eve, secret):
    content = signed(eve)
    arrive(organisation, mail(encrypted(content, certificate_of(organisation, "bob")) if secret else content))
    assert (remembered() is None) == secret  # what is encrypted is not seen before it is opened
    organisation.read("bob", Delivery.objects.get().id)
    row = remembered()
    assert (row.address, row.der, row.source) == ("eve@outside.example", eve.der, "signature")
    assert "2.16.840.1.101.3.4.1.46" in row.capabilities
    assert keys_selectors.certificates_outside(["eve@outside.example"]) == {"eve@outside.example": row}


def test_a_certificate_that_nobody_vouches_for_is_not_remembered(organisation):
    arrive(organisation, mail(signed(person("eve@outside.example"))))
    assert remembered() is None


def test_a_revoked_certificate_stays_revoked(organisation, eve):
    arrive(organisation, mail(signed(eve)))
    Certificate.objects.filter(user=None).update(revoked_at=timezone.now(), capabilities=None)
    arrive(organisation, mail(signed(eve, TEXT + b"again\r\n")))
    assert remembered().capabilities is None
    assert keys_selectors.certificates_outside(["eve@outside.example"]) == {}


def test_an_older_signature_changes_nothing(organisation, eve):
    arrive(organisation, mail(signed(eve)))
    newest = remembered().seen_at
    old = Proven("eve@outside.example", eve.der, b"", ["1.2.3"], newest - timedelta(minutes=1))
    assert remember_certificate(actor=SYSTEM, proven=old) is None
    future = replace(old, signed_at=timezone.now() + timedelta(days=1))
    assert remember_certificate(actor=SYSTEM, proven=future) is None
    assert remember_certificate(actor=SYSTEM, proven=replace(old, signed_at=timezone.now())).capabilities == ["1.2.3"]


def test_an_authority_outside_vouches_for_nobody_here(organisation, eve):
    pretender = person("alice@portal.example")
    arrive(organisation, mail(signed(pretender, From="alice@portal.example", label=label_of(CONFIDENTIAL))))
    delivery = Delivery.objects.get()
    assert delivery.label.marking == "UNCLASSIFIED"
    assert organisation.read("bob", delivery.id).verdict == "not-verified"
    assert remembered() is None
