"""Signed receipts, RFC 2634 section 2: who owes one, making one, and what it proves."""

import io
from dataclasses import astuple, replace
from datetime import timedelta

import pytest
from forge import Forged, content_info, signed_data
from layered import LABEL, E, S, header, message, mime, opened, protected
from pki import NOW, SIGNERS, certificate, signing_key

from secmail import (
    OWN_CAPABILITIES,
    ContentReference,
    EssAttributes,
    GeneralNames,
    Malformed,
    MLData,
    MLReceiptPolicy,
    Receipt,
    ReceiptError,
    ReceiptRequest,
    Recipient,
    SignedLayer,
    Unsupported,
    VerifiedSigner,
    check_receipt,
    der,
    make_receipt,
    receipt_owed,
)
from secmail.algorithms import SHA256, SHA384
from secmail.cms import SIGNED_DATA, attributes
from secmail.cms.attributes import attribute
from secmail.receipts import RECEIPT

BOB = ("bob@example.org",)
TO_ADA = ("ada@example.org",)
REQUEST = ReceiptRequest(b"id", "all_receipts", TO_ADA)
FIRST_TIER = ReceiptRequest(b"id", "first_tier_recipients", TO_ADA)
DESK = GeneralNames.of("desk@example.org")
IDENTIFIER = certificate("list").issuer_and_serial_number
LISTS = ("list@example.org",)


def asking(request=REQUEST, name="ada") -> S:
    return S(name, EssAttributes(receipt_request=request))


def listed(policy: MLReceiptPolicy | None = None, name="list", **options) -> S:
    """The signature of a mail list agent."""
    return S(name, EssAttributes(ml_expansion_history=(MLData(IDENTIFIER, NOW, policy),), **options))


def owed(*layers, addresses=BOB, lists=LISTS, answered=(), **options):
    return receipt_owed(opened(message(*layers, **options), lists=lists), addresses=addresses, answered=answered)


# Who owes a receipt


@pytest.mark.parametrize("layers", [[asking()], [E(), asking()], [S(), E(), asking()], [S("list"), asking()]])
def test_2_3_all_receipts_are_owed_to_receipts_to(layers):
    decision = owed(*layers)
    assert decision
    assert decision.addresses == TO_ADA


def test_2_3_without_a_request_nothing_is_owed():
    """ "If a receiptRequest attribute is absent [...] MUST NOT be created." """
    assert not owed(S())
    assert not owed()


def test_2_2_a_request_counts_only_in_the_innermost_signed_data():
    """ "receipts may be requested only for the innermost SignedData layer" """
    assert not owed(asking(), E(), S())
    assert not owed(asking(), S())
    assert not owed(asking(), E())


@pytest.mark.parametrize("name", ["mallory", "expired"])
def test_2_3_a_request_that_is_not_verified_is_not_processed(name):
    """ "A recipient MUST NOT process a receiptRequest attribute that has not been verified." """
    assert not owed(asking(name=name))


def test_a_request_of_somebody_who_is_not_the_author_is_not_answered():
    """Whoever signs a captured message again would learn who read it."""
    data = message(asking(ReceiptRequest(b"id", "all_receipts", ("rita@example.org",)), "rita"))
    assert opened(data).receipt_request is None
    assert not receipt_owed(opened(data), addresses=BOB)


def requests(*found, names=("ada", "rita"), sender="ada@example.org") -> bytes:
    extra = [() if each is None else (attribute(attributes.RECEIPT_REQUEST, each.to_der()),) for each in found]
    return mime(signed_data(*(Forged(name, extra=each) for name, each in zip(names, extra, strict=False))), sender)


def test_2_3_differing_verified_requests_give_no_receipt():
    """ "If there are verified ReceiptRequest attributes which are not the same, [...] MUST NOT return any signed receipt." """
    differing = opened(requests(REQUEST, FIRST_TIER))
    assert differing.receipt_request_state == "conflict"
    assert receipt_owed(differing, addresses=BOB).reason == "the request for a receipt is not clear"
    assert receipt_owed(opened(requests(REQUEST, REQUEST)), addresses=BOB)
    assert receipt_owed(opened(requests(None, REQUEST, sender="ada@example.org, rita@example.org")), addresses=BOB)


