"""Labels, receipt requests and mail list histories that nobody who may say so has said; carl and eve say them instead of ada."""

from forge import Forged, signed_data
from layered import LABEL, OUTER_LABEL, header, mime
from pki import NOW
from spoofs import NOT_VERIFIED, VERIFIED, Family, by_ada, standard

from secmail import MLData, MLReceiptPolicy, ReceiptRequest, der
from secmail.cms import attributes
from secmail.cms.attributes import attribute
from secmail.cms.ess import GeneralNames, encoded_history

FAMILY = Family()
REQUEST = ReceiptRequest(b"id", "all_receipts", ("eve@example.org",))
LABELLED = attribute(attributes.SECURITY_LABEL, LABEL.to_der())
LOWERED = attribute(attributes.SECURITY_LABEL, OUTER_LABEL.to_der())
ASKING = attribute(attributes.RECEIPT_REQUEST, REQUEST.to_der())
EQUIVALENT = attribute(attributes.EQUIVALENT_LABELS, der.sequence(OUTER_LABEL.to_der()))
NOTHING_ASKED = {"receipt_request": None, "receipt_request_state": "absent"}
MALFORMED_LABEL = {"label": None, "label_state": "malformed"}


def history(policy: MLReceiptPolicy | None = None) -> bytes:
    return attribute(attributes.ML_EXPANSION_HISTORY, encoded_history((MLData(der.octets(b"eve"), NOW, policy),)))


def around(signer: Forged, inner: bytes | None = None) -> bytes:
    """A message of ada's inside another signature."""
    signer.content = inner if inner is not None else by_ada().removeprefix(header())
    return mime(signed_data(signer))


# Unsigned attributes

for name, claim in {"label": LABELLED, "request": ASKING, "equivalent_labels": EQUIVALENT, "history": history()}.items():
    FAMILY.add(f"unsigned_{name}", "RFC 2634 section 1.3.4: the attribute is a signed one", NOT_VERIFIED, lambda claim=claim: by_ada(unsigned=(claim,)), label=None, receipt_request=None)
FAMILY.add(
    "unsigned_signing_time",
    "RFC 5652 section 11.3: the attribute is a signed one",
    NOT_VERIFIED,
    lambda: by_ada(unsigned=(attribute(attributes.SIGNING_TIME, der.time(NOW)),)),
)
FAMILY.add(
    "unsigned_content_hints",
    "RFC 2634 section 1.3.4: content hints may be unsigned, and count for nothing then",
    VERIFIED,
    lambda: by_ada(unsigned=(attribute(attributes.CONTENT_HINTS, der.sequence(der.tlv(der.UTF8_STRING, b"Pay eve"), der.oid("1.2.3"))),)),
    layers__0__signers__0__content_hints=None,
)

# Labels


def label(*members: bytes) -> bytes:
    return attribute(attributes.SECURITY_LABEL, der.tlv(der.SET, *members))


POLICY = der.oid(LABEL.policy)
LABELS = {
    "two_classifications": label(der.integer(1), der.integer(5), POLICY),
    "two_policies": label(POLICY, der.oid("1.2.3")),
    "two_privacy_marks": label(POLICY, der.tlv(der.UTF8_STRING, b"A"), der.tlv(der.UTF8_STRING, b"B")),
    "label_that_is_no_set": attribute(attributes.SECURITY_LABEL, der.sequence(POLICY)),
    "label_without_a_policy": label(der.integer(1)),
    "label_with_surplus_members": label(POLICY, der.octets(b"")),
    "label_of_two_values": der.sequence(der.oid(attributes.SECURITY_LABEL), der.tlv(der.SET, LABEL.to_der(), OUTER_LABEL.to_der())),
    "label_of_no_value": der.sequence(der.oid(attributes.SECURITY_LABEL), der.tlv(der.SET)),
    "classification_negative": label(der.integer(-1), POLICY),
    "classification_beyond_256": label(der.integer(257), POLICY),
}
for name, claim in LABELS.items():
    FAMILY.add(name, "RFC 2634 section 3.2: a label that can't be read one way is malformed, not absent", VERIFIED, lambda claim=claim: by_ada(extra=(claim,)), **MALFORMED_LABEL)
FAMILY.add("two_label_attributes", "RFC 2634 section 1.3.4: an attribute has one instance", VERIFIED, lambda: by_ada(extra=(LABELLED, LOWERED)), **MALFORMED_LABEL)

CONFLICTS = {
    "label_in_one_of_two_signers": (Forged(extra=(LABELLED,)), Forged("carl")),
    "label_of_the_second_signer_only": (Forged(), Forged("carl", extra=(LABELLED,))),
    "two_labels": (Forged(extra=(LABELLED,)), Forged("carl", extra=(LOWERED,))),
}
for name, signers in CONFLICTS.items():
    FAMILY.add(name, "RFC 2634 section 3.1.1: all signers have the label, and the same", NOT_VERIFIED, lambda signers=signers: mime(signed_data(*signers)), label=None, label_state="conflict")

