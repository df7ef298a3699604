"""``sign``, ``encrypt`` and ``wrap``: what goes in, what it becomes, and what is refused."""

import pytest
from commandline import CommandLine
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pki import NOW, certificate, pem, private_key

from secmail import BytesSource, TrustStore
from secmail.cms.signed import verify

SPIF = """<SPIF><securityPolicyId name="Acme" id="1.3.6.1.4.1.32473.9"/><securityClassifications>
<securityClassification name="OPEN" lacv="1" hierarchy="1"/><securityClassification name="SECRET" lacv="4" hierarchy="4"/>
</securityClassifications><securityCategoryTagSets><securityCategoryTagSet name="Set" id="1.3.6.1.4.1.32473.9.1">
<securityCategoryTag name="Release" tagType="permissive"><tagCategory name="FR" lacv="1"/><tagCategory name="UK" lacv="2">
<excludedClass>OPEN</excludedClass></tagCategory></securityCategoryTag></securityCategoryTagSet></securityCategoryTagSets></SPIF>"""
SIGN = "sign --key ada.pem --cert ca.crt -o signed"
WRAP = "wrap --key ada.pem --cert ca.crt --recipient bob.crt -o wrapped.eml"
OPEN = "open --trust root.crt --key bob.pem"


def test_a_message_keeps_its_fields_and_the_subject_is_encrypted(secmail: CommandLine) -> None:
    """RFC 9788 section 3.2.1: outside, the subject is "[...]"."""
    assert secmail(f"{WRAP} letter.eml").status == 0
    outside = secmail.read("wrapped.eml").partition(b"\r\n\r\n")[0]
    assert b"Subject: [...]" in outside
    assert b"Plans" not in outside
    assert secmail(f"{OPEN} --json wrapped.eml").json["headers"]["Subject"] == {"value": "Plans", "protection": "signed-and-encrypted"}


def test_options_replace_the_fields_of_the_message(secmail: CommandLine) -> None:
    secmail(f"{WRAP} --to carl@example.org --to gwen@example.org --subject Grüße letter.eml")
    headers = secmail(f"{OPEN} --json wrapped.eml").json["headers"]
    assert (headers["Subject"]["value"], headers["To"]["value"]) == ("Grüße", "carl@example.org, gwen@example.org")


def test_encoded_names_of_a_message_stay_what_they_are(secmail: CommandLine) -> None:
    secmail.write("letter.eml", "From: =?utf-8?q?Ad=C3=A1=2C_Byron?= <ada@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nHello\n")
    secmail(f"{WRAP} letter.eml")
    shown = secmail(f"{OPEN} --json wrapped.eml").json
    assert (shown["verdict"], shown["headers"]["Subject"]["value"]) == ("verified", "Grüße")
    assert shown["from"]["header"] == "Adá, Byron <ada@example.org>"


def test_blind_copies_are_named_nowhere(secmail: CommandLine) -> None:
    secmail.write("letter.eml", b"Bcc: carl@example.org\n" + secmail.read("letter.eml"))
    for command in (f"{WRAP} letter.eml", "encrypt --recipient bob.crt -o wrapped.eml letter.eml", f"{SIGN} letter.eml"):
        secmail(command)
    assert "Bcc" not in secmail(f"{OPEN} --json wrapped.eml").json["headers"]
    assert b"carl" not in secmail.read("wrapped.eml")
    assert b"carl" not in secmail("open --trust root.crt signed").out


def test_a_text_becomes_a_text_and_any_other_file_an_attachment(secmail: CommandLine) -> None:
    secmail.write("note.txt", "Grüße\n")
    secmail.write("picture.png", bytes(range(256)))
    secmail.write("data", b"\0\1\2\n\r\n")
    expected = {"note.txt": ("text/plain", "Grüße\r\n".encode()), "picture.png": ("image/png", bytes(range(256)))}
    expected["data"] = ("application/octet-stream", b"\0\1\2\n\r\n")
    for name, (content_type, octets) in expected.items():
        secmail(f"{SIGN} {name}")
        assert secmail("open --trust root.crt --json signed").json["content"]["type"] == content_type
        assert secmail("open --trust root.crt --body signed").out == octets


