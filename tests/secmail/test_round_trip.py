"""open(wrap(x)) = x over all algorithms and shapes: any layers around any content, for any recipients, by any signers."""

import io
import re
import secrets
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pki import NOW, RECIPIENTS, SIGNERS, certificate, decryption_key, signing_key, trust

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    CompressedLayer,
    EnvelopedLayer,
    Password,
    PathCache,
    PathOptions,
    Recipient,
    SecretKey,
    SignedLayer,
    compressing,
    enveloping,
    signing,
    unwrap,
    wrapping,
)
from secmail.cms import shared

SHARED_KEY, PASSWORD = SecretKey(secrets.token_bytes(32), b"id"), Password(b"correct horse")
KINDS = {"sign": SignedLayer, "clear": SignedLayer, "gcm": EnvelopedLayer, "cbc": EnvelopedLayer, "compress": CompressedLayer}
CACHE = PathCache()

everybody = st.sampled_from([*RECIPIENTS, SHARED_KEY, PASSWORD])
bodies = st.binary(max_size=3000) | st.builds(lambda piece, times: piece * times, st.binary(max_size=9), st.integers(0, 20_000))
shapes = st.lists(st.sampled_from(["sign", "clear", "gcm", "cbc"]), min_size=1, max_size=4).flatmap(
    lambda kinds: st.permutations([*kinds, "compress"]) | st.just(kinds)
)


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    """A password costs a tenth of a second on purpose; here it need not."""
    monkeypatch.setattr(shared, "ITERATIONS", 10)


def entity(body: bytes) -> bytes:
    return b"Content-Type: application/octet-stream\r\n\r\n" + re.sub(rb"\r|\n", b"\r\n", body)


def to(*recipients):
    return [Recipient(certificate(each), OWN_CAPABILITIES) if isinstance(each, str) else each for each in recipients]


def key_of(recipient):
    return decryption_key(recipient) if isinstance(recipient, str) else recipient


def headers(sender: str) -> io.BytesIO:
    out = io.BytesIO()
    out.write(f"From: {sender}@example.org\r\nMIME-Version: 1.0\r\n".encode())
    return out


def opened(out: io.BytesIO, *keys):
    return unwrap(BytesSource(out.getvalue()), keys=keys, trust=trust(), now=NOW, options=PathOptions(cache=CACHE))


@settings(max_examples=settings.default.max_examples * 6 // 10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies, st.lists(st.sampled_from(SIGNERS), min_size=1, max_size=3, unique=True), st.lists(everybody, min_size=1, max_size=4), st.data())
def test_a_signed_and_encrypted_message_opens_for_each_recipient(body, names, recipients, data):
    out = headers(names[0])
    first, *others = map(signing_key, names)
    choice = data.draw(st.sampled_from(["auto", "gcm", "cbc"]))
    options = {"content_encryption": choice, "co_signers": others, "certificates": [certificate("ca")]}
    with wrapping(out, signer=first, recipients=to(*recipients), now=NOW, **options) as sink:
        sink.write(entity(body))
    result = opened(out, key_of(data.draw(st.sampled_from(recipients))))
    assert result.require_verified().address == f"{names[0]}@example.org"
    assert result.content.open().read() == entity(body)
    assert result.is_authenticated


@settings(max_examples=settings.default.max_examples * 8 // 10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies, shapes, st.sampled_from(SIGNERS), st.lists(everybody, min_size=1, max_size=3), st.data())
def test_any_layers_come_off_again_in_order(body, shape, name, recipients, data):
    out, pss = headers(name), data.draw(st.booleans())
    make = {
        "sign": lambda sink: signing(sink, signer=signing_key(name), now=NOW, certificates=[certificate("ca")], pss=pss),
        "clear": lambda sink: signing(sink, signer=signing_key(name), now=NOW, certificates=[certificate("ca")], detached=True),
        "gcm": lambda sink: enveloping(sink, recipients=to(*recipients), content_encryption="gcm"),
        "cbc": lambda sink: enveloping(sink, recipients=to(*recipients), content_encryption="cbc"),
        "compress": compressing,
    }
    with ExitStack() as stack:
        sink = out
        for kind in shape:
            sink = stack.enter_context(make[kind](sink))
        sink.write(entity(body))
    result = opened(out, key_of(data.draw(st.sampled_from(recipients))))
    assert [type(each) for each in result.layers] == [KINDS[kind] for kind in shape]
    assert result.content.open().read() == entity(body)
    last_envelope = max((number for number, kind in enumerate(shape) if kind in ("gcm", "cbc")), default=-1)
    signed = {"sign", "clear"} & set(shape[last_envelope + 1 :])
    expected = "verified" if signed else "not-verified" if {"sign", "clear"} & set(shape) else "unsigned"
    assert result.verdict == expected
