"""What holds for all messages: whatever is said in one is read again as it was said, and what was changed on the way is never believed.

``test_round_trip`` has the same for content over all algorithms, the modules of the parts for each encoding.
"""

import base64
import io
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layered import LABEL, E, S, header, message
from pki import NOW, SIGNERS, certificate, decryption_key, signing_key, trust
from test_decision import CLASSES, DEMO
from test_decision import clearances as demo_clearances
from test_decision import labels as demo_labels
from test_label import labels

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    ContentHints,
    ContentReference,
    EssAttributes,
    GeneralNames,
    MLData,
    MLReceiptPolicy,
    PathCache,
    PathOptions,
    ReceiptRequest,
    Recipient,
    SecmailError,
    SecurityLabel,
    check_receipt,
    compressing,
    der,
    enveloping,
    make_receipt,
    signing,
    unwrap,
    wrapping,
)
from secmail.cms.ess import encoded_history, read_history
from secmail.labels import Category, Clearance, TagType, decide, dominated
from secmail.labels.policy import Rule
from secmail.mime import Attachment, display, format_address, protect, safe_filename, write_message
from secmail.receipts import Receipt

EXAMPLES = settings.default.max_examples
some, few = settings(max_examples=EXAMPLES * 6 // 10), settings(max_examples=EXAMPLES * 4 // 10)
CACHE = PathCache()
LISTS = ("list@example.org",)


def opened(data: bytes, *names: str):
    keys = [decryption_key(each) for each in names or ("bob",)]
    return unwrap(BytesSource(data), keys=keys, trust=trust(), now=NOW, options=PathOptions(cache=CACHE), lists=LISTS)


def octets(source) -> bytes:
    with source.open() as stream:
        return stream.read()


# What a signer can say

addresses = st.from_regex(r"[a-z][a-z0-9.+-]{0,20}@[a-z]{1,20}\.example", fullmatch=True)
entities = st.lists(addresses, min_size=1, max_size=3).map(lambda names: GeneralNames.of(*names))
asked = st.sampled_from(["all_receipts", "first_tier_recipients"]) | st.lists(addresses, min_size=1, max_size=4).map(tuple)
requests = st.builds(ReceiptRequest, st.binary(max_size=40), asked, st.lists(addresses, min_size=1, max_size=16).map(tuple))
oids = st.lists(st.integers(0, 2**40), max_size=5).map(lambda arcs: ".".join(map(str, (1, 2, *arcs))))
hints = st.builds(ContentHints, oids, st.none() | st.text(st.characters(codec="utf-8"), max_size=40))
references = st.builds(ContentReference, oids, st.binary(max_size=20), st.binary(max_size=80))
years = datetime(1950, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001 (Hypothesis adds the zone)
moments = st.datetimes(*years, timezones=st.just(UTC)).map(lambda each: each.replace(microsecond=0))
policies = st.just(MLReceiptPolicy("none")) | st.builds(
    MLReceiptPolicy, st.sampled_from(["instead_of", "in_addition_to"]), st.lists(entities, min_size=1, max_size=3).map(tuple)
)
lists = st.just(certificate("list").issuer_and_serial_number) | st.binary(min_size=1, max_size=20).map(der.octets)
histories = st.lists(st.builds(MLData, lists, moments, st.none() | policies), min_size=1, max_size=6).map(tuple)
said = st.builds(
    EssAttributes,
    st.none() | labels,
    st.none() | requests,
    st.none() | st.binary(max_size=40),
    st.none() | hints,
    st.none() | references,
    st.lists(labels, max_size=2).map(tuple),
    st.just(()) | histories,
    st.none() | st.binary(min_size=20, max_size=64),
)


@some
@given(said, st.sampled_from(SIGNERS))
def test_all_that_a_signer_says_is_read_as_it_was_said(ess, name):
    result = opened(message(E(), S(name, ess), top=header(f"{name}@example.org")))
    signer = result.require_verified().signer
    assert signer.security_label == (ess.security_label and ess.security_label.to_der())
    assert signer.receipt_request == ess.receipt_request
    assert (signer.content_identifier, signer.msg_sig_digest) == (ess.content_identifier, ess.msg_sig_digest)
    assert (signer.content_hints, signer.content_reference) == (ess.content_hints, ess.content_reference)
    assert signer.equivalent_labels == (tuple(each.to_der() for each in ess.equivalent_labels) or None)
    assert signer.ml_expansion_history == (ess.ml_expansion_history or None)
    assert not signer.malformed
    assert (result.label, result.receipt_request) == (ess.security_label, ess.receipt_request)


@few
@given(said, st.lists(st.sampled_from([S("bob"), S("list", EssAttributes(LABEL)), E(("bob",)), E(("bob", "xena"), "cbc")]), max_size=4))
def test_layers_around_change_nothing_of_what_the_innermost_signature_says(ess, around):
    result = opened(message(*around, S(attributes=ess)))
    assert result.require_verified().address == "ada@example.org"
    assert (result.label, result.receipt_request) == (ess.security_label, ess.receipt_request)


@given(requests, hints, references, histories)
def test_ess_values_come_back_from_der(request, hint, reference, history):
    def again(kind, value):
        return kind.from_element(der.Reader(value.to_der()).element())

    assert again(ReceiptRequest, request) == request
    assert again(ReceiptRequest, request).receipts_from == request.receipts_from
    assert again(ContentHints, hint) == hint
    assert again(ContentReference, reference) == reference
    assert read_history(der.Reader(encoded_history(history)).element()) == history


@given(st.builds(Receipt, oids, st.binary(max_size=40), st.binary(max_size=300)))
def test_receipts_come_back_from_der(receipt):
    assert Receipt.from_der(receipt.to_der()) == receipt


# Whole messages

plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=120)
# An "@" in the name of an author makes a message not verified, because programs show it as an address
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Z"], exclude_characters="@"), max_size=60)
files = st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=80), st.binary(max_size=300)), max_size=3)