def test_a_media_type_makes_content_of_what_looks_like_a_message(secmail: CommandLine) -> None:
    secmail(f"{SIGN} --type application/mbox letter.eml")
    assert secmail("open --trust root.crt --json signed").json["content"]["type"] == "application/mbox"
    assert secmail("open --trust root.crt --body signed").out == secmail.read("letter.eml")
    assert secmail(f"{SIGN} --type nonsense letter.eml").status == 2


def test_what_is_smime_already_gets_another_layer_and_keeps_its_fields_outside(secmail: CommandLine) -> None:
    secmail("encrypt --recipient bob.crt -o secret.eml letter.eml")
    secmail.write("secret.eml", b"Bcc: carl@example.org\r\n" + secmail.read("secret.eml"))
    secmail("sign --detached --key ada.pem --cert ca.crt -o again.eml secret.eml")
    shown = secmail(f"{OPEN} --json again.eml").json
    assert [each["kind"] for each in shown["layers"]] == ["signed", "enveloped", "mime"]
    again = secmail.read("again.eml")
    assert (again.count(b"From:"), b"hp=" in again, b"carl" in again) == (1, False, False)
    assert shown["headers"]["From"]["value"] == "Ada <ada@example.org>"


def test_a_clear_signed_message_needs_content_that_survives_mail(secmail: CommandLine) -> None:
    """RFC 8551 section 3.1.3: content of a multipart/signed is 7-bit."""
    assert secmail(f"{SIGN} --detached letter.eml").status == 0
    assert b"multipart/signed" in secmail.read("signed")
    secmail.write("letter.eml", secmail.read("letter.eml").replace(b"Content-Type", b"Content-Transfer-Encoding: 8bit\nContent-Type"))
    assert secmail(f"{SIGN} --detached letter.eml").status == 3
    assert secmail(f"{SIGN} --detached --outform der letter.eml").status == 2


def test_a_label_is_made_by_names_and_the_policy_has_to_allow_it(secmail: CommandLine) -> None:
    secmail.write("spif.xml", SPIF)
    assert secmail(f"{WRAP} --policy spif.xml --classification SECRET --category UK --category Release/FR letter.eml").status == 0
    label = secmail(f"{OPEN} --json wrapped.eml").json["label"]
    categories = [{"tag_set": "1.3.6.1.4.1.32473.9.1", "tag_type": "permissive", "values": [1, 2]}]
    assert label == {"policy": "1.3.6.1.4.1.32473.9", "classification": 4, "privacy_mark": None, "categories": categories}
    refused = secmail(f"{WRAP} --policy spif.xml --classification OPEN --category UK letter.eml")
    assert (refused.status, refused.err) == (1, "secmail: spif.xml: UK may not be used with OPEN\n")
    assert secmail(f"{WRAP} --policy spif.xml --classification COSMIC letter.eml").status == 2
    assert secmail(f"{WRAP} --policy spif.xml --category NZ letter.eml").status == 2
    assert secmail(f"{WRAP} --classification SECRET letter.eml").status == 2


def test_a_label_comes_from_a_file(secmail: CommandLine) -> None:
    secmail.write("label.der", bytes.fromhex("31 08 02 01 03 06 03 2a 03 04"))
    secmail(f"{WRAP} --triple --label label.der --outer-label label.der --content-description report letter.eml")
    outer, _, inner, _ = secmail(f"{OPEN} --json wrapped.eml").json["layers"]
    assert outer["signers"][0]["label"] == inner["signers"][0]["label"] != None  # noqa: E711
    assert inner["signers"][0]["content_hints"] == {"content_type": "1.2.840.113549.1.7.1", "content_description": "report"}
    assert outer["signers"][0]["content_hints"] is None
    assert secmail(f"{WRAP} --outer-label label.der letter.eml").status == 2


