"""Signed receipts both ways with the stock ``openssl cms`` command line."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    EssAttributes,
    ReceiptRequest,
    Recipient,
    check_receipt,
    make_receipt,
    receipt_owed,
    signing,
    unwrap,
)
from tests.secmail.pki import EVERYBODY, NOW, certificate, decryption_key, pem, signing_key, trust

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")

ENTITY = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
MOMENT = ["-attime", str(int(NOW.timestamp()))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("openssl")
    for name in (*EVERYBODY, "ca", "root"):
        (path / f"{name}.pem").write_bytes(pem(name))
    return path


@pytest.fixture
def openssl(folder):
    def run(*arguments: str, data: bytes = b"", fails: bool = False) -> bytes:
        done = subprocess.run(["openssl", "cms", *arguments], input=data, cwd=folder, capture_output=True, check=False)
        assert (done.returncode != 0) == fails, done.stderr.decode()
        return done.stdout

    return run


def opened(message: bytes, *names: str):
    return unwrap(BytesSource(message), keys=[decryption_key(each) for each in names], trust=trust(), now=NOW)


def asked_here(name: str, identifier=b"content-id", receipts_from="all_receipts") -> bytes:
    out = io.BytesIO()
    out.write(f"From: {name}@example.org\r\nTo: everybody@example.org\r\nMIME-Version: 1.0\r\n".encode())
    request = ReceiptRequest(identifier, receipts_from, (f"{name}@example.org",))
    options = {"certificates": [certificate("ca")], "attributes": EssAttributes(receipt_request=request), "now": NOW}
    with signing(out, signer=signing_key(name), **options) as sink:
        sink.write(ENTITY)
    return out.getvalue()


def receipt_here(message: bytes, name: str, **options) -> bytes:
    out = io.BytesIO()
    out.write(f"From: {name}@example.org\r\nMIME-Version: 1.0\r\n".encode())
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
