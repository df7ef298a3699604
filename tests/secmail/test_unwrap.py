"""Opening messages: layers outside-in, nothing released unproven, the author by RFC 8550 section 3."""

import base64
import io
from contextlib import contextmanager

import pytest
from forge import CONTENT, Forged, content_info, signed_data
from hypothesis import given
from hypothesis import strategies as st
from pki import EVERYBODY, NOW, certificate, decryption_key, signing_key, trust

from secmail import (
    OWN_CAPABILITIES,
    BadCertificate,
    BadSignature,
    BytesSource,
    DecryptionError,
    EnvelopedLayer,
    EssAttributes,
    Malformed,
    NotARecipient,
    ReceiptRequest,
    Recipient,
    RejectedSigner,
    SecmailError,
    SecurityLabel,
    SignedLayer,
    SignerMismatch,
    Unsupported,
    VerificationError,
    der,
    enveloping,
    mime,
    signing,
    unwrap,
    wrapping,
)
from secmail.algorithms import AES256_GCM
from secmail.cms import attributes
from secmail.cms.attributes import attribute
from secmail.cms.enveloped import EnvelopedDataWriter

LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3, privacy_mark="ACME")
OUTER_LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=1)
REQUEST = ReceiptRequest(b"id", "all_receipts", ("ada@example.org",))


def headers(sender="ada@example.org", *more: bytes) -> bytes:
    return b"".join([f"From: {sender}\r\nTo: bob@example.org\r\nMIME-Version: 1.0\r\n".encode(), *more])


def opened(message: bytes, *names, now=NOW, **options):
    return unwrap(BytesSource(message), keys=[decryption_key(each) for each in names], trust=trust(), now=now, **options)


def test_a_file_of_another_kind_is_called_what_it_is_not():
    with pytest.raises(Malformed, match="neither a message nor a CMS structure"):
        opened(certificate("ada").der)
    with pytest.raises(Malformed, match="without a field name"):
        opened(b"0 is no field\r\n\r\n")


@contextmanager
def layers(out, *kinds):
    """Nested layers, the outermost first: ``sign`` (a person or a dict of options), ``gcm`` and ``cbc`` (to bob)."""
    if not kinds:
        yield out
        return
    first, *rest = kinds
    if first in ("gcm", "cbc"):
        layer = enveloping(out, recipients=[Recipient(certificate("bob"))], content_encryption=first)
    else:
        options = first if isinstance(first, dict) else {"signer": signing_key(first)}
        layer = signing(out, now=NOW, certificates=[certificate("ca")], **options)
    with layer as inside, layers(inside, *rest) as innermost:
        yield innermost


def message(*kinds, content=CONTENT, top=None) -> bytes:
    out = io.BytesIO()
    out.write(headers() if top is None else top)
    with layers(out, *kinds) as sink:
        sink.write(content)
    return out.getvalue()


def pkcs7(structure: bytes, smime_type="signed-data", sender="ada@example.org", content_type="application/pkcs7-mime") -> bytes:
    fields = f"Content-Type: {content_type}; smime-type={smime_type}; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return headers(sender) + fields.encode() + base64.encodebytes(structure)


def read(result) -> bytes:
    return result.content.open().read()


# Layers


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ((), "unsigned"),
        (("ada",), "verified"),
        (("gcm",), "unsigned"),
        (("gcm", "ada"), "verified"),
        (("cbc", "ada"), "verified"),
        (("ada", "gcm", "ada"), "verified"),
        (("rita", "cbc", "ada"), "verified"),
        (("gcm", "gcm", "ada"), "verified"),
        (("ada", "ada"), "verified"),
        (("ada", "gcm"), "not-verified"),
        (("ada", "rita"), "not-verified"),
    ],
)
def test_layers_come_off_outside_in(kinds, verdict):
    result = opened(message(*kinds), "bob")
    kind_of = {"gcm": EnvelopedLayer, "cbc": EnvelopedLayer}
    assert [type(each) for each in result.layers] == [kind_of.get(each, SignedLayer) for each in kinds]
    assert result.verdict == verdict
    if kinds:
        assert read(result) == read(result) == CONTENT
    else:
        assert result.entity.open_body().read() == b"Hello\r\n"