def test_a_request_of_somebody_who_only_signed_along_is_none():
    """Whoever gets hold of a message could put his signature with a request of his own beside the author's."""
    result = opened(requests(None, REQUEST))
    assert (result.verdict, result.receipt_request_state, result.receipt_request) == ("verified", "absent", None)
    assert not receipt_owed(result, addresses=BOB)


def test_2_2_1_requests_that_differ_only_in_names_that_are_no_addresses_differ():
    directory_name = der.tlv(der.context(4), der.sequence())
    entity = der.sequence(der.tlv(der.context(1, constructed=False), b"ada@example.org"), directory_name)
    plain = REQUEST.to_der()
    other = der.sequence(der.octets(b"id"), der.tlv(der.context(0, constructed=False), b"\0"), der.sequence(entity))
    first, second = (ReceiptRequest.from_element(der.Reader(each).element()) for each in (plain, other))
    assert first.receipts_to == second.receipts_to
    assert first != second
    extra = [(attribute(attributes.RECEIPT_REQUEST, each),) for each in (plain, other)]
    found = opened(mime(signed_data(*(Forged(name, extra=each) for name, each in zip(("ada", "rita"), extra, strict=True)))))
    assert found.receipt_request_state == "conflict"


def test_2_3_a_request_is_answered_even_if_another_signature_with_it_can_not_be_verified():
    """ "even if other signerInfos containing the same receiptRequest attribute cannot be validated" """
    assert opened(requests(REQUEST, REQUEST, names=("ada", "expired"))).receipt_request == REQUEST


def test_a_request_under_labels_that_differ_gives_no_receipt():
    """The verdict over such a message is that it is not verified, so nobody may confirm that he read it."""
    asked = tuple(EssAttributes(receipt_request=REQUEST).encoded())
    found = opened(mime(signed_data(Forged("ada", extra=(*asked, *EssAttributes(LABEL).encoded())), Forged("rita", extra=asked))))
    assert (found.receipt_request, found.label_state) == (REQUEST, "conflict")
    assert receipt_owed(found, addresses=BOB).reason == "the request for a receipt is not verified"


def test_a_malformed_or_doubled_request_gives_no_receipt():
    malformed = (attribute(attributes.RECEIPT_REQUEST, der.sequence()),)
    doubled = (attribute(attributes.RECEIPT_REQUEST, REQUEST.to_der()),) * 2
    for extra in (malformed, doubled):
        found = opened(mime(signed_data(Forged(extra=extra))))
        assert (found.receipt_request_state, found.receipt_request) == ("malformed", None)
        assert not receipt_owed(found, addresses=BOB)


def test_2_2_never_on_a_receipt():
    """ "the receiving agent MUST NOT request a signed receipt for a signed receipt" """
    structure = signed_data(
        Forged(content=Receipt("1.2.3", b"id", b"sig").to_der(), content_type=RECEIPT, extra=(attribute(attributes.RECEIPT_REQUEST, REQUEST.to_der()),))
    )
    found = opened(mime(structure))
    assert found.verdict == "verified"
    assert not receipt_owed(found, addresses=BOB)
    with pytest.raises(ReceiptError, match="receipts for receipts"):
        make_receipt(io.BytesIO(), found, signer=signing_key("bob"), now=NOW)


@pytest.mark.parametrize("address", ["bob@example.org", "BOB@Example.org"])
def test_2_3_step_3_those_in_the_list_owe_a_receipt_and_others_not(address):
    request = ReceiptRequest(b"id", ("carl@example.org", address), TO_ADA)
    assert owed(asking(request))
    assert owed(asking(request), addresses=("ann@example.org", "Bob@EXAMPLE.org"))
    assert not owed(asking(request), addresses=("ann@example.org",))
    assert not owed(asking(request), addresses=())


def test_2_3_step_2_2_first_tier_owes_without_a_history_only():
    """ "this recipient is not a first tier recipient and a signed receipt MUST NOT be created" """
    assert owed(asking(FIRST_TIER))
    assert not owed(listed(), asking(FIRST_TIER))
    assert not owed(listed(), E(), asking(FIRST_TIER))