FAMILY.add(
    "label_of_an_untrusted_signer",
    "RFC 2634 section 3.1.1: only verified signers label",
    VERIFIED,
    lambda: mime(signed_data(Forged(), Forged("mallory", extra=(LABELLED,)))),
    label=None,
    label_state="absent",
)
FAMILY.add(
    "label_of_an_outer_signature",
    "RFC 2634 section 3.1: the label of an outer signature is not the content's",
    VERIFIED,
    lambda: around(Forged("carl", extra=(LOWERED,)), signed(LABELLED)),
    label__classification=LABEL.classification,
)
FAMILY.add(
    "label_of_an_outer_signature_alone",
    "RFC 2634 section 3.1: the label of an outer signature is not the content's",
    VERIFIED,
    lambda: around(Forged("carl", extra=(LABELLED,))),
    label=None,
    label_state="absent",
)
FAMILY.add("label_of_a_wrong_signature", "RFC 2634 section 3.1.1: only verified signers label", NOT_VERIFIED, lambda: by_ada(attributes=[*standard(b"other"), LABELLED]), label=None)
FAMILY.add("label_of_an_untrusted_author", "RFC 2634 section 3.1.1: only verified signers label", NOT_VERIFIED, lambda: mime(signed_data(Forged("mallory", extra=(LABELLED, ASKING)))), label=None, **NOTHING_ASKED)
FAMILY.add("label_of_another_than_from", "RFC 8550 section 3: who is not the author labels nothing", NOT_VERIFIED, lambda: mime(signed_data(Forged("carl", extra=(LABELLED, ASKING)))), label=None, **NOTHING_ASKED)
FAMILY.add(
    "equivalent_labels_of_a_co_signer",
    "RFC 2634 section 3.4.2: equivalent labels are those of the author or of an entity trusted to translate",
    VERIFIED,
    lambda: mime(signed_data(Forged(), Forged("carl", extra=(EQUIVALENT,)))),
    equivalent_labels=[],
    label=None,
)
FAMILY.add("sio_label", "RFC 7444 section 1.3: the field binds no label to a message", VERIFIED, lambda: b"SIO-Label: marking=SECRET\r\n" + by_ada(), label=None, label_state="absent")


def signed(*extra: bytes) -> bytes:
    return by_ada(extra=extra).removeprefix(header())


# Receipt requests

REQUESTS = {
    "request_of_a_co_signer": lambda: mime(signed_data(Forged(), Forged("carl", extra=(ASKING,)))),
    "request_of_an_untrusted_co_signer": lambda: mime(signed_data(Forged(), Forged("mallory", extra=(ASKING,)))),
    "request_of_an_outer_signature": lambda: around(Forged("carl", extra=(ASKING,))),
    "request_of_a_countersigner": lambda: by_ada(unsigned=(attribute(attributes.COUNTERSIGNATURE, Forged("carl", extra=(ASKING,)).signer_info()),)),
    "request_of_a_co_signer_where_nobody_is_named": lambda: signed_data(Forged(), Forged("carl", extra=(ASKING,))),
    "request_in_a_header_field": lambda: b"Disposition-Notification-To: eve@example.org\r\n" + by_ada(),
}
for name, build in REQUESTS.items():
    FAMILY.add(name, "RFC 2634 section 2.3: the verified originator asks", VERIFIED, build, **NOTHING_ASKED)

MALFORMED_REQUESTS = {
    "request_twice": (ASKING, attribute(attributes.RECEIPT_REQUEST, ReceiptRequest(b"id", "all_receipts", ("ada@example.org",)).to_der())),
    "request_without_recipients": (attribute(attributes.RECEIPT_REQUEST, der.sequence(der.octets(b"id"), der.tlv(der.context(0, constructed=False), b"\0"), der.sequence())),),
    "request_of_an_unknown_kind": (attribute(attributes.RECEIPT_REQUEST, der.sequence(der.octets(b"id"), der.tlv(der.context(0, constructed=False), b"\7"), REQUEST_TO := der.sequence(GeneralNames.of("eve@example.org").encoded))),),
}
for name, extra in MALFORMED_REQUESTS.items():
    FAMILY.add(name, "RFC 2634 section 2.7: a request that can't be read one way is malformed", VERIFIED, lambda extra=extra: by_ada(extra=extra), receipt_request=None, receipt_request_state="malformed")
FAMILY.add(
    "differing_requests",
    "RFC 2634 section 2.3: differing requests give no receipt",
    VERIFIED,
    lambda: mime(signed_data(Forged(extra=(ASKING,)), Forged("carl", extra=(attribute(attributes.RECEIPT_REQUEST, ReceiptRequest(b"x", "all_receipts", ("ada@example.org",)).to_der()),)))),
    receipt_request=None,
    receipt_request_state="conflict",
)
FAMILY.add(
    "request_to_somebody_else",
    "RFC 2634 section 2.7: where receipts go is shown, also if that is not the originator",
    VERIFIED,
    lambda: by_ada(extra=(ASKING,)),
    receipt_request__to=[["eve@example.org"]],
)

# Mail list histories

FAMILY.add(
    "history_of_an_untrusted_signer",
    "RFC 2634 section 4.1: only a verified signer's history is processed",
    VERIFIED,
    lambda: around(Forged("mallory", extra=(history(MLReceiptPolicy("none")),))),
    ml_expansion_history=[],
)


@FAMILY.spoof("RFC 2634 section 4.1: differing histories are not processed", NOT_VERIFIED, ml_expansion_history=[])
def differing_histories() -> bytes:
    inside = signed()
    others = Forged("carl", content=inside, extra=(history(MLReceiptPolicy("none")),))
    return mime(signed_data(Forged(extra=(history(),), content=inside), others))


