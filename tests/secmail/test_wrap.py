"""Making messages: RFC 8551 section 3, content encryption by what the recipients read, streaming without spooling."""

import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pki import EVERYBODY, NOW, certificate, decryption_key, signing_key, trust

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    EssAttributes,
    FileSource,
    Malformed,
    Password,
    Recipient,
    SecurityLabel,
    Unsupported,
    encrypt,
    enveloping,
    load_private_key,
    sign,
    signing,
    unwrap,
    wrapping,
)
from secmail.algorithms import AES256_GCM
from secmail.envelope import plan_envelope

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
HEADERS = b"From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: [...]\r\nMIME-Version: 1.0\r\n"
LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3)


def wrapped(*recipients, content=ENTITY, name="ada", **options) -> tuple[bytes, object]:
    out = io.BytesIO()
    out.write(HEADERS)
    with wrapping(
        out, signer=signing_key(name), certificates=[certificate("ca")], recipients=recipients, now=NOW, **options
    ) as sink:
        sink.write(content)
    return out.getvalue(), sink.envelope


def opened(message: bytes, name: str):
    return unwrap(BytesSource(message), keys=[decryption_key(name)], trust=trust(), now=NOW)


def knowing(name: str) -> Recipient:
    return Recipient(certificate(name), OWN_CAPABILITIES)


@given(st.lists(st.binary(max_size=100_000), max_size=4), st.sampled_from(["gcm", "cbc"]), st.sampled_from(EVERYBODY))
def test_what_is_wrapped_opens_again(pieces, content_encryption, name):
    content = ENTITY + b"".join(pieces)
    message, _ = wrapped(*map(knowing, EVERYBODY), content=content, content_encryption=content_encryption)
    result = opened(message, name)
    assert result.content.open().read() == content
    assert result.require_verified().address == "ada@example.org"


@pytest.mark.parametrize("name", EVERYBODY)
def test_everybody_signs(name):
    message, _ = wrapped(knowing("bob"), name=name)
    head, body = message.split(b"\r\n\r\n", 1)
    head = head.replace(b"ada@", name.encode() + b"@").replace(b"Ada", b"Somebody")
    assert opened(head + b"\r\n\r\n" + body, "bob").verdict == "verified"


def test_the_layers_are_entities_of_rfc8551_3_2():
    message, _ = wrapped(knowing("bob"))
    assert message.startswith(
        HEADERS + b'Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data; name="smime.p7m"\r\n'
        b"Content-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="smime.p7m"\r\n\r\nMI'
    )
    assert max(map(len, message.split(b"\r\n"))) <= 76 + len("application")
    assert b"smime-type=enveloped-data" in wrapped(certificate("bob"))[0]


# Content encryption: GCM only if every recipient is known to read it


@pytest.mark.parametrize(
    ("recipients", "algorithm", "reason"),
    [
        ([knowing("ada"), knowing("rita")], "AES-256-GCM", "every recipient is known to read AES-256-GCM"),
        ([Recipient(certificate("gwen"))], "AES-256-GCM", "every recipient is known to read AES-256-GCM"),
        ([certificate("gwen")], "AES-256-GCM", "every recipient is known to read AES-256-GCM"),
        ([knowing("ada"), certificate("bob")], "AES-256-CBC", "not known to read AES-256-GCM: bob@example.org"),
        ([Recipient(certificate("gwen"), frozenset())], "AES-256-CBC", "not known to read AES-256-GCM: gwen@example.org"),
    ],
)
def test_gcm_is_chosen_only_if_every_recipient_is_known_to_read_it(recipients, algorithm, reason):
    _, envelope = wrapped(*recipients)
    assert (envelope.content_encryption, envelope.reason) == (algorithm, reason)


@pytest.mark.parametrize(("choice", "algorithm"), [("gcm", "AES-256-GCM"), ("cbc", "AES-256-CBC")])
def test_the_sender_may_choose(choice, algorithm):
    for recipient in (certificate("ada"), knowing("ada")):
        _, envelope = wrapped(recipient, content_encryption=choice)
        assert (envelope.content_encryption, envelope.reason) == (algorithm, "chosen by the sender")