def test_4_1_a_history_that_is_not_verified_does_not_exist():
    """ "MUST NOT process the mlExpansionHistory attribute unless the signature over it has been verified" """
    assert owed(listed(MLReceiptPolicy("none"), name="mallory"), asking(FIRST_TIER))


# What mail lists make of it


def test_2_3_step_1_2_1_the_list_policy_none_supersedes_the_request():
    assert not owed(listed(MLReceiptPolicy("none")), E(), asking())


def test_2_3_step_1_1_a_list_without_a_policy_changes_nothing():
    assert owed(listed(), E(), asking()).addresses == TO_ADA


def test_2_5_step_2_instead_of_replaces_the_recipients():
    assert owed(listed(MLReceiptPolicy("instead_of", (DESK,))), E(), asking()).addresses == ("desk@example.org",)


def test_2_5_step_3_in_addition_to_adds_recipients_each_address_once():
    twice = GeneralNames.of("ADA@example.org")
    policy = MLReceiptPolicy("in_addition_to", (DESK, twice))
    assert owed(listed(policy), E(), asking()).addresses == ("ada@example.org", "desk@example.org")


def test_2_3_the_last_entry_of_the_history_decides():
    entries = (MLData(IDENTIFIER, NOW, MLReceiptPolicy("none")), MLData(IDENTIFIER, NOW))
    last = S("list", EssAttributes(ml_expansion_history=entries))
    assert owed(last, E(), asking())


def test_2_3_step_1_2_2_a_list_can_not_ask_where_the_originator_did_not():
    """ "if the originator of the message has not requested a signed receipt, the MLA cannot request a signed receipt" """
    assert not owed(listed(MLReceiptPolicy("instead_of", (DESK,))), E(), S())


def test_a_history_counts_only_if_its_signer_is_a_known_list():
    """Otherwise anybody could suppress or divert receipts by wrapping a captured message."""
    diverted = listed(MLReceiptPolicy("instead_of", (GeneralNames.of("rita@example.org"),)), name="rita")
    suppressed = listed(MLReceiptPolicy("none"), name="rita")
    for layer in (diverted, suppressed):
        decision = owed(layer, E(), asking())
        assert not decision
        assert decision.addresses == TO_ADA  # a person may send it
        found = opened(message(layer, E(), asking()), lists=LISTS)
        assert (found.history_state, found.ml_expansion_history) == ("unknown-list", ())
        assert found.layers[0].ml_expansion_history == layer.attributes.ml_expansion_history  # it is shown


def test_a_list_in_the_protected_to_is_known():
    layers = listed(), E(), asking()
    assert owed(*layers, lists=(), content=protected("List <list@example.org>"))
    assert not owed(*layers, lists=(), content=protected("bob@example.org"))


def test_a_list_that_is_named_outside_the_protection_is_not_known():
    found = opened(message(listed(), E(), asking(), top=header(to="list@example.org")))
    assert found.history_state == "unknown-list"


def test_a_list_in_headers_that_no_author_protected_is_not_known():
    """Whoever signs a message again as somebody else could name himself there."""
    found = opened(message(listed(name="rita"), E(), asking(name="rita"), content=protected("rita@example.org")))
    assert (found.verdict, found.history_state) == ("not-verified", "unknown-list")


def test_4_1_differing_histories_stop_the_processing():
    """ "the receiving agent MUST stop processing the message" """
    inner = message(E(), asking(), top=b"")
    extra = [(attribute(attributes.ML_EXPANSION_HISTORY, der.sequence(MLData(IDENTIFIER, NOW, each).to_der())),) for each in (None, MLReceiptPolicy("none"))]
    signers = [Forged(name, content=inner, extra=each) for name, each in zip(("list", "rita"), extra, strict=True)]
    found = opened(mime(signed_data(*signers)), lists=LISTS)
    assert (found.verdict, found.history_state) == ("not-verified", "conflict")
    assert not receipt_owed(found, addresses=BOB)


