"""Mail from outside, from the end of DATA to the page."""

import hashlib

import pytest

from portal.keys import objects
from portal.keys.chunks import ChunkWriter
from portal.keys.sealing import new_key
from portal.mail import services
from portal.mail.models import Delivery
from portal.mail.services.arrive import Arriving, NotKept
from portal.outbox import services as outbox
from tests.portal.mail.outside import anywhere, plain

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
