"""``open``: content comes out only if the verdict allows it, and the JSON object has every key."""

import hashlib
import json

import pytest
from commandline import LETTER, CommandLine
from forge import Forged, signed_data
from layered import mime

from secmail.cms.attributes import SECURITY_LABEL, attribute

KEYS = [
    "verdict", "reason", "from", "layers", "label", "label_state", "equivalent_labels", "receipt_request", "receipt_request_state",
    "ml_expansion_history", "receipt", "headers", "content",
]  # fmt: skip
LAYER = ["kind", "signers", "recipients", "content_encryption", "opened_with"]
SIGNER = [
    "status", "reason", "subject", "emails", "is_author", "digest_algorithm", "signature_algorithm", "signing_time", "weak",
    "countersigners", "attributes", "malformed_attributes", "label", "equivalent_labels", "receipt_request", "content_hints",
    "ml_expansion_history",
]  # fmt: skip
WRAP = "wrap --key ada.pem --cert ca.crt --recipient bob.crt --triple -o wrapped.eml letter.eml"
OPEN = "open --trust root.crt --key bob.pem"
LABEL = bytes.fromhex("31 08 02 01 03 06 03 2a 03 04")


def test_a_verified_message_comes_out_and_its_json_tells_all(secmail: CommandLine) -> None:
    assert secmail(WRAP).status == 0
    ended = secmail(f"{OPEN} --json -o content wrapped.eml")
    shown = ended.json
    assert (ended.status, ended.err) == (0, "")
    assert list(shown) == KEYS
    assert [each["kind"] for each in shown["layers"]] == ["signed", "enveloped", "signed", "mime"]
    assert {tuple(each) for each in shown["layers"]} == {tuple(LAYER)}
    (author,) = shown["layers"][2]["signers"]
    assert list(author) == SIGNER
    assert (author["status"], author["emails"], author["is_author"]) == ("valid", ["ada@example.org"], True)
    assert {"contentType", "messageDigest", "signingTime", "signingCertificateV2"} <= set(author["attributes"])
    assert author["signing_time"] == "2026-03-01T12:00:00Z"
    assert shown["layers"][1]["recipients"][0]["kind"] == "kari"
    assert (shown["verdict"], shown["from"]) == ("verified", {"header": "Ada <ada@example.org>", "matches_signer": True})
    assert shown["headers"]["Subject"] == {"value": "Plans", "protection": "signed-and-encrypted"}
    assert shown["headers"]["From"]["protection"] == "signed-only"
    content = secmail.read("content")
    assert content.endswith(b"\r\n\r\nHello Bob\r\n")
    assert shown["content"] == {"sha256": hashlib.sha256(content).hexdigest(), "type": "text/plain", "length": len(content)}


def test_without_json_content_goes_to_standard_output_and_the_report_to_people(secmail: CommandLine) -> None:
    secmail(WRAP)
    ended = secmail(f"{OPEN} --body wrapped.eml")
    assert (ended.status, ended.out) == (0, b"Hello Bob\r\n")
    assert "verified" in ended.err
    assert "CN=ada" in ended.err


def test_what_is_refused_is_one_line(secmail: CommandLine) -> None:
    """Without JSON too: what was verified, where and why not."""
    secmail("sign --key mallory.pem -o forged.eml letter.eml")
    ended = secmail("open --trust root.crt forged.eml")
    assert (ended.status, ended.out, ended.err.count("\n")) == (1, b"", 1)
    assert ended.err.startswith("secmail: forged.eml: not-verified: ")


@pytest.mark.parametrize("command", ["open --trust root.crt --allow-unsigned", "show", "show --json", "receipt check --trust root.crt --original letter.eml"])
def test_an_empty_message_is_none(secmail: CommandLine, command: str) -> None:
    secmail.write("nothing", b"")
    for ended, name in ((secmail(f"{command} nothing"), "nothing"), (secmail.process(command), "standard input")):
        assert (ended.status, ended.err) == (3, f"secmail: {name}: it is empty\n")
        assert (list(ended.json) == KEYS) if "--json" in command else (ended.out == b"")