def test_4_1_signers_without_a_history_are_ignored():
    extra = (attribute(attributes.ML_EXPANSION_HISTORY, der.sequence(MLData(IDENTIFIER, NOW).to_der())),)
    signers = (Forged("list", content=message(E(), asking(), top=b""), extra=extra), Forged("rita"))
    signers[1].content = signers[0].content
    assert opened(mime(signed_data(*signers)), lists=LISTS).history_state == "present"


def test_a_known_list_vouches_only_for_a_history_it_signed():
    """Somebody else's history does not become known by a signature of the list beside it."""
    extra = (attribute(attributes.ML_EXPANSION_HISTORY, der.sequence(MLData(IDENTIFIER, NOW).to_der())),)
    inner = message(E(), asking(), top=b"")
    found = opened(mime(signed_data(Forged("rita", content=inner, extra=extra), Forged("list", content=inner))), lists=LISTS)
    assert found.history_state == "unknown-list"


def test_a_malformed_history_gives_no_receipt():
    extra = (attribute(attributes.ML_EXPANSION_HISTORY, der.sequence()),)
    found = opened(mime(signed_data(Forged("list", content=message(E(), asking(), top=b""), extra=extra))), lists=LISTS)
    assert found.history_state == "malformed"
    assert not receipt_owed(found, addresses=BOB)


# Exactly one


def test_2_2_1_each_recipient_returns_only_one_receipt():
    """Neither a second arrival nor a second signer nor the twin of an ECDSA signature gives another."""
    first = owed(asking())
    assert not owed(asking(), answered={first.reference})
    assert not owed(listed(), E(), asking(), answered={first.reference})
    two = receipt_owed(opened(requests(REQUEST, REQUEST)), addresses=BOB, answered={first.reference})
    assert not two
    assert two.reference == first.reference


def test_2_2_1_other_messages_and_other_originators_get_their_own():
    first = owed(asking())
    assert owed(asking(replace(REQUEST, signed_content_identifier=b"other")), answered={first.reference})
    assert owed(asking(name="rita"), top=header("rita@example.org"), answered={first.reference})


# Making


def receipt(data: bytes, name="bob", **options) -> bytes:
    out = io.BytesIO()
    out.write(header(f"{name}@example.org"))
    make_receipt(out, opened(data), signer=signing_key(name), certificates=[certificate("ca")], now=NOW, **options)
    return out.getvalue()


ASKED = message(E(("ada", "bob")), asking())
ANSWERED = receipt(ASKED)


def checked(answer: bytes, original: bytes = ASKED, **options):
    return check_receipt(opened(answer, "ada"), opened(original, "ada"), **options)


@pytest.mark.parametrize("name", SIGNERS)
def test_2_4_a_receipt_proves_that_its_signer_got_the_message(name):
    found = checked(receipt(ASKED, name))
    assert found.proven
    assert astuple(found.matches) == (True,) * 5
    assert (found.content_identifier, found.asked, found.signing_time, found.reason) == (b"id", name != "ada", NOW, "")
    assert found.signer.certificate == certificate(name)


@pytest.mark.parametrize("name", SIGNERS)
def test_2_4_messages_of_every_signature_algorithm_have_receipts(name):
    original = message(asking(name=name), top=header(f"{name}@example.org"))
    assert checked(receipt(original), original).proven


def test_2_4_the_receipt_is_the_content_without_any_mime():
    """Step 9: "MUST NOT be encapsulated in a MIME header" """
    opened_receipt = opened(ANSWERED)
    original = opened(ASKED).innermost_signature.verified_signers[0]
    content = Receipt("1.2.840.113549.1.7.1", b"id", original.signature)
    assert opened_receipt.content.open().read() == content.to_der()
    assert opened_receipt.innermost_signature.content_type == RECEIPT
    assert opened_receipt.entity is None
    assert b"smime-type=signed-receipt" in ANSWERED


def test_2_4_the_receipt_has_the_msg_sig_digest_and_neither_request_nor_history():
    (signer,) = opened(ANSWERED).innermost_signature.verified_signers
    assert len(signer.msg_sig_digest) == 32
    assert (signer.receipt_request, signer.ml_expansion_history, signer.signing_time) == (None, None, NOW)


