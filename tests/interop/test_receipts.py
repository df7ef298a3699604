"""Signed receipts both ways with the stock ``openssl cms`` command line and with Bouncy Castle."""

import pytest

from secmail import (
    OWN_CAPABILITIES,
    EssAttributes,
    ReceiptRequest,
    Recipient,
    check_receipt,
    make_receipt,
    receipt_owed,
)
from tests.interop.bouncy_castle import Failed
from tests.interop.cases import BOUNCY_CASTLE_SIGNATURES, each
from tests.interop.messages import ENTITY, MOMENT, TIME, mail, opened, read_by, signed_here, structure, top
from tests.secmail.pki import EVERYBODY, NOW, SIGNERS, certificate, signing_key


def asked_here(name: str, identifier=b"content-id", receipts_from="all_receipts") -> bytes:
    request = ReceiptRequest(identifier, receipts_from, (f"{name}@example.org",))
    return signed_here(name, attributes=EssAttributes(receipt_request=request))


def receipt_here(message: bytes, name: str, **options) -> bytes:
    out = top(f"{name}@example.org")
    make_receipt(out, opened(message), signer=signing_key(name), certificates=[certificate("ca")], now=NOW, **options)
    return out.getvalue()


def verify_there(openssl, folder, original: bytes, answer: bytes, **options) -> bytes:
    (folder / "receipt.eml").write_bytes(answer)
    return openssl("-verify_receipt", "receipt.eml", "-CAfile", "root.pem", "-certfile", "ca.pem", *MOMENT, data=original, **options)


@pytest.mark.parametrize("recipient", EVERYBODY)
@pytest.mark.parametrize("originator", EVERYBODY)
def test_openssl_verifies_the_receipts_made_here(openssl, folder, originator, recipient):
    original = asked_here(originator)
    verify_there(openssl, folder, original, receipt_here(original, recipient))


def test_openssl_verifies_a_receipt_for_its_own_message(openssl, folder):
    original = asked_there(openssl, "ada", "-receipt_request_all")
    verify_there(openssl, folder, original, receipt_here(original, "bob"))


def test_openssl_refuses_the_receipt_for_another_message_as_we_do(openssl, folder):
    answer, other = receipt_here(asked_here("ada"), "bob"), asked_here("ada", b"other")
    verify_there(openssl, folder, other, answer, fails=True)
    assert not check_receipt(opened(answer), opened(other)).proven


def test_openssl_opens_an_encrypted_receipt_made_here(openssl, folder):
    original = asked_here("ada")
    answer = receipt_here(original, "bob", recipients=[Recipient(certificate("ada"), OWN_CAPABILITIES)])
    enveloped = openssl("-verify", "-CAfile", "root.pem", "-certfile", "ca.pem", *MOMENT, data=answer)
    verify_there(openssl, folder, original, openssl("-decrypt", "-recip", "ada.pem", data=enveloped))


# Made there


def asked_there(openssl, name: str, *request: str) -> bytes:
    who = ["-signer", f"{name}.pem", "-certfile", "ca.pem", "-from", f"{name}@example.org", "-nodetach"]
    return openssl("-sign", *who, *request, "-receipt_request_to", f"{name}@example.org", data=ENTITY)


def receipt_there(openssl, original: bytes, name: str) -> bytes:
    # OpenSSL writes no From into receipts
    return f"From: {name}@example.org\r\n".encode() + openssl("-sign_receipt", "-signer", f"{name}.pem", "-certfile", "ca.pem", data=original)


@pytest.mark.parametrize("recipient", EVERYBODY)
@pytest.mark.parametrize("originator", EVERYBODY)
def test_the_receipts_of_openssl_are_accepted_here(openssl, originator, recipient):
    original = asked_here(originator)
    found = check_receipt(opened(receipt_there(openssl, original, recipient)), opened(original))
    assert found.proven, found.reason
    assert found.signer.certificate == certificate(recipient)
    assert (found.asked, found.content_identifier) == (True, b"content-id")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (["-receipt_request_all"], {"bob@example.org": True}),
        (["-receipt_request_first"], {"bob@example.org": True}),
        (["-receipt_request_from", "bob@example.org"], {"bob@example.org": True, "carl@example.org": False}),
    ],
)
def test_the_requests_of_openssl_are_understood(openssl, request_, expected):
    message = opened(asked_there(openssl, "ada", *request_))
    for address, asked in expected.items():
        decision = receipt_owed(message, addresses=[address])
        assert decision.owed == asked
        assert decision.addresses == (("ada@example.org",) if asked else ())


def test_a_changed_receipt_of_openssl_proves_nothing(openssl):
    original, other = asked_here("ada"), asked_here("ada", b"other")
    assert not check_receipt(opened(receipt_there(openssl, original, "bob")), opened(other)).proven


# Bouncy Castle: its ASN.1 and its signatures, put together as the RFC says


@pytest.mark.parametrize("recipient", read_by("bouncy castle", SIGNERS))
@pytest.mark.parametrize("originator", read_by("bouncy castle", SIGNERS))
def test_bouncy_castle_verifies_the_receipts_made_here(bouncy_castle, originator, recipient):
    original = asked_here(originator)
    found = bouncy_castle("check-receipt", original=structure(original), receipt=structure(receipt_here(original, recipient)))
    assert found["signer"] == [f"CN={recipient}".encode()]


def test_bouncy_castle_verifies_a_receipt_for_its_own_message(bouncy_castle):
    options = {"request": "content-id all ada@example.org", "signer": "ada SHA256withECDSA", "certificate": "ca"}
    original = bouncy_castle("sign", time=TIME, content=ENTITY, **options)["message"][0]
    answer = receipt_here(mail(original), "bob")
    assert bouncy_castle("check-receipt", original=original, receipt=structure(answer))["signer"] == [b"CN=bob"]


@pytest.mark.parametrize(("_", "signer"), each(BOUNCY_CASTLE_SIGNATURES))
def test_the_receipts_of_bouncy_castle_are_accepted_here(bouncy_castle, _, signer):
    original, recipient = asked_here("edna"), signer.split()[0]
    answer = bouncy_castle("receipt", original=structure(original), signer=signer, certificate="ca", time=TIME)["message"][0]
    found = check_receipt(opened(mail(answer, f"{recipient}@example.org")), opened(original))
    assert found.proven, found.reason
    assert (found.signer.certificate, found.asked) == (certificate(recipient), True)


def test_bouncy_castle_opens_an_encrypted_receipt_made_here(bouncy_castle):
    """RFC 2634 section 2.4: signed, encrypted, and signed once more."""
    original = asked_here("ada")
    answer = receipt_here(original, "bob", recipients=[Recipient(certificate("ada"), OWN_CAPABILITIES)])
    enveloped = bouncy_castle("verify", message=structure(answer))["content"][0]
    receipt = bouncy_castle("open", message=structure(enveloped), **{"with": "key ada"})["content"][0]
    assert bouncy_castle("check-receipt", original=structure(original), receipt=structure(receipt))["signer"] == [b"CN=bob"]


def test_neither_takes_a_receipt_for_another_message(bouncy_castle):
    original, other = asked_here("ada"), asked_here("ada", b"other")
    with pytest.raises(Failed, match="another receipt"):
        bouncy_castle("check-receipt", original=structure(other), receipt=structure(receipt_here(original, "bob")))
    answer = bouncy_castle("receipt", original=structure(original), signer="bob SHA384withECDSA", certificate="ca", time=TIME)["message"][0]
    assert not check_receipt(opened(mail(answer, "bob@example.org")), opened(other)).proven
