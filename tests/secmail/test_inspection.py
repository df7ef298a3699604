"""What is written in a message: shown to people, proven to nobody."""

import pytest
from forge import CONTENT, Forged, content_info, signed_data
from pki import NOW, decryption_key
from test_unwrap import LABEL, OUTER_LABEL, REQUEST, headers, message, pkcs7, signing_key

from secmail import BytesSource, EssAttributes, Malformed, NotARecipient, SecurityLabel, Unsupported, der, unwrap
from secmail.cms import attributes
from secmail.cms.attributes import attribute
from secmail.inspection import NOBODY, claims_of, inspect_message

LABELLED = {"signer": signing_key("ada"), "attributes": EssAttributes(LABEL, REQUEST)}


def inspected(data: bytes, *names):
    return inspect_message(BytesSource(data), now=NOW, keys=[decryption_key(each) for each in names])


def test_label_and_request_are_shown_as_written_and_no_signer_is_believed():
    found = inspected(message(LABELLED))
    assert (found.label_state, found.label, found.receipt_request) == ("present", LABEL, REQUEST)
    (signer,) = found.layers[0].signers
    assert signer.status == "untrusted"
    assert found.layers[0].label is None  # layers have what verified signers say
    assert claims_of(signer).security_label == LABEL.to_der()


def test_what_is_shown_is_never_in_what_is_opened():
    opened = unwrap(BytesSource(message(LABELLED)), keys=[], trust=NOBODY, now=NOW)
    assert (opened.verdict, opened.label, opened.receipt_request) == ("not-verified", None, None)


def test_an_envelope_without_a_key_is_the_last_layer():
    found = inspected(message({"signer": signing_key("ada"), "attributes": EssAttributes(OUTER_LABEL)}, "gcm", LABELLED))
    envelope = found.layers[-1]
    assert (envelope.kind, envelope.content_encryption, envelope.opened_with) == ("auth-enveloped", "AES-256-GCM", "")
    assert [each.kind for each in envelope.recipients] == ["kari"]
    assert isinstance(found.sealed, NotARecipient)
    assert (found.content, found.label) == (None, None)  # the label of an outer layer is about the encrypted form


def test_with_a_key_the_inside_is_shown():
    found = inspected(message("cbc", LABELLED), "bob")
    assert (found.sealed, found.label) == (None, LABEL)
    assert found.content.open().read() == CONTENT


def test_a_label_in_some_signatures_only_is_a_conflict():
    label = attribute(attributes.SECURITY_LABEL, SecurityLabel(LABEL.policy, 1).to_der())
    found = inspected(pkcs7(signed_data(Forged("ada", extra=(label,)), Forged("rita"))))
    assert (found.label_state, found.label) == ("conflict", None)


def test_a_damaged_signature_is_invalid_and_says_what_it_says():
    label = attribute(attributes.SECURITY_LABEL, LABEL.to_der())
    wrong = [attribute(attributes.CONTENT_TYPE, der.oid("1.2.3")), label]
    found = inspected(signed_data(Forged(attributes=wrong)))
    (signer,) = found.layers[0].signers
    assert (signer.status, signer.digest_algorithm, found.label) == ("invalid", "SHA-256", LABEL)
    assert signer.unproven.attributes == (attributes.CONTENT_TYPE, attributes.SECURITY_LABEL)


def test_what_is_no_message_is_refused():
    with pytest.raises(Malformed):
        inspected(pkcs7(b"no CMS"))
    with pytest.raises(Unsupported):
        inspected(headers() + b"Content-Type: application/pkcs7-mime\r\n\r\n" + content_info("1.2.3", der.sequence()))