def test_2_4_msg_sig_digest_is_of_the_digest_of_the_original():
    original = message(asking(name="bob"), top=header("bob@example.org"))  # P-384 with SHA-384
    (signer,) = opened(original).innermost_signature.verified_signers
    answer = receipt(original, "ada")
    assert opened(answer).innermost_signature.verified_signers[0].msg_sig_digest == SHA384.of(signer.signed_attributes)
    assert checked(answer, original).proven


def test_2_4_step_1_no_receipt_without_a_verified_request():
    for data in (message(S()), message(asking(name="expired")), message(asking(), E()), requests(REQUEST, FIRST_TIER)):
        with pytest.raises(ReceiptError):
            receipt(data)


@pytest.mark.parametrize("author", ["ada", "rita"])
def test_2_4_of_several_signers_the_author_is_answered(author):
    asked = tuple(EssAttributes(receipt_request=REQUEST).encoded())
    both = mime(signed_data(Forged("ada", extra=asked), Forged("rita", extra=asked)), f"{author}@example.org")
    content = Receipt.from_der(opened(receipt(both)).content.open().read())
    assert content.originator_signature_value == opened(both).author.signer.signature


def test_a_certificate_that_is_not_for_signing_makes_no_receipt():
    with pytest.raises(Unsupported):
        receipt(ASKED, "gwen")


def test_2_4_step_11_an_encrypted_receipt_is_signed_outside_with_a_content_hint():
    """ "an outer signedData object MUST be created [...] and a contentHints attribute with contentType set to the id-ct-receipt" """
    answer = receipt(ASKED, recipients=[Recipient(certificate("ada"), OWN_CAPABILITIES)])
    found = opened(answer, "ada")
    outside, _, inside = found.layers
    assert isinstance(outside, SignedLayer)
    assert outside.signers[0].content_hints.content_type == RECEIPT
    assert outside.signers[0].content_hints.content_description is None
    assert inside.content_type == RECEIPT
    assert checked(answer).proven


def test_2_4_1_a_receipt_that_went_through_a_list_still_proves():
    inner = ANSWERED[len(header()) :]
    assert checked(message(listed(), content=inner, top=header("bob@example.org"))).proven


# Checking

RIGHT = Receipt.of(opened(ASKED).innermost_signature.verified_signers[0], REQUEST)
DIGEST = opened(ANSWERED).innermost_signature.verified_signers[0].msg_sig_digest


def forged(content: Receipt | bytes | None = None, *, name="bob", digest: bytes | None = None) -> bytes:
    """A receipt with one thing wrong; an empty digest leaves the attribute out."""
    content = RIGHT if content is None else content
    encoded = content.to_der() if isinstance(content, Receipt) else content
    value = DIGEST if digest is None else digest
    extra = (attribute(attributes.MSG_SIG_DIGEST, der.octets(value)),) if value else ()
    return mime(signed_data(Forged(name, content=encoded, content_type=RECEIPT, extra=extra)), f"{name}@example.org", "signed-receipt")


def test_2_6_each_of_the_five_is_compared():
    wrong = {
        "content_type": forged(replace(RIGHT, content_type="1.2.3")),
        "content_identifier": forged(replace(RIGHT, signed_content_identifier=b"other")),
        "signature_value": forged(replace(RIGHT, originator_signature_value=b"other")),
        "msg_sig_digest": forged(digest=b"other"),
    }
    assert checked(forged()).proven
    for name, answer in wrong.items():
        found = checked(answer)
        assert not found.proven
        assert found.reason
        assert not getattr(found.matches, name)
        # the digest of the Receipt as the sender would have made it differs with each of its members
        assert found.matches.message_digest == (name == "msg_sig_digest")
        assert sum(astuple(found.matches)) == (4 if name == "msg_sig_digest" else 3)


def test_2_6_step_4_a_receipt_without_msg_sig_digest_proves_nothing():
    found = checked(forged(digest=b""))
    assert not found.matches.msg_sig_digest
    assert not found.proven


def test_2_6_step_6_message_digest_is_of_the_receipt_with_the_digest_of_its_signer():
    assert checked(receipt(ASKED, "bob")).proven  # SHA-384 over a receipt for a SHA-256 signature
    members = der.read(RIGHT.to_der()).rest()
    found = checked(forged(b"\x30\x82" + len(members).to_bytes(2, "big") + members))  # the same values, but not DER
    assert not found.matches.message_digest
    assert found.matches.signature_value


