"""What the tests with both peers have in common: one entity, and how it is made into messages and read again here."""

import base64
import io
import re
from contextlib import ExitStack

from secmail import BytesSource, EssAttributes, ReceiptRequest, SecurityLabel, enveloping, unwrap
from secmail import signing as signing_message
from secmail.wrap import EncryptTo
from tests.interop.cases import READ_BY
from tests.secmail.pki import NOW, PKI, certificate, signing_key, trust

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
LETTER = b"From: ada@example.org\r\nTo: rita@example.org\r\nSubject: Plans\r\n" + ENTITY
LARGE = ENTITY + b"a line of a large message, which is streamed in pieces\r\n" * 20_000
SERVICES = EssAttributes(
    SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3, privacy_mark="ACME INTERNAL"),
    ReceiptRequest(b"content-id", "all_receipts", ("ada@example.org",)),
    b"content-id",
)
MOMENT = ("-attime", str(int(NOW.timestamp())))
TIME = NOW.isoformat().replace("+00:00", "Z")


def read_by(peer: str, names: tuple[str, ...]) -> list[str]:
    """Those of the names whose kind of key the peer knows."""
    return [name for name in names if peer in READ_BY[PKI[name].key]]


def top(sender="ada@example.org") -> io.BytesIO:
    """The fields before the first layer."""
    out = io.BytesIO()
    out.write(f"From: {sender}\r\nMIME-Version: 1.0\r\n".encode())
    return out


def made(*layers, sender="ada@example.org", content: bytes = ENTITY) -> bytes:
    """A message; each layer takes a sink and gives the context in which to write to the next."""
    out = top(sender)
    with ExitStack() as stack:
        sink = out
        for layer in layers:
            sink = stack.enter_context(layer(sink))
        sink.write(content)
    return out.getvalue()


def signed_here(name: str, content: bytes = ENTITY, **options) -> bytes:
    options = {"certificates": [certificate("ca")], "now": NOW, **options}
    return made(lambda sink: signing_message(sink, signer=signing_key(name), **options), sender=f"{name}@example.org", content=content)


def encrypted(*recipients: EncryptTo, content: bytes = ENTITY) -> bytes:
    """The structure of a message in AES-256-CBC, which every peer reads."""
    return structure(made(lambda sink: enveloping(sink, recipients=recipients, content_encryption="cbc"), content=content))


def structure(message: bytes) -> bytes:
    """The CMS structure of an application/pkcs7-mime message."""
    return base64.b64decode(message.split(b"\r\n\r\n", 1)[1])


def detached(message: bytes) -> tuple[bytes, bytes]:
    """The entity and the CMS structure of a multipart/signed."""
    delimiter = b"\r\n--" + re.search(rb'boundary="(.+?)"', message)[1]
    _, entity, signature, _ = message.split(delimiter)
    return entity.removeprefix(b"\r\n"), structure(signature.removeprefix(b"\r\n"))


def clear_signed(entity: bytes, signature: bytes, sender="ada@example.org") -> bytes:
    """An entity and a CMS structure as a multipart/signed."""
    fields = f"From: {sender}\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=limit\r\n\r\n"
    second = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(signature)
    return b"\r\n--limit".join((fields.encode(), b"\r\n" + entity, b"\r\n" + second, b"--\r\n"))


def mail(encoded: bytes, sender="ada@example.org") -> bytes:
    """A CMS structure as a message."""
    fields = f"From: {sender}\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return fields.encode() + base64.encodebytes(encoded)


def opened(message: bytes, *keys):
    return unwrap(BytesSource(message), keys=keys, trust=trust(), now=NOW)


def read(result) -> bytes:
    return result.content.open().read()