def test_receipts_are_asked_of_all_the_first_tier_or_some(secmail: CommandLine) -> None:
    for options, asked in (
        ("--receipt-from all", "all"),
        ("--receipt-from first-tier", "first-tier"),
        ("--receipt-from bob@example.org --receipt-from carl@example.org", ["bob@example.org", "carl@example.org"]),
    ):
        secmail(f"{WRAP} {options} --receipt-to desk@example.org letter.eml")
        request = secmail(f"{OPEN} --json wrapped.eml").json["receipt_request"]
        assert (request["from"], request["to"]) == (asked, [["desk@example.org"]])
    assert secmail(f"{WRAP} --receipt-from all --receipt-from bob@example.org letter.eml").status == 2
    assert secmail(f"{WRAP} --receipt-to bob@example.org letter.eml").status == 2
    assert secmail(f"{WRAP} --receipt-from '' letter.eml").status == 2
    assert secmail(f"{WRAP} --receipt-from all --receipt-to '' letter.eml").status == 2


@pytest.mark.parametrize("option", ["--subject", "--from", "--to", "--receipt-from", "--content-description", "--privacy-mark"])
def test_what_goes_into_a_message_is_text(secmail: CommandLine, option: str) -> None:
    """Octets that are no UTF-8 come from Python as surrogates."""
    ended = secmail(f"{WRAP} {option} a\udcff letter.eml")
    assert (ended.status, ended.err) == (2, "secmail: a\\udcff: no UTF-8\n")


def test_gcm_only_if_every_recipient_reads_it_or_the_sender_says_so(secmail: CommandLine) -> None:
    for recipients, algorithm in (
        ("--recipient gwen.crt", "AES-256-GCM"),
        ("--recipient gwen.crt --recipient bob.crt", "AES-256-CBC"),
        ("--recipient gwen.crt --cbc", "AES-256-CBC"),
        ("--recipient bob.crt --gcm", "AES-256-GCM"),
        ("--recipient bob.crt --content-encryption GCM", "AES-256-GCM"),
        ("--recipient gwen.crt --content-encryption cbc", "AES-256-CBC"),
        ("--recipient gwen.crt --content-encryption auto", "AES-256-GCM"),
        ("--recipient bob.crt --content-encryption chacha20-poly1305", "ChaCha20-Poly1305"),
    ):
        ended = secmail(f"encrypt {recipients} -o secret.eml letter.eml")
        assert ended.err.startswith(f"secmail: {algorithm}: ")
        assert secmail("show --json secret.eml").json["layers"][0]["content_encryption"] == algorithm
    for options in ("--content-encryption rot13", "--content-encryption gcm --cbc"):
        assert secmail(f"encrypt --recipient bob.crt {options} letter.eml").status == 2


def test_several_signers(secmail: CommandLine) -> None:
    secmail("sign --key ada.pem --key rita.pem --cert ca.crt -o signed letter.eml")
    signers = secmail("open --trust root.crt --json signed").json["layers"][0]["signers"]
    assert {(each["subject"], each["is_author"]) for each in signers} == {("CN=ada", True), ("CN=rita", False)}
    assert secmail(f"{WRAP} --key rita.pem --triple letter.eml").status == 2