def test_2_6_a_receipt_is_for_one_message_only():
    other = message(E(("ada", "bob")), asking(replace(REQUEST, signed_content_identifier=b"other")))
    found = checked(ANSWERED, other)
    assert not found.proven
    assert astuple(found.matches) == (True, False, False, False, False)
    assert found.reason == "the receipt is for another message"


def test_2_6_all_matches_are_with_the_same_signer_info_of_the_original():
    """ "to identify the original signedData signerInfo": a receipt for Rita's signature is not checked against Ada's."""
    asked = attribute(attributes.RECEIPT_REQUEST, REQUEST.to_der())
    both = mime(signed_data(Forged("ada", extra=(asked,)), Forged("rita", extra=(asked, attribute(attributes.CONTENT_IDENTIFIER, der.octets(b"2"))))))
    ada, rita = sorted(opened(both).innermost_signature.verified_signers, key=lambda each: each.certificate.emails)
    content = Receipt.of(rita, REQUEST)
    assert checked(forged(content, digest=SHA256.of(rita.signed_attributes)), both).proven
    assert astuple(checked(forged(content, digest=SHA256.of(ada.signed_attributes)), both).matches) == (True, True, True, False, True)


def test_2_6_step_8_a_signature_that_does_not_hold_proves_nothing():
    for name in ("mallory", "expired"):
        found = checked(forged(name=name))
        assert not found.proven
        assert (found.matches.msg_sig_digest, found.matches.message_digest, found.asked, found.signing_time) == (False, False, False, None)
        assert found.matches.signature_value
        assert found.reason == found.signer.reason


def signers_of_a_receipt(**proving: bool) -> bytes:
    """One SignedData by all of these, whose SET OF SignerInfo has the RSA signature of rita last."""
    digest = attribute(attributes.MSG_SIG_DIGEST, der.octets(DIGEST))
    return mime(
        signed_data(*(Forged(name, content=RIGHT.to_der(), content_type=RECEIPT, extra=(digest,) if proves else ()) for name, proves in proving.items()))
    )


def test_of_several_signers_the_one_who_proves_counts():
    for proving in ({"carl": False, "rita": True}, {"carl": True, "rita": False}, {"expired": True, "rita": True}):
        found = checked(signers_of_a_receipt(**proving))
        assert found.proven
        assert found.signer.certificate == certificate("carl" if proving.get("carl") else "rita")


def test_of_several_signers_who_prove_nothing_a_verified_one_is_named():
    found = checked(signers_of_a_receipt(expired=True, rita=False))
    assert (found.proven, found.signer.certificate) == (False, certificate("rita"))


def test_a_receipt_that_nobody_signed_proves_nothing():
    content = der.sequence(der.oid(RECEIPT), der.tlv(der.context(0), der.octets(RIGHT.to_der())))
    structure = content_info(SIGNED_DATA, der.sequence(der.integer(3), der.set_of([]), content, der.set_of([])))
    found = checked(mime(structure))
    assert (found.signer, found.proven, found.asked) == (None, False, False)
    assert found.matches.signature_value


def test_an_original_without_a_verified_signature_gives_no_proof():
    expired = message(asking(name="expired"))
    found = checked(forged(), expired)
    assert (found.proven, astuple(found.matches), found.asked) == (False, (False,) * 5, False)
    assert "original" in found.reason


def test_an_original_that_asked_for_nothing_gives_no_proof():
    assert not checked(ANSWERED, message(S())).proven


@pytest.mark.parametrize(
    "answer",
    [
        message(S("bob"), top=header("bob@example.org")),
        message(E(("ada",))),
        message(),
        message(asking()),
        forged(b"Content-Type: text/plain\r\n\r\nreceived\r\n"),
        forged(b"Content-Type: application/x-receipt\r\n\r\n" + RIGHT.to_der()),
        forged(der.sequence(der.integer(2), der.read(RIGHT.to_der()).rest()[3:])),
        forged(RIGHT.to_der() + b"\0"),
        forged(bytes(70_000)),
        mime(signed_data(Forged("bob", content=RIGHT.to_der()))),
    ],
)
def test_what_is_no_receipt_is_refused(answer):
    with pytest.raises(ReceiptError):
        checked(answer)


