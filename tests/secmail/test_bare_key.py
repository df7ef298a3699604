"""A private key opens what was encrypted to it although its certificate is not at hand, where it is clear which recipient info is meant."""

import io

import pytest
from pki import NOW, RECIPIENTS, certificate, private_key

from secmail import BytesSource, NotARecipient, Recipient, Unsupported, enveloping, unwrap
from secmail.keys import BareKey
from secmail.paths import TrustStore


def message(*names: str) -> bytes:
    out = io.BytesIO()
    with enveloping(out, recipients=[Recipient(certificate(each)) for each in names]) as sink:
        sink.write(b"Content-Type: text/plain\r\n\r\nHello\r\n")
    return out.getvalue()


def opened(data: bytes, name: str):
    return unwrap(BytesSource(data), keys=[BareKey(private_key(name))], trust=TrustStore([]), now=NOW)



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


def test_an_rsa_key_is_not_tried_where_several_may_be_meant():
    """Implicit rejection gives another key for each, and nothing tells which one is right."""
    with pytest.raises(NotARecipient):
        opened(message("rita", "rhea"), "rita")


def test_a_key_that_only_signs_is_refused():
    with pytest.raises(Unsupported):
        BareKey(private_key("eddy"))
