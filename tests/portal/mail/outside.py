"""Mail from outside, for tests."""

from email.message import EmailMessage

import pytest

from portal.mail.models import Origin
from portal.policy.services import label_row
from tests.portal.organisation import UNCLASSIFIED


@pytest.fixture
def anywhere(organisation) -> Origin:
    """What holds for mail from anywhere."""
    Origin.objects.all().delete()
    label = label_row(classification=UNCLASSIFIED)
    return Origin.objects.create(domain="*", label=label, provisional_label=label)


def plain(**fields: str) -> bytes:
    message = EmailMessage()
    wanted = {"From": "Eve Elsewhere <eve@outside.example>", "To": "bob@portal.example", "Subject": "Tides", "Message-ID": "<1@outside.example>"}
    for name, value in (wanted | fields).items():
        message[name] = value
    message.set_content("High water at six.\n")
    return message.as_bytes().replace(b"\n", b"\r\n")