def test_a_receipt_that_is_withheld_is_a_receipt_that_proves_nothing():
    """Encrypted with CBC, and its signature does not hold: its content is not looked at."""
    inner = forged(name="expired")[len(header("expired@example.org")) :]
    found = checked(message(E(("ada",), "cbc"), content=inner))
    assert (found.proven, found.content_identifier, astuple(found.matches)) == (False, b"", (False,) * 5)


# Who was asked


def test_whether_the_signer_was_asked_is_reported_apart_from_the_proof():
    request = ReceiptRequest(b"id", ("carl@example.org",), TO_ADA)
    original = message(E(("ada", "bob")), asking(request))
    found = checked(receipt(original), original)
    assert (found.proven, found.asked) == (True, False)
    assert checked(receipt(original, "carl"), original).asked


def test_first_tier_recipients_are_those_the_original_names():
    original = message(asking(FIRST_TIER))
    assert checked(receipt(original), original).asked
    assert not checked(receipt(original, "carl"), original).asked
    unnamed = message(asking(FIRST_TIER), top=b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
    assert checked(receipt(unnamed, "carl"), unnamed).asked


def test_who_wrote_the_message_was_not_asked_unless_it_names_her():
    original = message(asking(REQUEST))
    found = checked(receipt(original, "ada"), original)
    assert (found.proven, found.asked) == (True, False)
    to_herself = message(asking(REQUEST), top=header(to="bob@example.org, ada@example.org"))
    assert checked(receipt(to_herself, "ada"), to_herself).asked


def test_those_who_did_not_get_the_message_were_not_asked():
    assert checked(ANSWERED, recipients=["BOB@example.org"]).asked
    assert not checked(ANSWERED, recipients=["carl@example.org"]).asked


def test_the_signing_time_is_what_the_signer_says():
    out = io.BytesIO()
    out.write(header("bob@example.org"))
    make_receipt(out, opened(ASKED), signer=signing_key("bob"), certificates=[certificate("ca")], now=NOW - timedelta(days=2))
    assert checked(out.getvalue()).signing_time == NOW - timedelta(days=2)


# Attributes


def test_2_11_a_content_reference_is_read_as_it_was_made():
    reference = ContentReference("1.2.840.113549.1.7.1", b"id", b"signature")
    (signer,) = opened(message(S(attributes=EssAttributes(content_reference=reference)))).innermost_signature.verified_signers
    assert isinstance(signer, VerifiedSigner)
    assert signer.content_reference == reference


def test_2_7_an_entity_of_several_names_gets_one_receipt_at_its_first_address():
    names = GeneralNames.of("ada@example.org", "ada@example.net")
    encoded = der.sequence(der.octets(b"id"), der.tlv(der.context(0, constructed=False), b"\0"), der.sequence(names.encoded, DESK.encoded))
    found = opened(mime(signed_data(Forged(extra=(attribute(attributes.RECEIPT_REQUEST, encoded),)))))
    assert [each.addresses for each in found.receipt_request.entities_to] == [("ada@example.org", "ada@example.net"), ("desk@example.org",)]
    assert receipt_owed(found, addresses=BOB).addresses == ("ada@example.org", "desk@example.org")


@pytest.mark.parametrize("entities", [[], [der.sequence()], [DESK.encoded] * 17])
def test_2_7_receipts_to_has_1_to_16_entities(entities):
    encoded = der.sequence(der.octets(b"id"), der.tlv(der.context(0, constructed=False), b"\0"), der.sequence(*entities))
    with pytest.raises(Malformed):
        ReceiptRequest.from_element(der.Reader(encoded).element())


def test_the_label_of_a_message_is_not_in_its_receipt():
    original = message(E(("ada", "bob")), S(attributes=EssAttributes(LABEL, REQUEST)))
    (signer,) = opened(receipt(original)).innermost_signature.verified_signers
    assert signer.security_label is None