@pytest.mark.parametrize("change", ["Hello", "hello"])
def test_nothing_of_a_changed_message_comes_out(secmail: CommandLine, change: str) -> None:
    secmail("sign --detached --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    secmail.write("changed.eml", secmail.read("signed.eml").replace(b"Hello", change.encode()))
    ended = secmail("open --trust root.crt -o content --json changed.eml")
    assert ended.json["verdict"] == ("verified" if change == "Hello" else "not-verified")
    assert (ended.status, "content" in secmail.names()) == ((0, True) if change == "Hello" else (1, False))


def test_an_unsigned_message_comes_out_only_if_that_is_allowed(secmail: CommandLine) -> None:
    secmail("encrypt --recipient bob.crt -o secret.eml letter.eml")
    refused = secmail(f"{OPEN} secret.eml")
    assert (refused.status, refused.out) == (1, b"")
    assert "unsigned" in refused.err
    allowed = secmail(f"{OPEN} --allow-unsigned secret.eml")
    assert (allowed.status, allowed.out[-11:]) == (0, b"Hello Bob\r\n")


def test_somebody_elses_message_is_told_in_one_line_and_as_json(secmail: CommandLine) -> None:
    """What is seen from outside is told, but not what unverified signers say."""
    secmail.write("label.der", LABEL)
    secmail(f"{WRAP} --outer-label label.der")
    ended = secmail("open --trust root.crt --key carl.pem --json wrapped.eml")
    assert ended.status == 1
    assert ended.err == "secmail: wrapped.eml: the message is not encrypted to any of these keys\n"
    assert list(ended.json) == KEYS
    assert [each["kind"] for each in ended.json["layers"]] == ["signed", "enveloped"]
    assert (ended.json["verdict"], ended.json["reason"]) == ("not-verified", "the message is not encrypted to any of these keys")
    assert ended.json["layers"][0]["signers"][0]["label"] is None
    assert secmail("show --json wrapped.eml").json["layers"][0]["signers"][0]["label"] is not None


def test_labels_of_those_who_are_not_verified_are_not_told(secmail: CommandLine) -> None:
    """RFC 2634 section 3.1.1 wants the signature verified before its label is looked at."""
    secmail.write("forged.eml", mime(signed_data(Forged("mallory", extra=(attribute(SECURITY_LABEL, LABEL),)))))
    opened, shown = secmail("open --trust root.crt --json forged.eml").json, secmail("show --json forged.eml").json
    assert [each["layers"][0]["signers"][0]["label"] for each in (opened, shown)] == [
        None, {"policy": "1.2.3.4", "classification": 3, "privacy_mark": None, "categories": []},
    ]  # fmt: skip
    assert (opened["label"], shown["label"]["classification"]) == (None, 3)
    assert "eSSSecurityLabel" in opened["layers"][0]["signers"][0]["attributes"]


@pytest.mark.parametrize("form", ["der", "pem"])
def test_bare_cms_names_nobody_but_its_signer(secmail: CommandLine, form: str) -> None:
    secmail.write("note.txt", b"Hello\n")
    secmail(f"sign --key ada.pem --cert ca.crt --outform {form} -o signed note.txt")
    shown = secmail("open --trust root.crt --json signed").json
    assert (shown["verdict"], shown["from"]) == ("verified", {"header": None, "matches_signer": None})
    assert "not proven" in shown["reason"]


def test_another_senders_name_makes_a_message_not_verified(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --cert ca.crt --from bob@example.org -o signed.eml letter.eml")
    ended = secmail("open --trust root.crt --json signed.eml")
    assert (ended.status, ended.json["verdict"], ended.json["from"]["matches_signer"]) == (1, "not-verified", False)
    assert ended.err == "secmail: signed.eml: not-verified: signed by ada@example.org, who is not the sender the message names\n"


def test_show_never_says_verified(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    ended = secmail("show --json signed.eml")
    assert (ended.status, ended.json["verdict"]) == (0, "not-verified")
    assert list(ended.json) == KEYS
    assert secmail("show --json letter.eml").json["verdict"] == "unsigned"


def test_what_is_shown_goes_to_standard_output_or_a_file(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    shown = secmail("show signed.eml")
    assert (shown.status, shown.err) == (0, "")
    assert b"ada@example.org, untrusted, " in shown.out
    assert (secmail("show -o shown signed.eml").out, secmail.read("shown")) == (b"", shown.out)
    secmail("show --json -o shown signed.eml")
    assert list(json.loads(secmail.read("shown"))) == KEYS


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_messages_with_either_line_end_are_read(secmail: CommandLine, line_end: bytes) -> None:
    secmail("sign --detached --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    secmail.write("stored.eml", secmail.read("signed.eml").replace(b"\r\n", line_end))
    assert secmail("open --trust root.crt stored.eml").status == 0


def test_a_certificate_policy_that_no_path_has_is_refused(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    ended = secmail("open --trust root.crt --policy 1.2.3.4 --json signed.eml")
    assert (ended.status, ended.json["layers"][0]["signers"][0]["status"]) == (1, "untrusted")
    for policy in ("1.2.3.4.", "1.2.x", "basic", "1.02"):
        ended = secmail(f"open --trust root.crt --policy {policy} signed.eml")
        assert (ended.status, ended.err.startswith(f"secmail: --policy {policy}: ")) == (2, True)


def test_the_moment_decides_whether_certificates_are_valid(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    assert secmail("open --trust root.crt --at 2030-01-01 signed.eml").status == 1
    assert secmail("open --trust root.crt --at 2026-03-02t08:00:00z signed.eml").status == 0
    assert secmail("open --trust root.crt --at noon signed.eml").status == 2
    secmail("sign --key ada.pem --cert ca.crt --at 2026-03-01T12:00:00+02:00 -o signed.eml letter.eml")
    assert secmail("show --json signed.eml").json["layers"][0]["signers"][0]["signing_time"] == "2026-03-01T10:00:00Z"


def test_shared_keys_and_passwords_open_what_was_encrypted_to_them(secmail: CommandLine) -> None:
    secmail.write("kek", bytes(range(24)))
    secmail.write("password", "a long secret\n")
    assert secmail("encrypt --kek kek --kek-id 0a0b --password-file password --recipient rita.crt -o secret.eml letter.eml").status == 0
    for options in ("--kek kek --kek-id 0a0b", "--password-file password", "--key rita.pem"):
        assert secmail(f"open --trust root.crt --allow-unsigned {options} secret.eml").out.endswith(b"Hello Bob\r\n")
    secmail.write("kek", bytes(range(24)).hex())
    assert secmail("open --trust root.crt --allow-unsigned --kek kek --kek-id 0A0B secret.eml").status == 0
    kinds = {each["kind"] for each in secmail("show --json secret.eml").json["layers"][0]["recipients"]}
    assert kinds == {"ktri", "kekri", "pwri"}


def test_content_of_a_detached_signature_comes_from_standard_input_too(secmail: CommandLine) -> None:
    secmail.write("signature.p7s", signed_data(Forged(), detached=True))
    ended = secmail.process("open --trust root.crt --content - signature.p7s", Forged().content)
    assert (ended.status, ended.out) == (0, Forged().content)


def test_a_detached_signature_is_opened_with_its_content(secmail: CommandLine) -> None:
    structure = signed_data(Forged(), detached=True)
    secmail.write("content", Forged().content)
    secmail.write("signature.p7s", structure)
    assert secmail("open --trust root.crt --content content signature.p7s").out == Forged().content
    assert secmail("open --trust root.crt signature.p7s").status == 3
    secmail.write("content", Forged().content + b"more")
    assert secmail("open --trust root.crt --content content signature.p7s").status == 1


def test_a_detached_signature_is_shown_with_its_content_or_alone(secmail: CommandLine) -> None:
    secmail.write("signature.p7s", signed_data(Forged(), detached=True))
    secmail.write("content", Forged().content)
    for content, status in ("--content content", "untrusted"), ("", "unverifiable"):
        (signer,) = secmail(f"show --json {content} signature.p7s").json["layers"][0]["signers"]
        assert (signer["status"], signer["emails"]) == (status, ["ada@example.org"])


def test_a_signature_about_nothing_proves_nothing(secmail: CommandLine) -> None:
    """Who signs the octets of no content signs no message without one."""
    secmail.write("signature.p7s", signed_data(Forged(content=b""), detached=True))
    ended = secmail("open --json --trust root.crt signature.p7s")
    assert (ended.status, ended.json["verdict"]) == (3, "not-verified")
    assert "the signed content is absent" in secmail("show signature.p7s").out.decode()


def test_the_version_is_told(secmail: CommandLine) -> None:
    ended = secmail("--version")
    assert (ended.status, ended.out.split()[0]) == (0, b"secmail")


def test_the_letter_of_these_tests_is_no_secret(secmail: CommandLine) -> None:
    """An error repeats no content."""
    secmail(WRAP)
    broken = secmail.read("wrapped.eml").replace(b"MIA", b"MI!", 1)
    secmail.write("broken.eml", broken)
    ended = secmail(f"{OPEN} broken.eml")
    assert (ended.status, ended.out) == (3, b"")
    assert LETTER.splitlines()[-1].decode() not in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("command", ["show", "open --trust root.crt"])
def test_what_is_no_message_is_told_as_json_too(secmail: CommandLine, command: str) -> None:
    secmail.write("noise", bytes(range(256)))
    ended = secmail(f"{command} --json noise")
    assert (ended.status, list(ended.json), ended.json["layers"], ended.err.count("\n")) == (3, KEYS, [], 1)


def test_mailbox_lines_and_words_around_armour_are_passed_over(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --cert ca.crt -o signed.eml letter.eml")
    secmail.write("mbox", b"From ada Sun Mar  1 12:00:00 2026\n" + secmail.read("signed.eml"))
    assert secmail("open --trust root.crt mbox").status == 0
    secmail("sign --key ada.pem --cert ca.crt --outform pem -o signed.pem letter.eml")
    secmail.write("words.pem", b"What Ada signed\n" + secmail.read("signed.pem") + b"and more words\n")
    assert secmail("open --trust root.crt words.pem").status == 0
    secmail.write("cut.pem", secmail.read("signed.pem").partition(b"-----END")[0])
    assert secmail("open --trust root.crt cut.pem").err == "secmail: cut.pem: the PEM armour has no end\n"


def test_equivalent_labels_and_histories_are_those_of_the_author_and_the_list(secmail: CommandLine) -> None:
    for name, policy in (("label.der", "04"), ("other.der", "05")):
        secmail.write(name, bytes.fromhex(f"31 08 02 01 03 06 03 2a 03 {policy}"))
    secmail("sign --key ada.pem --cert ca.crt --label label.der --equivalent-label other.der -o signed.eml letter.eml")
    shown = secmail("open --trust root.crt --json signed.eml").json
    assert (shown["label"]["policy"], [each["policy"] for each in shown["equivalent_labels"]]) == ("1.2.3.4", ["1.2.3.5"])