def test_layers_are_described():
    result = opened(message("gcm", "ada"), "bob")
    bob = certificate("bob")
    assert result.layers[0] == EnvelopedLayer("AES-256-GCM", True, False, bob, "auth-enveloped", "the key of CN=bob")
    (signer,) = result.layers[1].signers
    assert signer.certificate == certificate("ada")
    assert result.is_encrypted
    assert result.is_authenticated


def test_ten_layers_are_read_and_no_more():
    assert len(opened(message(*["ada"] * 10)).layers) == 10
    with pytest.raises(Malformed):
        opened(message(*["ada"] * 11))


def test_an_attachment_of_another_kind_is_no_layer():
    result = opened(headers() + b"Content-Type: application/octet-stream; name=report.pdf\r\n\r\nx")
    assert (result.layers, result.verdict) == ((), "unsigned")


def test_content_that_is_no_mime_is_given_as_octets():
    result = opened(pkcs7(signed_data(Forged(content=b"\x89PNG\r\n\x1a\n"))))
    assert (result.verdict, result.entity, read(result)) == ("verified", None, b"\x89PNG\r\n\x1a\n")
    result = opened(pkcs7(signed_data(Forged(content_type="1.2.3"))))
    assert result.entity is None


@pytest.mark.parametrize("content_type", ["1.2.840.113549.1.9.16.1.2", "1.2.3"])
def test_other_kinds_of_cms_are_unsupported(content_type):
    with pytest.raises(Unsupported):
        opened(pkcs7(content_info(content_type, der.sequence())))


# multipart/signed


def clear_signed(content=CONTENT, name="ada", newline=b"\r\n", parts=2) -> bytes:
    structure = signed_data(Forged(name, content=content), detached=True)
    signature = b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    signature += base64.encodebytes(structure).replace(b"\n", b"\r\n")
    body = b"".join(b"--bound\r\n" + each + b"\r\n" for each in [content, signature][:parts])
    fields = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=bound\r\n\r\n'
    return (headers() + fields + body + b"--bound--\r\n").replace(b"\r\n", newline)


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_multipart_signed_verifies_whatever_line_ends_it_was_stored_with(newline):
    result = opened(clear_signed(newline=newline))
    assert result.verdict == "verified"
    assert read(result) == CONTENT


def test_multipart_signed_with_changed_content_is_shown_and_not_verified():
    result = opened(clear_signed().replace(b"Hello", b"Hullo"))
    assert result.verdict == "not-verified"
    assert result.reason == "the content was changed after it was signed"
    assert b"Hullo" in read(result)


def test_a_signature_with_content_of_its_own_is_not_one_of_the_content_shown():
    """Whoever has a signed message of ada's could put it beside any other text."""
    message = clear_signed(b"Content-Type: text/plain\r\n\r\nPay eve\r\n")
    start = message.index(b"base64\r\n\r\n") + 10
    result = opened(message[:start] + base64.encodebytes(signed_data(Forged())) + b"\r\n--bound--\r\n")
    assert (result.verdict, result.author) == ("not-verified", None)
    assert "content of its own" in result.reason


def test_multipart_signed_has_two_parts():
    with pytest.raises(Malformed):
        opened(clear_signed(parts=1))


@pytest.mark.parametrize(("content_type", "accepted"), [("text/html", False), ("application/octet-stream", True)])
def test_rfc8551_3_5_3_the_second_part_is_a_signature(content_type, accepted):
    changed = clear_signed().replace(b"application/pkcs7-signature; name", content_type.encode() + b"; name")
    if accepted:
        assert opened(changed).verdict == "verified"
        return
    with pytest.raises(Malformed):
        opened(changed)