def test_the_envelope_says_how_each_recipient_gets_the_key():
    _, envelope = wrapped(knowing("rita"), certificate("rita"), knowing("ada"))
    assert envelope.key_management == (
        (certificate("rita"), "RSA PKCS#1 v1.5"),
        (certificate("ada"), "ECDH with SHA-256 KDF"),
    )
    only_gcm = frozenset({AES256_GCM.oid})
    assert wrapped(Recipient(certificate("rita"), only_gcm))[1].key_management[0][1] == "RSA PKCS#1 v1.5"
    assert wrapped(knowing("rita"))[1].key_management[0][1] == "RSAES-OAEP"


# Refused


def test_a_certificate_that_is_not_for_encryption_is_refused_before_anything_is_written():
    out = io.BytesIO()
    with pytest.raises(Unsupported), enveloping(out, recipients=[knowing("ada"), knowing("signer-only")]):
        pass
    assert out.getvalue() == b""


def test_a_certificate_that_is_not_for_signing_is_refused():
    with pytest.raises(Unsupported), signing(io.BytesIO(), signer=signing_key("gwen"), now=NOW):
        pass


def test_nobody_is_no_recipient():
    with pytest.raises(ValueError, match="no recipients"):
        wrapped()


def test_an_interrupted_message_is_not_finished():
    out = io.BytesIO()
    with suppress(ZeroDivisionError), wrapping(out, signer=signing_key("ada"), recipients=[knowing("bob")], now=NOW) as sink:
        sink.write(ENTITY)
        sink.write(bytes(1 // 0))
    with pytest.raises(Malformed):
        opened(HEADERS + out.getvalue(), "bob")


# One-shot functions


def test_sign_and_encrypt_take_whole_streams():
    signed, encrypted = io.BytesIO(), io.BytesIO()
    signed.write(HEADERS)
    sign(
        io.BytesIO(ENTITY),
        signed,
        signer=signing_key("ada"),
        now=NOW,
        certificates=[certificate("ca")],
        attributes=EssAttributes(LABEL),
    )
    assert opened(signed.getvalue(), "bob").label == LABEL
    envelope = encrypt(io.BytesIO(ENTITY), encrypted, recipients=[knowing("bob")])
    assert envelope.content_encryption == "AES-256-GCM"
    result = opened(encrypted.getvalue(), "bob")
    assert (result.verdict, result.content.open().read()) == ("unsigned", ENTITY)


# Streaming


class Counting(io.RawIOBase):
    """A sink that remembers how much is between what was written to the message and what came out of it."""

    def __init__(self) -> None:
        self.received = 0

    def write(self, data) -> int:
        self.received += len(data)
        return len(data)


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_nothing_is_held_back_but_a_few_chunks(content_encryption):
    out = Counting()
    with wrapping(
        out, signer=signing_key("ada"), recipients=[knowing("bob")], now=NOW, content_encryption=content_encryption
    ) as sink:
        for number in range(1, 65):
            sink.write(os.urandom(65_536))
            assert number * 65_536 - out.received * 57 * 57 / 78 / 78 < 6 * 65_536


def test_memory_does_not_grow_with_the_message(tmp_path):
    """16 MiB through wrap and unwrap, in a process of its own, cost less than 8 MiB over what 64 KiB cost."""
    root = Path(__file__).resolve().parents[2]
    script = Path(__file__).with_name("memory.py")
    environment = {"PYTHONPATH": f"{root}:{script.parent}", "PATH": os.environ["PATH"]}
    peaks = []
    for size in (64 * 1024, 16 * 1024 * 1024):
        command = [sys.executable, "-W", "ignore", str(script), str(tmp_path / "message"), str(size)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 8 * 1024


def test_a_file_is_unwrapped_in_passes_that_do_not_share_a_position(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(wrapped(knowing("bob"), content=ENTITY * 10_000)[0])
    with path.open("rb") as file:
        result = unwrap(FileSource(file), keys=[decryption_key("bob")], trust=trust(), now=NOW)
        with result.content.open() as one, result.content.open() as two:
            assert one.read(100_000) == two.read(100_000)
            assert one.read() == two.read()


def test_a_content_encryption_that_is_none_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="auto, gcm, cbc"):
        plan_envelope([Recipient(certificate("bob"))], "rot13")


def test_an_empty_password_is_none():
    with pytest.raises(ValueError, match="empty"):
        Password(b"")


def test_a_passphrase_is_octets():
    with pytest.raises(TypeError, match="octets"):
        load_private_key(b"", "secret")