@some
@given(subject=plain, keywords=plain, name=names, text=st.text(st.characters(codec="utf-8"), max_size=300), attached=files, legacy=st.booleans())
def test_a_whole_mail_comes_back_with_its_protected_header_and_attachments(*, subject, keywords, name, text, attached, legacy):
    fields = [("From", format_address(name, "ada@example.org")), ("Subject", subject), ("Keywords", keywords)]
    made = protect(fields)
    out = io.BytesIO()
    out.write(b"From: ada@example.org\r\nSubject: [...]\r\n")
    recipients = [Recipient(certificate("bob"), OWN_CAPABILITIES)]
    with wrapping(out, signer=signing_key("ada"), recipients=recipients, now=NOW, certificates=[certificate("ca")]) as sink:
        attachments = [Attachment(each, "application/octet-stream", lambda data=data: io.BytesIO(data)) for each, data in attached]
        shown_too = made.legacy_display if legacy else ()
        write_message(sink, headers=made.inner, text=text, attachments=attachments, hp=made.hp, legacy_display=shown_too)
    result = opened(out.getvalue())
    assert result.require_verified().address == "ada@example.org"
    assert {each: result.headers[each].value for each in ("subject", "keywords")} == {"subject": subject, "keywords": keywords}
    assert [each.display_name for each in result.headers["from"].addresses] == [name]
    assert result.headers["keywords"].protection == "signed-and-encrypted"
    shown = display(result.entity, encrypted=result.is_encrypted)
    assert shown.bodies[0].plain.text(10**6) == text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    assert [octets(each.content) for each in shown.attachments] == [data for _, data in attached]
    assert [each.name for each in shown.attachments] == [
        safe_filename(each) or f"part-{number}" for number, (each, _) in enumerate(attached, 1)
    ]


BORDERS = sorted({size + more for size in (0, 57, 49_152, 65_536, 131_072) for more in (-1, 0, 1) if size + more >= 0})


@pytest.mark.parametrize("size", BORDERS)
def test_content_of_a_size_at_the_border_of_a_chunk_comes_back(size):
    """57 octets make a line of base64, 49,152 a chunk of it; 65,536 are read and written at once."""
    body = b"Content-Transfer-Encoding: binary\r\n\r\n".ljust(size, b"\xa5") if size > 38 else b"\r\n"[:size]
    for choice in ("gcm", "cbc"):
        out = io.BytesIO()
        out.write(header())
        with ExitStack() as layers:
            sink = layers.enter_context(enveloping(out, recipients=[certificate("bob")], content_encryption=choice))
            sink = layers.enter_context(signing(sink, signer=signing_key("ada"), now=NOW, certificates=[certificate("ca")]))
            sink = layers.enter_context(compressing(sink)) if size < 64 else sink
            sink.write(body)
        assert octets(opened(out.getvalue()).content) == body


# Receipts


