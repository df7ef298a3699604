"""What a list shows of encrypted mail from outside: what stands outside until it is opened, then what stands inside."""

import io

import pytest

from portal.audit.services import SYSTEM
from portal.mail import selectors
from portal.mail.content import Summary
from portal.mail.models import Delivery
from portal.policy.services import grant_clearance
from secmail import mime
from tests.portal.mail.outside import anywhere, encrypted, label_of, mail, signed
from tests.portal.mail.test_accept import arrive, certificate_of
from tests.portal.mail.test_certificates_outside import eve
from tests.portal.organisation import RESTRICTED, SECRET, UNCLASSIFIED

__all__ = ["anywhere", "eve"]


def arrived(organisation, entity: bytes) -> Delivery:
    arrive(organisation, mail(encrypted(entity, certificate_of(organisation, "bob")), Subject="[...]"))
    return Delivery.objects.get()


def line(organisation) -> Summary | None:
    (row,) = selectors.folder_page(organisation.vault("bob"), "inbox").rows
    return row.summary


def unsigned(attachments: list[mime.Attachment] | None = None, **fields: str) -> bytes:
    out = io.BytesIO()
    protected = mime.protect(list(({"From": "Eve <eve@outside.example>", "Subject": "Tides inside"} | fields).items()))
    mime.write_message(out, headers=protected.inner, text="High water at six.", attachments=attachments or [], hp=protected.hp)
    return out.getvalue()


def test_the_subject_inside_stands_in_the_list_once_it_was_opened(organisation, eve):
    delivery = arrived(organisation, signed(eve))
    assert line(organisation) == Summary("[...]", "eve@outside.example", attachments=False)
    organisation.read("bob", delivery.id)
    assert line(organisation) == Summary("Tides inside", "eve@outside.example", attachments=False)


def test_that_something_is_attached_is_seen_then(organisation, eve):
    delivery = arrived(organisation, unsigned([mime.Attachment("tides.csv", "text/csv", lambda: io.BytesIO(b"6,18"))]))
    organisation.read("bob", delivery.id)
    assert line(organisation) == Summary("Tides inside", "eve@outside.example", attachments=True)


def test_nobody_is_named_who_belongs_to_this_portal_and_has_not_signed(organisation, eve):
    delivery = arrived(organisation, unsigned(From="Alice <alice@portal.example>"))
    assert organisation.read("bob", delivery.id).from_address == "alice@portal.example"
    assert line(organisation) == Summary("Tides inside", "eve@outside.example", attachments=False)


def test_who_signs_for_somebody_of_this_portal_does_not_get_their_name_either(organisation, eve):
    """The signature then proves the address in Sender, not the one in From."""
    delivery = arrived(organisation, signed(eve, From="alice@portal.example", Sender="eve@outside.example"))
    opened = organisation.read("bob", delivery.id)
    assert (opened.verdict, opened.from_address) == ("verified", "alice@portal.example")
    assert line(organisation).people == "eve@outside.example"


@pytest.mark.parametrize("problem", ["not cleared", "not for these keys"])
def test_what_was_not_shown_is_not_in_the_list_either(organisation, eve, problem):
    if problem == "not cleared":
        delivery = arrived(organisation, signed(eve, label=label_of(SECRET)))
    else:
        arrive(organisation, mail(encrypted(signed(eve), certificate_of(organisation, "carol"))))
        delivery = Delivery.objects.get()
    before = bytes(delivery.summary)
    organisation.read("bob", delivery.id)
    delivery.refresh_from_db()
    assert bytes(delivery.summary) == before


def test_mail_that_was_opened_by_somebody_without_the_clearance_shows_it_to_who_has_it_later(organisation, eve):
    delivery = arrived(organisation, signed(eve, label=label_of(RESTRICTED)))
    grant_clearance(actor=SYSTEM, user=organisation.user("bob"), classification=UNCLASSIFIED)
    assert organisation.read("bob", delivery.id) is None
    grant_clearance(actor=SYSTEM, user=organisation.user("bob"), classification=RESTRICTED)
    organisation.read("bob", delivery.id)
    assert line(organisation).subject == "Tides inside"
