"""``receipt make`` and ``receipt check``: exit status 0 only for the proof that its signer received that very message."""

import pytest
from commandline import CommandLine

WRAP = "wrap --key ada.pem --cert ca.crt --recipient bob.crt --receipt-from all"
MAKE = "receipt make --key bob.pem --cert ca.crt --trust root.crt"
CHECK = "receipt check --trust root.crt --key bob.pem --original sent.eml"


@pytest.fixture
def received(secmail: CommandLine) -> CommandLine:
    """Bob has sent.eml, which asks for a receipt."""
    assert secmail(f"{WRAP} -o sent.eml letter.eml").status == 0
    return secmail


def test_a_receipt_proves_what_was_received(received: CommandLine) -> None:
    made = received(f"{MAKE} -o receipt.eml sent.eml")
    assert (made.status, made.err) == (0, "secmail: a receipt for ada@example.org\n")
    assert b"To: ada@example.org\r\n" in received.read("receipt.eml")
    checked = received(f"{CHECK} --json receipt.eml")
    shown = checked.json
    assert checked.status == 0
    assert [each["kind"] for each in shown["layers"]] == ["signed", "receipt"]
    receipt = shown["receipt"]
    assert list(receipt) == ["signer", "content_identifier", "matches", "asked", "signing_time"]
    assert receipt["signer"] == "CN=bob <bob@example.org>"
    assert receipt["matches"] == dict.fromkeys(
        ("content_type", "content_identifier", "signature_value", "msg_sig_digest", "message_digest"), True
    )
    assert (receipt["asked"], receipt["signing_time"]) == (True, "2026-03-01T12:00:00Z")
    assert received(f"{CHECK} receipt.eml").out == b"CN=bob <bob@example.org> received the message\n"


def test_a_receipt_of_another_message_proves_nothing(received: CommandLine) -> None:
    received(f"{WRAP} -o other.eml letter.eml")
    received(f"{MAKE} -o receipt.eml other.eml")
    ended = received(f"{CHECK} --json receipt.eml")
    assert (ended.status, ended.err) == (1, "secmail: receipt.eml: the receipt is for another message\n")
    assert ended.json["receipt"]["matches"]["signature_value"] is False


def test_a_receipt_by_somebody_untrusted_proves_nothing(received: CommandLine) -> None:
    received("receipt make --key mallory.pem --key bob.pem --cert ca.crt --trust root.crt -o receipt.eml sent.eml")
    ended = received(f"{CHECK} --json receipt.eml")
    assert (ended.status, ended.json["verdict"]) == (1, "not-verified")


def test_what_is_no_receipt_proves_nothing(received: CommandLine) -> None:
    ended = received(f"{CHECK} --json sent.eml")
    assert (ended.status, ended.err, ended.json["receipt"]) == (1, "secmail: sent.eml: the message is no signed receipt\n", None)


@pytest.mark.parametrize("asked", ["--receipt-from carl@example.org", ""])
def test_only_those_who_are_asked_make_a_receipt(secmail: CommandLine, asked: str) -> None:
    """RFC 2634 section 2.3: others "MUST NOT" return one."""
    secmail(f"wrap --key ada.pem --cert ca.crt --recipient bob.crt {asked} -o sent.eml letter.eml")
    ended = secmail(f"{MAKE} -o receipt.eml sent.eml")
    assert (ended.status, "receipt.eml" in secmail.names()) == (1, False)
    assert ended.err.startswith("secmail: sent.eml: no receipt: ")


def test_a_request_in_a_message_that_is_not_verified_is_no_request(received: CommandLine) -> None:
    """The reason to tell is that, and not what such a message says."""
    ended = received("receipt make --key bob.pem --cert ca.crt --trust mallory.crt -o receipt.eml sent.eml")
    assert (ended.status, "receipt.eml" in received.names()) == (1, False)
    assert ended.err.startswith("secmail: sent.eml: no receipt: the message is not-verified: the certificate ")


def test_what_a_check_proves_goes_to_a_file_too(received: CommandLine) -> None:
    received(f"{MAKE} -o receipt.eml sent.eml")
    assert received(f"{CHECK} -o proof receipt.eml").out == b""
    assert received.read("proof") == b"CN=bob <bob@example.org> received the message\n"
    received("sign --key bob.pem --cert ca.crt -o letter.p7 letter.eml")
    refused = received(f"{CHECK} letter.p7")
    assert (refused.status, refused.out, refused.err) == (1, b"", "secmail: letter.p7: the message is no signed receipt\n")


def test_an_encrypted_receipt_is_signed_around_that(received: CommandLine) -> None:
    """RFC 2634 section 2.4: an outer signature with content hints."""
    received(f"{MAKE} --recipient ada.crt -o receipt.eml sent.eml")
    ended = received(f"{CHECK} --key ada.pem --json receipt.eml")
    assert [each["kind"] for each in ended.json["layers"]] == ["signed", "enveloped", "signed", "receipt"]
    assert ended.json["layers"][0]["signers"][0]["content_hints"]["content_type"] == "1.2.840.113549.1.9.16.1.1"
    assert ended.status == 0


def test_open_tells_of_a_receipt_what_it_says_and_nothing_about_its_original(received: CommandLine) -> None:
    received(f"{MAKE} --outform der -o receipt.p7 sent.eml")
    receipt = received("open --trust root.crt --json receipt.p7").json["receipt"]
    assert (set(receipt["matches"].values()), receipt["asked"]) == ({None}, None)


def test_show_tells_when_a_receipt_says_it_was_signed(received: CommandLine) -> None:
    received(f"{MAKE} -o receipt.eml sent.eml")
    assert received("show --json receipt.eml").json["receipt"]["signing_time"] == "2026-03-01T12:00:00Z"
    untrusted = received("open --trust mallory.crt --json receipt.eml").json["receipt"]
    assert (untrusted["signer"], untrusted["signing_time"]) == ("CN=bob <bob@example.org>", None)