@few
@given(requests, st.sampled_from(SIGNERS), st.sampled_from(["bob", "carl", "rita"]), st.booleans())
def test_a_receipt_proves_its_message_and_no_other(request, originator, recipient, encrypted):
    def received(text: bytes):
        layers = E((recipient,)), S(originator, EssAttributes(LABEL, request))
        return opened(message(*layers, content=b"\r\n" + text, top=header(f"{originator}@example.org")), recipient)

    original, other = received(b"one"), received(b"two")
    out = io.BytesIO()
    out.write(header(f"{recipient}@example.org"))
    recipients = [Recipient(certificate("ada"), OWN_CAPABILITIES)] if encrypted else []
    make_receipt(out, original, signer=signing_key(recipient), now=NOW, certificates=[certificate("ca")], recipients=recipients)
    receipt = opened(out.getvalue(), "ada")
    check = check_receipt(receipt, original)
    assert check.proven
    assert check.content_identifier == request.signed_content_identifier
    assert not check_receipt(receipt, other).proven


# What was changed on the way

ESS = EssAttributes(
    SecurityLabel(DEMO.oid, 3, "mark"),
    ReceiptRequest(b"id", "all_receipts", ("ada@example.org",)),
    ml_expansion_history=(MLData(certificate("list").issuer_and_serial_number, NOW),),
)
PROTECTED = b'Subject: inside\r\nFrom: ada@example.org\r\nHP-Outer: Subject: [...]\r\nContent-Type: text/plain; hp="cipher"\r\n\r\nHello\r\n'
SENT = {
    "signed": (S(attributes=ESS),),
    "signed and encrypted": (E(("bob",)), S(attributes=ESS)),
    "triple": (S(), E(("bob",)), S(attributes=ESS)),
    "by two": (S("bob"), S(attributes=ESS)),
}
ORIGINALS = {each: message(*layers, content=PROTECTED) for each, layers in SENT.items()}


def facts(result):
    """What a reader relies on."""
    protected = {name: (each.value, each.protection) for name, each in result.headers.items() if each.protection != "unprotected"}
    return (
        octets(result.content), result.innermost_signature.content_type, result.label, result.receipt_request, result.author.address,
        result.author.signer.certificate, result.ml_expansion_history, protected,
    )  # fmt: skip


@settings(max_examples=EXAMPLES * 3)
@given(st.sampled_from(sorted(ORIGINALS)), st.integers(0, 100_000), st.integers(1, 255), st.booleans())
def test_a_flipped_octet_is_refused_or_leaves_all_that_counts_as_it_was(shape, position, mask, inside_base64):
    data = ORIGINALS[shape]
    start = data.index(b"\r\n\r\n") + 4
    changed = bytearray(base64.b64decode(data[start:]) if inside_base64 else data)
    changed[position % len(changed)] ^= mask
    try:
        result = opened(data[:start] + base64.encodebytes(changed) if inside_base64 else bytes(changed))
    except SecmailError:
        return
    if result.verdict == "verified":
        assert facts(result) == facts(opened(data))


# The decision

categories = st.builds(Category, st.sampled_from([each.oid for each in DEMO.tag_sets]), st.sampled_from(TagType), st.integers(0, 12))
any_label = labels | st.builds(SecurityLabel, st.just(DEMO.oid), st.none() | st.integers(0, 6), categories=st.lists(categories, max_size=4).map(tuple))
any_clearance = st.builds(
    Clearance,
    st.sampled_from([DEMO.oid, "1.2.3"]),
    st.frozensets(st.integers(0, 6)),
    st.lists(categories.filter(lambda each: each.tag_type is not TagType.INFORMATIVE), max_size=8).map(tuple),
)


@given(demo_labels | any_label, demo_clearances | any_clearance)
def test_access_is_granted_only_where_nothing_speaks_against_it(label, clearance):
    """Default deny: the rules of X.841 once more, from the side of what was granted."""
    if not decide(label, clearance, DEMO, NOW).granted:
        return
    assert label.policy == clearance.policy == DEMO.oid
    assert label.classification in clearance.class_list & set(CLASSES.values())
    assert not DEMO.invalid_reason(label)
    held = clearance.known_categories
    assert all(isinstance(each, Category) for each in label.categories)
    for tag in DEMO.tags:
        wanted = tag.of(label.known_categories)
        assert tag.rule is not Rule.RESTRICTIVE or wanted <= held
        assert tag.rule is not Rule.PERMISSIVE or not wanted or wanted & held


@given(demo_labels | any_label)
def test_who_holds_everything_is_refused_only_what_is_no_label_of_the_policy(label):
    """Or the rule above could hold by refusing everybody."""
    held = tuple(each.category for tag in DEMO.tags for each in tag.categories if each.category.tag_type is not TagType.INFORMATIVE)
    everything = Clearance(DEMO.oid, dominated(DEMO, max(CLASSES.values())), held)
    assert decide(label, everything, DEMO, NOW).granted == (label.policy == DEMO.oid and DEMO.invalid_reason(label) is None)


