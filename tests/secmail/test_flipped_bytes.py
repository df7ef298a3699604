"""Any flipped byte of an authenticated message is refused, or changes nothing of what is authenticated.

In the suite every byte of a signed message is tried with one flipped bit, and every so many of those with more layers. ``FLIPS=one`` tries all
bytes of all, ``FLIPS=all`` with each of the eight bits, all together, and the lowest two.
"""

import base64
import io
import os
from functools import cache

import pytest
from layered import LABEL, E, S, message
from pki import NOW, certificate, decryption_key, signing_key, trust

from secmail import BytesSource, EssAttributes, PathCache, PathOptions, ReceiptRequest, SecmailError, signing, unwrap
from secmail.mime import message_root

REQUEST = ReceiptRequest(b"id", "all_receipts", ("ada@example.org",))
SIGNED = S(attributes=EssAttributes(security_label=LABEL, receipt_request=REQUEST))
INNER = b'From: ada@example.org\r\nTo: bob@example.org\r\nSubject: Hi\r\nContent-Type: text/plain; hp="%b"\r\n\r\nHello\r\n'
SHAPES = {
    "signed": message(SIGNED, content=INNER % b"clear"),
    "signed and encrypted": message(E(("bob",)), SIGNED, content=INNER % b"cipher"),
    "triple wrapped": message(S(), E(("bob",)), SIGNED, content=INNER % b"cipher"),
}
OPTIONS = PathOptions(cache=PathCache())
FLIPS = [1 << bit for bit in range(8)] + [0xFF, 0x03]


def binary(data: bytes) -> bytes:
    """The message with its outermost structure as it is, so that a byte is a byte of it and not of its base64."""
    fields, _, body = data.partition(b"\r\n\r\n")
    return fields.replace(b"Encoding: base64", b"Encoding: binary") + b"\r\n\r\n" + base64.b64decode(body)


def detached() -> bytes:
    out = io.BytesIO()
    out.write(b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
    options = {"certificates": [certificate("ca")], "attributes": SIGNED.attributes, "now": NOW, "detached": True}
    with signing(out, signer=signing_key("ada"), **options) as sink:
        sink.write(INNER % b"clear")
    return out.getvalue()


def authenticated(data: bytes):
    """What the message proves; None if it is refused."""
    try:
        result = unwrap(BytesSource(data), keys=[decryption_key("bob")], trust=trust(), now=NOW, options=OPTIONS)
        author = result.require_verified()
    except SecmailError:
        return None
    protected = {name: (each.value, each.protection) for name, each in result.headers.items() if each.protection != "unprotected"}
    label, request = (result.label_state, result.label), (result.receipt_request_state, result.receipt_request)
    content = result.content.open().read()
    return content, message_root(result.entity).content_type, label, request, author.signer.certificate, author.address, protected


@cache
def shape(name: str) -> bytes:
    return detached() if name == "detached" else binary(SHAPES[name])


@pytest.mark.parametrize(("name", "step"), [("signed", 1), ("detached", 1), ("signed and encrypted", 4), ("triple wrapped", 16)])
def test_a_flipped_byte_changes_nothing_that_is_authenticated(name, step):
    data, wanted = shape(name), os.environ.get("FLIPS")
    expected = authenticated(data)
    assert expected is not None
    for position in range(0, len(data), 1 if wanted else step):
        for pattern in FLIPS if wanted == "all" else [FLIPS[position // step % 8]]:
            changed = data[:position] + bytes((data[position] ^ pattern,)) + data[position + 1 :]
            assert authenticated(changed) in (None, expected), (position, pattern)
