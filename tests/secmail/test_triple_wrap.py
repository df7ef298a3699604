"""Triple wrapping, RFC 2634 section 1.1, and what of each layer counts."""

import io

import pytest
from forge import Forged, signed_data
from layered import LABEL, OUTER_LABEL, POLICY, E, S, header, message, mime, opened, protected
from pki import EVERYBODY, NOW, certificate, signing_key

from secmail import (
    OWN_CAPABILITIES,
    EnvelopedLayer,
    EssAttributes,
    ReceiptRequest,
    Recipient,
    SecurityLabel,
    SignedLayer,
    Unsupported,
    der,
    triple_wrapping,
)
from secmail.cms import attributes
from secmail.cms.attributes import attribute

REQUEST = ReceiptRequest(b"id", "all_receipts", ("ada@example.org",))
INNER = EssAttributes(LABEL, REQUEST, b"id")
ENTITY = protected("bob@example.org")


def wrapped(name="ada", recipients=("bob",), **options) -> bytes:
    out = io.BytesIO()
    out.write(header(f"{name}@example.org"))
    known = [Recipient(certificate(each), OWN_CAPABILITIES) for each in recipients]
    with triple_wrapping(out, signer=signing_key(name), recipients=known, certificates=[certificate("ca")], now=NOW, **{"attributes": INNER, **options}) as sink:
        sink.write(ENTITY)
    assert sink.envelope.content_encryption.startswith("AES-256")
    return out.getvalue()


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
@pytest.mark.parametrize("name", EVERYBODY)
def test_1_1_signed_then_encrypted_then_signed_again(name, content_encryption):
    found = opened(wrapped(recipients=EVERYBODY, content_encryption=content_encryption), name)
    assert [type(each) for each in found.layers] == [SignedLayer, EnvelopedLayer, SignedLayer]
    assert found.verdict == "verified"
    assert found.content.open().read() == ENTITY


def test_1_3_1_label_and_request_are_in_the_inside_signature():
    """ "the receipt request MUST be in the inside signature, not in the outside signature" """
    found = opened(wrapped())
    assert (found.label, found.receipt_request) == (LABEL, REQUEST)
    outside, _, inside = found.layers
    assert (inside.label, inside.receipt_request) == (LABEL, REQUEST)
    assert outside.receipt_request is None


def test_the_outside_signature_says_nothing_about_the_content():
    """A content description there would undo header protection; a copied label would tell what is inside."""
    (signer,) = opened(wrapped()).layers[0].verified_signers
    assert (signer.security_label, signer.content_hints, signer.content_identifier) == (None, None, None)


def test_1_3_2_the_outer_label_is_that_of_the_encrypted_message():
    found = opened(wrapped(outer_label=OUTER_LABEL))
    assert (found.layers[0].label, found.label) == (OUTER_LABEL, LABEL)


def test_both_signatures_bring_their_certificates():
    outside, _, inside = opened(wrapped()).layers
    assert outside.verified_signers[0].path.valid
    assert inside.verified_signers[0].path.valid


def test_nothing_is_written_for_a_recipient_who_can_not_be_encrypted_to():
    out = io.BytesIO()
    with pytest.raises(Unsupported), triple_wrapping(out, signer=signing_key("ada"), recipients=[certificate("signer-only")], now=NOW):
        pass
    assert out.getvalue() == b""


# Whose word counts


@pytest.mark.parametrize("name", ["mallory", "expired", "rita"])
def test_label_and_request_exist_only_if_the_author_is_proven(name):
    found = opened(message(S("ada", EssAttributes(OUTER_LABEL)), E(), S(name, INNER)))
    assert found.verdict == "not-verified"
    assert (found.label_state, found.label, found.receipt_request_state, found.receipt_request) == ("absent", None, "absent", None)


def test_3_1_1_signers_who_disagree_about_the_label_are_not_believed():
    """ "If an ESSSecurityLabel is present in a signerInfo, all signerInfos [...] MUST contain an ESSSecurityLabel" """
    labels = [tuple(EssAttributes(each).encoded()) for each in (LABEL, OUTER_LABEL, None)]
    for other in labels[1:]:
        found = opened(mime(signed_data(Forged("ada", extra=labels[0]), Forged("rita", extra=other))))
        assert (found.verdict, found.label_state, found.label) == ("not-verified", "conflict", None)
        assert "label" in found.reason
    assert opened(mime(signed_data(Forged("ada", extra=labels[0]), Forged("rita", extra=labels[0])))).label == LABEL


