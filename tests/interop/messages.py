"""What the tests with both peers have in common: one entity, and how it is made into messages and read again here."""

import base64
import io
from contextlib import ExitStack

from secmail import BytesSource, unwrap
from secmail import signing as signing_message
from tests.interop.cases import READ_BY
from tests.secmail.pki import NOW, PKI, certificate, signing_key, trust

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
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


def signed_here(name: str, **options) -> bytes:
    options = {"certificates": [certificate("ca")], "now": NOW, **options}
    return made(lambda sink: signing_message(sink, signer=signing_key(name), **options), sender=f"{name}@example.org")


def structure(message: bytes) -> bytes:
    """The CMS structure of an application/pkcs7-mime message."""
    return base64.b64decode(message.split(b"\r\n\r\n", 1)[1])


def mail(encoded: bytes, sender="ada@example.org") -> bytes:
    """A CMS structure as a message."""
    fields = f"From: {sender}\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return fields.encode() + base64.encodebytes(encoded)


def opened(message: bytes, *keys):
    return unwrap(BytesSource(message), keys=keys, trust=trust(), now=NOW)


def read(result) -> bytes:
    return result.content.open().read()