def test_what_was_signed_as_something_else_is_no_message_in_a_multipart_signed():
    """RFC 8551 section 2.4.2: in a multipart/signed it is id-data; a receipt, say, must not be read as a text."""
    message = clear_signed()
    alone = signed_data(Forged(content_type="1.2.840.113549.1.9.16.1.1"), detached=True)
    with pytest.raises(Malformed):
        opened(message[: message.index(b"base64\r\n\r\n") + 10] + base64.encodebytes(alone) + b"\r\n--bound--\r\n")


@pytest.mark.parametrize("field", [b"Content-Type: text/html\r\n", b"Content-Transfer-Encoding: 7bit\r\n"])
def test_a_layer_has_one_content_type_and_one_transfer_encoding(field):
    with pytest.raises(Malformed):
        opened(pkcs7(signed_data(Forged())).replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n", 1))


def test_nothing_follows_the_structure_but_line_ends():
    assert opened(signed_data(Forged()) + b"\r\n").verdict == "verified"
    for surplus in (b"\0", b"\n" * 70_000 + b"x", signed_data(Forged("mallory"))):
        with pytest.raises(Malformed):
            opened(signed_data(Forged()) + surplus)


def test_multipart_signed_of_another_protocol_is_no_layer():
    result = opened(clear_signed().replace(b"application/pkcs7-signature", b"application/pgp-signature"))
    assert result.layers == ()


# What is released


def test_cbc_content_is_withheld_if_the_signature_inside_does_not_hold():
    for forged in (message("cbc", "mallory"), message("cbc", {"signer": signing_key("expired")})):
        result = opened(forged, "bob")
        assert (result.verdict, result.content, result.entity) == ("not-verified", None, None)
    result = opened(message("gcm", "mallory"), "bob")
    assert (result.verdict, read(result)) == ("not-verified", CONTENT)


def test_header_fields_of_withheld_content_are_withheld_too():
    entity = b"From: ada@example.org\r\nSubject: Plan\r\nContent-Type: text/plain; hp=cipher\r\n\r\nHello\r\n"
    found = opened(message("cbc", "mallory", content=entity, top=headers("eve@example.org", b"Subject: [...]\r\n")), "bob").headers
    assert (found["subject"].value, found["from"].value) == ("[...]", "eve@example.org")
    assert found["subject"].protection == "unprotected"


def test_cbc_content_without_a_signature_is_given_as_unauthenticated():
    result = opened(message("cbc"), "bob")
    assert not result.layers[0].authenticated
    assert not result.is_authenticated
    assert read(result) == CONTENT
    assert opened(message("gcm"), "bob").is_authenticated
    assert opened(message("cbc", "ada"), "bob").is_authenticated
    assert not opened(message()).is_authenticated


@given(st.integers(0, 100_000), st.integers(1, 255))
def test_a_flipped_octet_of_the_message_never_gives_other_content_as_verified(position, mask):
    start = ENVELOPED_ONCE.index(b"\r\n\r\n") + 4
    encoded = bytearray(base64.b64decode(ENVELOPED_ONCE[start:]))
    encoded[position % len(encoded)] ^= mask
    try:
        result = opened(ENVELOPED_ONCE[:start] + base64.encodebytes(encoded), "bob")
    except SecmailError:
        return
    assert read(result) == CONTENT


ENVELOPED_ONCE = message("gcm", "ada")


def test_a_damaged_envelope_raises_the_one_decryption_error():
    data = bytearray(ENVELOPED_ONCE)
    data[-60] = ord("A") if data[-60] != ord("A") else ord("B")
    with pytest.raises(DecryptionError):
        opened(bytes(data), "bob")


def test_somebody_elses_message_is_told_so():
    with pytest.raises(NotARecipient):
        opened(ENVELOPED_ONCE, "carl")
    with pytest.raises(NotARecipient):
        opened(ENVELOPED_ONCE)


# The author


@pytest.mark.parametrize(
    ("top", "field"),
    [
        (headers("ada@example.org"), "from"),
        (headers("Ada <ADA@Example.org>"), "from"),
        (headers("desk@example.org", b"Sender: ada@example.org\r\n"), "sender"),
    ],
)
def test_rfc8550_3_from_or_sender_is_the_signer(top, field):
    author = opened(message("ada", top=top)).require_verified()
    assert author.field == field
    assert author.address.lower() == "ada@example.org"
    assert author.signer.certificate == certificate("ada")


@pytest.mark.parametrize(
    "top",
    [
        headers("eve@example.org"),
        headers('"ada@example.org" <eve@example.org>'),
        headers("Ada"),
        headers("eve@example.org", b"Sender: eve@example.org\r\n"),
        b"Sender: eve@example.org\r\n",
    ],
)
def test_a_signer_whom_the_message_does_not_name_is_not_its_author(top):
    result = opened(message("ada", top=top))
    assert result.verdict == "not-verified"
    assert not result.matches_signer
    assert "ada@example.org" in result.reason
    assert result.author is None
    with pytest.raises(SignerMismatch):
        result.require_verified()


@pytest.mark.parametrize(
    "sender",
    [
        '"eve@example.org" <ada@example.org>',
        "ada@example.org (eve@example.org)",
        "=?utf-8?q?eve=40example=2Eorg?= <ada@example.org>",
        "eve\uff20example.org <ada@example.org>",
        "eve@example.org: ada@example.org;",
        "ada@example.org, eve@example.org",
        "ada@example.org\r\nFrom: eve@example.org",
        '"eve""@example.org" <ada@example.org>',
        "eve(or not)@example.org <ada@example.org>",
        "eve @ example.org <ada@example.org>",
        "<@eve.example:ada@example.org>",
    ],
)
def test_a_from_that_also_names_somebody_else_does_not_match_the_signer(sender):
    """Programs show the display name, the first mailbox or the last field: whichever it is, it must be the signer's."""
    result = opened(message("ada", top=headers(sender)))
    assert (result.verdict, result.matches_signer, result.author) == ("not-verified", False, None)


@pytest.mark.parametrize("sender", ['"Ada @ Home" <ada@example.org>', "'ada@example.org' <ada@example.org>", "Staff: Ada <ADA@example.org>;"])
def test_a_from_that_names_the_signer_in_another_way_matches(sender):
    assert opened(message("ada", top=headers(sender))).matches_signer


def test_a_long_from_costs_its_length_once():
    assert not opened(message("ada", top=headers("a" * 200_000))).matches_signer


def test_a_from_inside_counts_where_there_is_none_outside():
    """Programs that show the header section inside would show it beside the verdict."""
    inside = b"From: eve@example.org\r\n\r\nHello\r\n"
    result = opened(message("ada", content=inside, top=b"Subject: Plans\r\n"))
    assert (result.verdict, result.headers["from"].value) == ("not-verified", "eve@example.org")


def test_all_whom_from_names_may_sign_together():
    both = {"signer": signing_key("ada"), "co_signers": [signing_key("rita")]}
    result = opened(message(both, top=headers("ada@example.org, Rita <rita@example.org>")))
    assert (result.verdict, result.matches_signer) == ("verified", True)


def test_a_sender_who_signs_for_somebody_is_named():
    result = opened(message("ada", top=headers("desk@example.org", b"Sender: ada@example.org\r\n")))
    assert (result.verdict, result.matches_signer, result.author.field) == ("verified", False, "sender")
    assert result.reason == "signed by ada@example.org, who sent it for the one it is from"


@pytest.mark.parametrize(("name", "top"), [("nameless", None), ("ada", b"To: bob@example.org\r\n")])
def test_rfc8550_3_without_an_address_to_compare_signature_and_path_decide_and_it_is_said(name, top):
    """RFC 8550 section 3: addresses are compared "if a mail address is present"; where one is missing, none is proven."""
    result = opened(message(name, top=top))
    assert (result.verdict, result.matches_signer, result.author.address) == ("verified", None, None)
    assert "the address of the sender is not proven" in result.reason


# Bare CMS


def test_a_bare_cms_structure_is_a_message_without_header_fields():
    result = opened(signed_data(Forged()))
    assert (result.verdict, result.matches_signer, read(result)) == ("verified", None, CONTENT)
    assert "not proven" in result.reason


def test_bare_cms_inside_bare_cms_is_opened():
    out = io.BytesIO()
    writer = EnvelopedDataWriter(out, recipients=[Recipient(certificate("bob"))], content_encryption=AES256_GCM)
    writer.write(signed_data(Forged(content=b"no MIME")))
    writer.close()
    result = opened(out.getvalue(), "bob")
    assert [type(each) for each in result.layers] == [EnvelopedLayer, SignedLayer]
    assert (result.verdict, read(result), result.entity) == ("verified", b"no MIME", None)


def test_a_bare_message_that_names_a_sender_inside_must_be_the_signers():
    for sender, verdict in (("ada", "verified"), ("eve", "not-verified")):
        inside = f"From: {sender}@example.org\r\n\r\nHello\r\n".encode()
        assert opened(signed_data(Forged(content=inside))).verdict == verdict


def test_a_bare_signature_is_verified_with_the_content_it_lacks():
    alone = signed_data(Forged(), detached=True)
    assert opened(alone, detached=BytesSource(CONTENT)).verdict == "verified"
    assert opened(alone, detached=BytesSource(b"other")).reason == "the content was changed after it was signed"
    with pytest.raises(Malformed):
        opened(alone)


def test_text_that_begins_like_an_element_is_no_cms():
    assert opened(b"0: value\r\n\r\nHello").layers == ()
    with pytest.raises(Malformed):
        opened(b"0")


def protected(sender: str, outside="ada@example.org") -> bytes:
    entity = f"From: {sender}\r\nSubject: Plan\r\nHP-Outer: From: {outside}\r\nContent-Type: text/plain; hp=cipher\r\n\r\nHello\r\n"
    return message("gcm", "ada", content=entity.encode(), top=headers(outside, b"Subject: [...]\r\n"))


def test_with_header_protection_the_protected_from_counts():
    assert opened(protected("ada@example.org", outside="list@example.org"), "bob").author.address == "ada@example.org"
    assert opened(protected("eve@example.org"), "bob").verdict == "not-verified"


def test_the_headers_come_with_their_protection():
    found = opened(protected("ada@example.org"), "bob").headers
    assert (found["subject"].value, found["subject"].outer, found["subject"].protection) == ("Plan", "[...]", "signed-and-encrypted")
    assert found["from"].protection == "signed-only"
    assert found["to"].protection == "unprotected"


def test_headers_under_a_signature_that_fails_are_not_signed():
    entity = b"From: ada@example.org\r\nContent-Type: text/plain; hp=clear\r\n\r\nHello\r\n"
    result = opened(message("mallory", content=entity))
    assert result.headers["from"].protection == "unprotected"


@pytest.mark.parametrize(
    ("name", "error"), [("mallory", BadCertificate), ("expired", BadCertificate)]
)
def test_require_verified_raises_what_is_wrong(name, error):
    result = opened(message(name))
    assert isinstance(result.layers[0].signers[0], RejectedSigner)
    with pytest.raises(error, match=result.reason):
        result.require_verified()


def test_require_verified_raises_for_bad_signatures_and_none_at_all():
    with pytest.raises(BadSignature):
        opened(clear_signed().replace(b"Hello", b"Hullo")).require_verified()
    with pytest.raises(VerificationError, match="not signed"):
        opened(message("gcm"), "bob").require_verified()


def test_an_outer_signature_that_is_wrong_speaks_against_the_message():
    """One that can't be checked is only told."""
    inner = message("gcm", "ada", top=b"")
    wrong = Forged(content=inner, attributes=[attribute(attributes.CONTENT_TYPE, der.oid("1.2.3"))])
    assert opened(pkcs7(signed_data(wrong)), "bob").reason.startswith("a further signature does not hold")
    result = opened(pkcs7(signed_data(Forged("mallory", content=inner))), "bob")
    assert (result.verdict, result.reason[:40]) == ("verified", "a further signer could not be checked: t")


def test_a_signature_around_the_encryption_alone_proves_no_author():
    """Whoever took it off could put an own one around content that he can't read."""
    result = opened(message({"signer": signing_key("ada"), "attributes": EssAttributes(LABEL, REQUEST)}, "gcm"), "bob")
    assert result.verdict == "not-verified"
    assert "only the encrypted form" in result.reason
    assert (result.label_state, result.receipt_request) == ("absent", None)
    assert result.layers[0].label == LABEL


def test_a_date_that_is_not_the_signing_time_is_told():
    told = "the date of the message is not the time of its signature"
    for date, reason in (("Sun, 1 Mar 2026 12:30:00 +0000", ""), ("Sun, 1 Mar 2026 18:00:00 +0000", told), ("yesterday", "")):
        result = opened(message("ada", top=headers("ada@example.org", f"Date: {date}\r\n".encode())))
        assert (result.verdict, result.reason) == ("verified", reason)


# Labels and receipt requests


def test_label_and_request_are_those_of_the_innermost_signature():
    inner = {"signer": signing_key("ada"), "attributes": EssAttributes(LABEL, REQUEST)}
    outer = {"signer": signing_key("ada"), "attributes": EssAttributes(OUTER_LABEL)}
    result = opened(message(outer, "gcm", inner), "bob")
    assert (result.label_state, result.label, result.receipt_request) == ("present", LABEL, REQUEST)
    assert [each.label for each in result.layers if isinstance(each, SignedLayer)] == [OUTER_LABEL, LABEL]


@pytest.mark.parametrize("name", ["mallory", "expired"])
def test_the_label_of_an_unverified_signature_does_not_exist(name):
    result = opened(message({"signer": signing_key(name), "attributes": EssAttributes(LABEL, REQUEST)}))
    assert (result.label_state, result.label, result.receipt_request) == ("absent", None, None)


def test_a_label_that_names_no_policy_is_malformed():
    label = attribute(attributes.SECURITY_LABEL, der.tlv(der.SET, der.integer(3)))
    result = opened(pkcs7(signed_data(Forged(extra=(label,)))))
    assert (result.verdict, result.label_state, result.label) == ("verified", "malformed", None)


def test_a_label_with_a_doubled_member_is_malformed():
    """X.690 allows each member of a SET once; a reader that takes the last one sees another label than one that takes the first."""
    twice = der.tlv(der.SET, der.integer(1), der.integer(5), der.oid(LABEL.policy))
    result = opened(pkcs7(signed_data(Forged(extra=(attribute(attributes.SECURITY_LABEL, twice),)))))
    assert (result.label_state, result.label) == ("malformed", None)


# Whole messages


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_labelled_signed_encrypted_message_of_two_people(name):
    """What the portal sends: protected headers, a label, one envelope for all."""
    fields = [("From", "Ada <ada@example.org>"), ("To", f"{name}@example.org"), ("Subject", "Größe")]
    protection = mime.protect(fields)
    out = io.BytesIO()
    out.write(mime.format_headers([*protection.outer, ("MIME-Version", "1.0")]))
    recipients = [Recipient(certificate(each), OWN_CAPABILITIES) for each in EVERYBODY]
    options = {"certificates": [certificate("ca")], "attributes": EssAttributes(LABEL), "now": NOW}
    with wrapping(out, signer=signing_key("ada"), recipients=recipients, **options) as sink:
        mime.write_message(sink, headers=protection.inner, text="Hello Böb", hp=protection.hp)
    assert "Größe".encode() not in out.getvalue()
    result = opened(out.getvalue(), name)
    assert (result.verdict, result.label) == ("verified", LABEL)
    assert result.headers["subject"].value == "Größe"
    assert result.entity.open_body().read().decode() == "Hello Böb"


@given(st.binary(max_size=2000))
def test_no_message_raises_anything_but_our_errors(data):
    for start in (b"", headers(), pkcs7(b"")[:-1], ENVELOPED_ONCE[:400], headers() + b"Content-Type: multipart/signed; boundary=x"):
        try:
            opened(start + data, "bob")
        except SecmailError:
            continue
