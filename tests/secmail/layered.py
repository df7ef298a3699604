"""Messages of any layers, for the rules of RFC 2634 about which layer counts."""

import base64
import io
from contextlib import ExitStack
from dataclasses import dataclass

from forge import CONTENT
from pki import NOW, certificate, decryption_key, signing_key, trust

from secmail import OWN_CAPABILITIES, BytesSource, EssAttributes, Recipient, SecurityLabel, enveloping, signing, unwrap

POLICY = "1.3.6.1.4.1.22112.1.1"
LABEL = SecurityLabel(POLICY, classification=3, privacy_mark="ACME")
OUTER_LABEL = SecurityLabel(POLICY, classification=1)


@dataclass(frozen=True)
class S:
    """A layer of signature."""

    name: str = "ada"
    attributes: EssAttributes | None = None


@dataclass(frozen=True)
class E:
    """A layer of encryption."""

    names: tuple[str, ...] = ("bob", "list")
    content_encryption: str = "gcm"
    capabilities: frozenset[str] | None = OWN_CAPABILITIES


def header(sender="ada@example.org", to="bob@example.org") -> bytes:
    return f"From: {sender}\r\nTo: {to}\r\nMIME-Version: 1.0\r\n".encode()


def protected(to: str, sender="ada@example.org") -> bytes:
    """An entity with header protection."""
    return f'From: {sender}\r\nTo: {to}\r\nContent-Type: text/plain; hp="cipher"\r\n\r\nHello\r\n'.encode()


def message(*layers: S | E, content: bytes = CONTENT, top: bytes | None = None) -> bytes:
    """The outermost layer first."""
    out = io.BytesIO()
    out.write(header() if top is None else top)
    with ExitStack() as stack:
        sink = out
        for layer in layers:
            sink = stack.enter_context(_opened(layer, sink))
        sink.write(content)
    return out.getvalue()


def _opened(layer: S | E, sink):
    if isinstance(layer, E):
        recipients = [Recipient(certificate(each), layer.capabilities) for each in layer.names]
        return enveloping(sink, recipients=recipients, content_encryption=layer.content_encryption)
    options = {"certificates": [certificate("ca")], "attributes": layer.attributes, "now": NOW}
    return signing(sink, signer=signing_key(layer.name), **options)


def opened(data: bytes, *names: str, **options):
    keys = [decryption_key(each) for each in names or ("bob",)]
    return unwrap(BytesSource(data), keys=keys, trust=trust(), now=NOW, **options)


def mime(structure: bytes, sender="ada@example.org", smime_type="signed-data") -> bytes:
    """A CMS structure as a message."""
    fields = f"Content-Type: application/pkcs7-mime; smime-type={smime_type}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return header(sender) + fields.encode() + base64.encodebytes(structure)