# Equivalent labels

THEIRS = SecurityLabel("1.2.3.1", classification=2)
FURTHER = SecurityLabel("1.2.3.2", classification=4)
TRANSLATORS = ("Rita@example.org",)


def translated(*labels, translators=TRANSLATORS, by="rita", label=LABEL):
    extra = tuple(EssAttributes(label).encoded())
    equivalent = tuple(EssAttributes(equivalent_labels=labels).encoded())
    signers = (Forged("ada", extra=(*extra, *equivalent) if by == "ada" else extra), Forged("rita", extra=(*extra, *equivalent) if by == "rita" else extra))
    return opened(mime(signed_data(*signers)), translators=translators)


def test_3_4_2_equivalent_labels_only_by_a_configured_translator():
    """ "MUST NOT act on an equivalentLabels attribute unless that attribute is signed by an entity trusted to translate" """
    assert translated(THEIRS, FURTHER).equivalent_labels == (THEIRS, FURTHER)
    assert translated(THEIRS, by="ada").equivalent_labels == ()
    assert translated(THEIRS, translators=()).equivalent_labels == ()
    assert translated(THEIRS, by="ada", translators=["ada@example.org"]).equivalent_labels == (THEIRS,)


def test_3_4_2_a_label_whose_policy_is_known_is_processed_and_no_equivalent_one():
    """ "it MUST process that label and MUST ignore all EquivalentLabels" """
    found = translated(THEIRS)
    assert found.label_for([POLICY, THEIRS.policy]) == LABEL
    assert found.label_for([THEIRS.policy]) == THEIRS
    assert found.label_for(["1.2.3.9"]) == LABEL


def test_3_4_2_the_first_equivalent_label_of_a_known_policy_is_taken():
    assert translated(THEIRS, FURTHER).label_for([FURTHER.policy]) == FURTHER


def test_3_4_1_an_equivalent_label_may_stand_for_an_absent_one():
    found = translated(THEIRS, label=None)
    assert found.label is None
    assert found.label_for([THEIRS.policy]) == THEIRS
    assert found.label_for([POLICY]) is None


@pytest.mark.parametrize("labels", [(THEIRS, SecurityLabel(THEIRS.policy, classification=1)), (SecurityLabel(POLICY, classification=1),)])
def test_3_4_1_all_policies_are_unique(labels):
    """ "All security-policy object identifiers MUST be unique in the set" """
    found = translated(*labels)
    assert (found.label, found.equivalent_labels) == (LABEL, ())


@pytest.mark.parametrize("value", [der.sequence(), der.integer(1), der.sequence(der.integer(1)), der.sequence(der.tlv(der.SET, der.integer(1)))])
def test_malformed_equivalent_labels_are_none(value):
    extra = (*EssAttributes(LABEL).encoded(), attribute(attributes.EQUIVALENT_LABELS, value))
    found = opened(mime(signed_data(Forged("ada", extra=extra))), translators=["ada@example.org"])
    assert (found.label, found.equivalent_labels) == (LABEL, ())


def test_a_label_that_can_not_be_read_has_no_equivalent():
    """Its policy may be one that is known here, whose label would count."""
    extra = (attribute(attributes.SECURITY_LABEL, der.tlv(der.SET, der.integer(1))), *EssAttributes(equivalent_labels=(THEIRS,)).encoded())
    found = opened(mime(signed_data(Forged("ada", extra=extra))), translators=["ada@example.org"])
    assert (found.label_state, found.label_for([THEIRS.policy])) == ("malformed", None)


def test_3_4_1_equivalent_labels_are_never_unsigned():
    unsigned = tuple(EssAttributes(equivalent_labels=(THEIRS,)).encoded())
    assert opened(mime(signed_data(Forged("ada", unsigned=unsigned)))).verdict == "not-verified"


def test_equivalent_labels_are_read_as_they_were_made():
    (signer,) = opened(message(S("ada", EssAttributes(LABEL, equivalent_labels=(THEIRS,))))).layers[0].verified_signers
    assert signer.equivalent_labels == (THEIRS.to_der(),)