def test_keys_need_their_certificates_and_the_right_use(secmail: CommandLine) -> None:
    secmail.write("bare.pem", private_key("ada").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert secmail(f"{SIGN} letter.eml".replace("ada.pem", "bare.pem")).status == 2
    assert secmail("sign --key bare.pem --cert ada.crt -o signed letter.eml").status == 0
    assert secmail("sign --key gwen.pem -o signed letter.eml").err == (
        "secmail: none of the keys given is for signing e-mail: --key and --cert\n"
    )
    assert secmail("encrypt -o secret.eml letter.eml").status == 2


@pytest.mark.parametrize(
    "fields", [b"From: ada@example.org\nHP-Outer: Subject: x\n", b"From: ada@example.org\nDate: " + "é".encode() + b"\n"]
)
def test_header_fields_that_can_not_be_sent_are_refused(secmail: CommandLine, fields: bytes) -> None:
    secmail.write("letter.eml", fields + b"\nHello\n")
    ended = secmail(f"{SIGN} letter.eml")
    assert (ended.status, "signed" in secmail.names()) == (3, False)


def test_the_path_goes_along_without_its_anchor(secmail: CommandLine) -> None:
    """Who verifies has the anchor, or distrusts it."""
    secmail(f"{SIGN} --cert root.crt --outform der letter.eml")
    found = verify(BytesSource(secmail.read("signed")), trust=TrustStore([]), now=NOW).certificates
    assert set(found) == {certificate("ada"), certificate("ca")}


def test_parts_and_their_encodings_stay_as_they_are(secmail: CommandLine) -> None:
    body = "--x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n--x\nContent-Type: image/png\n\n123\n--x--\n"
    secmail.write("letter.eml", f"From: ada@example.org\nContent-Type: multipart/mixed;\n boundary=x\nContent-Transfer-Encoding: 8bit\n\n{body}")
    secmail(f"{WRAP} letter.eml")
    ended = secmail(f"{OPEN} wrapped.eml")
    assert ended.out.endswith(b"\r\n\r\n" + body.replace("\n", "\r\n").encode())
    assert b'Content-Type: multipart/mixed;\r\n boundary=x; hp="cipher"\r\n' in ended.out


@pytest.mark.parametrize("command", ["encrypt", "wrap --key ada.pem", "receipt make --key bob.pem --cert ca.crt --trust root.crt", "expand --key list.pem"])
def test_who_can_not_be_encrypted_to_is_named_before_anything_is_written(secmail: CommandLine, command: str) -> None:
    secmail(f"{WRAP} --receipt-from all letter.eml")
    option, name = ("--member", "wrapped.eml") if "expand" in command else ("--recipient", "wrapped.eml")
    ended = secmail(f"{command} {option} bob.crt {option} root.crt {name}")
    assert (ended.status, ended.out) == (3, b"")
    assert ended.err == "secmail: root.crt: the certificate of CN=root is not for encryption\n"


def test_what_can_not_be_signed_is_refused_before_anything_is_written(secmail: CommandLine) -> None:
    secmail.write("eight.eml", "From: ada@example.org\nContent-Transfer-Encoding: 8bit\n\nGrüße\n")
    ended = secmail("sign --key ada.pem --detached eight.eml")
    assert (ended.status, ended.out) == (3, b"")


def test_a_key_that_can_not_sign_here_is_named_before_anything_is_written(secmail: CommandLine) -> None:
    secmail.write("kobe.pem", pem("kobe"))
    ended = secmail("sign --key kobe.pem letter.eml")
    assert (ended.status, ended.out) == (3, b"")
    assert ended.err == "secmail: the key of CN=kobe: signing with a key of this kind is not supported\n"


def test_addresses_for_receipts_are_ascii(secmail: CommandLine) -> None:
    """RFC 5280 section 4.2.1.6: an rfc822Name is an IA5String."""
    ended = secmail(f"{SIGN} --receipt-from grüße@example.org letter.eml")
    assert (ended.status, ended.err) == (2, "secmail: --receipt-from and --receipt-to take addresses in ASCII: grüße@example.org\n")


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_outside_the_calendar_is_none(secmail: CommandLine, at: str) -> None:
    ended = secmail(f"{SIGN} --at {at} letter.eml")
    assert (ended.status, ended.err) == (2, f"secmail: --at {at}: no date and time as in 2026-03-01T12:00:00Z\n")
