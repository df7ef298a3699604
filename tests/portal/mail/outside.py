"""Mail from outside, for tests. It is made without Django, so that fault tests can make it, too."""

import io
import subprocess
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from secmail import Certificate, EssAttributes, SecurityLabel, SoftwareSigningKey, enveloping, mime, signing
from tests.portal.outsiders import Issued

if TYPE_CHECKING:
    from portal.mail.models import Origin

TEXT = b"High water at six.\r\n"


@pytest.fixture
def anywhere(organisation) -> "Origin":
    """What holds for mail from anywhere."""
    from portal.mail.models import Origin
    from portal.policy.services import label_row
    from tests.portal.organisation import UNCLASSIFIED

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


def openssl(*arguments: str, content: bytes) -> bytes:
    """What `openssl cms` makes of it. Keys and certificates are files."""
    return subprocess.run(["openssl", "cms", *arguments], input=content, capture_output=True, check=True).stdout


def mail(inner: bytes, **fields: str) -> bytes:
    """An entity as a message from outside: with header fields around what openssl or the engine made."""
    head = plain(**fields).partition(b"\r\n\r\n")[0]
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-", b"mime-"))]
    body = inner.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return b"\r\n".join([*kept, body if body.lower().startswith(b"mime-version") else b"MIME-Version: 1.0\r\n" + body])


def signed(by: Issued, content: bytes = TEXT, *, label: SecurityLabel | None = None, precedence: str = "", **fields: str) -> bytes:
    """An entity signed by the engine, its header fields protected."""
    wanted = {"From": "eve@outside.example", "To": "bob@portal.example", "Subject": "Tides inside", "Message-ID": "<2@outside.example>"}
    inside = wanted | fields | ({"MMHS-Primary-Precedence": precedence} if precedence else {})
    protected = mime.protect(list(inside.items()))
    out = io.BytesIO()
    key = SoftwareSigningKey(by.key, Certificate.from_der(by.der))
    with signing(out, signer=key, now=datetime.now(UTC), encryption_certificate=key.certificate, attributes=EssAttributes(security_label=label)) as sink:
        mime.write_message(sink, headers=protected.inner, text=content.decode(), attachments=[], hp=protected.hp)
    return out.getvalue()


def encrypted(entity: bytes, *certificates: bytes) -> bytes:
    out = io.BytesIO()
    with enveloping(out, recipients=[Certificate.from_der(each) for each in certificates]) as sink:
        sink.write(entity)
    return out.getvalue()


def label_of(classification: int, policy: str = "1.3.6.1.4.1.32473.1.1") -> SecurityLabel:
    return SecurityLabel(policy, classification)
