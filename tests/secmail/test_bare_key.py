"""A private key opens what was encrypted to it although its certificate is not at hand, where it can be told which recipient info is meant."""

import io
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pki import NOW, RECIPIENTS, certificate, private_key

from secmail import BytesSource, DecryptionError, NotARecipient, Recipient, Unsupported, enveloping, unwrap
from secmail.cms import bare
from secmail.keys import BareKey
from secmail.paths import TrustStore


def message(*names: str, content_encryption="auto") -> bytes:
    out = io.BytesIO()
    recipients = [Recipient(certificate(each)) for each in names]
    with enveloping(out, recipients=recipients, content_encryption=content_encryption) as sink:
        sink.write(b"Content-Type: text/plain\r\n\r\nHello\r\n")
    return out.getvalue()


def opened(data: bytes, key):
    return unwrap(BytesSource(data), keys=[BareKey(private_key(key) if isinstance(key, str) else key)], trust=TrustStore([]), now=NOW)



@pytest.mark.parametrize("name", RECIPIENTS)
def test_every_kind_of_key_opens_what_is_for_it_alone(name):
    result = opened(message(name), name)
    assert result.entity.open_body().read() == b"Hello\r\n"
    assert "without its certificate" in result.layers[0].opened_with


@pytest.mark.parametrize("name", [each for each in RECIPIENTS if each != "rita"])
def test_a_key_wrap_tells_which_of_many_is_meant(name):
    assert opened(message(*RECIPIENTS), name).entity.open_body().read() == b"Hello\r\n"


@pytest.mark.parametrize("name", RECIPIENTS)
def test_what_is_for_others_is_not_opened(name):
    others = [each for each in RECIPIENTS if each != name and type(private_key(each)) is not type(private_key(name))]
    with pytest.raises(NotARecipient):
        opened(message(*others), name)


def test_of_several_rsa_recipients_the_one_that_gives_a_key_of_the_right_length_is_meant():
    """A message to two people, which its sender and its reader open with nothing but their keys. Once in some hundred the other gives one, too."""
    found = dict.fromkeys(("rita", "rhea"), 0)
    for _ in range(4):
        for name in found:
            with suppress(DecryptionError):
                result = opened(message("rita", "rhea", content_encryption="gcm"), name)
                found[name] += result.entity.open_body().read() == b"Hello\r\n"
    assert all(found.values()), found


def test_an_rsa_key_is_not_tried_on_a_crowd(monkeypatch):
    """Each try costs a private-key operation."""
    monkeypatch.setattr(bare, "MAX_TRIED_RSA", 1)
    with pytest.raises(NotARecipient):
        opened(message("rhea", "rita"), "rita")


def test_where_none_of_several_is_for_the_key_it_looks_like_content_that_is_damaged():
    """RFC 3218 section 2.3: otherwise the length of what was decrypted would show."""
    with pytest.raises(DecryptionError):
        opened(message("rita", "rhea", content_encryption="gcm"), rsa.generate_private_key(65537, 2048))


def test_a_key_that_only_signs_is_refused():
    with pytest.raises(Unsupported):
        BareKey(private_key("eddy"))
