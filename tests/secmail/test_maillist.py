"""Mail lists, RFC 2634 section 4: histories, loops, receipt policies and what an agent makes of a message."""

import base64
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from forge import CONTENT, Forged, content_info, signed_data
from hypothesis import given
from hypothesis import strategies as st
from layered import LABEL, OUTER_LABEL, E, S, header, message, mime, opened, protected
from pki import NOW, certificate, decryption_key, signing_key, trust

from secmail import (
    OWN_CAPABILITIES,
    BadCertificate,
    BadSignature,
    BytesSource,
    ContentHints,
    DecryptionError,
    EnvelopedLayer,
    EssAttributes,
    GeneralNames,
    LabelError,
    MailList,
    MailListError,
    MailListLoop,
    Malformed,
    MLData,
    MLReceiptPolicy,
    NotARecipient,
    ReceiptRequest,
    Recipient,
    SecretKey,
    SignedLayer,
    Unsupported,
    VerificationError,
    check_receipt,
    der,
    expand,
    make_receipt,
    receipt_owed,
    unwrap,
)
from secmail.algorithms import AES256_CBC
from secmail.cms import DATA, ENCRYPTED_DATA, attributes
from secmail.cms.attributes import attribute
from secmail.cms.ess import encoded_history, merged_policy, read_history
from secmail.receipts import RECEIPT

A, B = GeneralNames.of("a@example.org"), GeneralNames.of("b@example.org")
NONE = MLReceiptPolicy("none")
INSTEAD_A, INSTEAD_B = (MLReceiptPolicy("instead_of", (each,)) for each in (A, B))
ALSO_A, ALSO_B = (MLReceiptPolicy("in_addition_to", (each,)) for each in (A, B))
OTHER = certificate("other-list").issuer_and_serial_number
REQUEST = ReceiptRequest(b"id", "all_receipts", ("ada@example.org",))
LIST = MailList((certificate("list"), certificate("list-before")), "owner@example.org")
ALL = [Recipient(certificate(name), OWN_CAPABILITIES) for name in ("bob", "carl", "rita")]


def expanded(data: bytes, *, mail_list=LIST, members=ALL, signer="list", key="list", **options):
    out = io.BytesIO()
    options = {"signer": signing_key(signer), "keys": [decryption_key(key)], "trust": trust(), "now": NOW, "certificates": [certificate("ca")], **options}
    result = expand(BytesSource(data), out, mail_list=mail_list, members=members, **options)
    return out.getvalue(), result


def history(*policies, entry=OTHER) -> EssAttributes:
    return EssAttributes(ml_expansion_history=tuple(MLData(entry, NOW, policy) for policy in policies))


def kinds(found) -> str:
    return "".join("E" if isinstance(layer, EnvelopedLayer) else "S" for layer in found.layers)


def outermost(data: bytes, name="bob"):
    return opened(data, name).layers[0].verified_signers[0]


# Receipt policies


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (NONE, NONE, NONE),
        (NONE, INSTEAD_B, NONE),
        (NONE, ALSO_B, NONE),
        (NONE, None, NONE),
        (INSTEAD_A, NONE, NONE),
        (INSTEAD_A, INSTEAD_B, INSTEAD_B),
        (INSTEAD_A, ALSO_B, MLReceiptPolicy("instead_of", (A, B))),
        (INSTEAD_A, None, INSTEAD_A),
        (ALSO_A, NONE, NONE),
        (ALSO_A, INSTEAD_B, INSTEAD_B),
        (ALSO_A, ALSO_B, MLReceiptPolicy("in_addition_to", (A, B))),
        (ALSO_A, None, ALSO_A),
        (None, NONE, NONE),
        (None, INSTEAD_B, INSTEAD_B),
        (None, ALSO_B, ALSO_B),
        (None, None, None),
    ],
)
def test_4_3_the_table_of_policies(first, second, result):
    assert merged_policy(first, second) == result
    _, expansion = expanded(message(S("other-list", history(first))), mail_list=replace(LIST, receipt_policy=second))
    assert expansion.ml_expansion_history[-1].ml_receipt_policy == result


POLICIES = st.one_of(
    st.none(),
    st.just(NONE),
    st.builds(
        MLReceiptPolicy,
        st.sampled_from(["instead_of", "in_addition_to"]),
        st.lists(st.sampled_from([GeneralNames.of(f"{each}@example.org") for each in "abcd"]), min_size=1, max_size=4).map(lambda each: tuple(dict.fromkeys(each))),
    ),
)


@given(POLICIES, POLICIES, POLICIES)
def test_4_3_lists_in_a_row_never_loosen_a_policy(first, second, third):
    """Whatever way three lists are joined, the result is the same; none stays none; nobody is asked whom no list named."""
    merged = merged_policy(first, second)
    assert merged_policy(merged, third) == merged_policy(first, merged_policy(second, third))
    assert merged_policy(first, None) == merged_policy(None, first) == first
    if NONE in (first, second):
        assert merged == NONE
    named = {entity for each in (first, second) if each for entity in each.recipients}
    assert set(merged.recipients if merged else ()) <= named


@given(POLICIES, POLICIES)
def test_4_3_once_receipts_go_elsewhere_the_originator_gets_none_again(first, second):
    """ "insteadOf" stays, because "inAdditionTo" would give the originator back what the first list took."""
    if first is not None and first.kind == "instead_of":
        assert merged_policy(first, second).kind in ("none", "instead_of")


@given(st.lists(POLICIES, min_size=1, max_size=64))
def test_4_4_a_history_is_read_as_it_was_made(policies):
    entries = tuple(MLData(OTHER, NOW + timedelta(seconds=n), policy) for n, policy in enumerate(policies))
    assert read_history(der.Reader(encoded_history(entries)).element()) == entries


GENERALIZED = b"\x18\x0f20260301120000Z"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (der.sequence(OTHER, GENERALIZED), None),
        (der.sequence(der.octets(b"key"), GENERALIZED), None),
        (der.sequence(OTHER, b"\x18\x1120260301120000.5Z"), None),
        (der.sequence(OTHER, GENERALIZED, b"\x80\x00"), NONE),
        (der.sequence(OTHER, GENERALIZED, der.tlv(der.context(1), A.encoded)), INSTEAD_A),
        (der.sequence(OTHER, GENERALIZED, der.tlv(der.context(2), B.encoded)), ALSO_B),
    ],
)
def test_4_4_entries_are_read(entry, said):
    (read,) = read_history(der.Reader(der.sequence(entry)).element())
    assert (read.expansion_time, read.ml_receipt_policy) == (NOW, said)


@pytest.mark.parametrize(
    "entry",
    [
        der.integer(1),
        der.sequence(OTHER),
        der.sequence(der.oid("1.2.3"), GENERALIZED),
        der.sequence(OTHER, der.time(NOW)),
        der.sequence(OTHER, GENERALIZED, der.tlv(der.context(1))),
        der.sequence(OTHER, GENERALIZED, der.tlv(der.context(3), A.encoded)),
        der.sequence(OTHER, GENERALIZED, b"\x80\x01\x00"),
        der.sequence(OTHER, GENERALIZED, b"\x80\x00", b"\x80\x00"),
        der.sequence(OTHER, GENERALIZED, der.tlv(der.context(2), der.sequence())),
    ],
)
def test_4_4_malformed_entries_are_refused(entry):
    with pytest.raises(Malformed):
        read_history(der.Reader(der.sequence(entry)).element())


def test_4_4_a_history_has_1_to_64_entries():
    entry = der.sequence(OTHER, GENERALIZED)
    assert len(read_history(der.Reader(der.sequence(*[entry] * 64)).element())) == 64
    for count in (0, 65):
        with pytest.raises(Malformed):
            read_history(der.Reader(der.sequence(*[entry] * count)).element())


def test_a_policy_names_recipients_exactly_if_it_is_not_none():
    for kind, recipients in (("none", (A,)), ("instead_of", ())):
        with pytest.raises(ValueError, match="recipients"):
            MLReceiptPolicy(kind, recipients)


# The examples of section 4.2.1


@pytest.mark.parametrize(
    ("layers", "result"),
    [
        ((S(),), "SS"),
        ((S(), S(), S()), "SSSS"),
        ((E(), S()), "SES"),
        ((S("other-list", history(None)), E(), S()), "SES"),
        ((S(), S(), E(), S()), "SES"),
        ((S("other-list", history(None)), S(), E(), S()), "SES"),
        # and what section 4.2 adds to them
        ((), "S"),
        ((E(),), "SE"),
        ((S(), E(), S()), "SES"),
        ((S(), S("other-list", history(None)), S()), "SS"),
        ((S(), S("other-list", history(None)), E(), S()), "SES"),
        ((S("other-list", history(None)),), "S"),
        ((S(), E(("bob", "list"), "cbc"), S()), "SES"),
        ((E(), E(), S()), "SEES"),
    ],
)
def test_4_2_1_layers_before_and_after(layers, result):
    data, expansion = expanded(message(*layers))
    found = opened(data, "bob", lists=["list@example.org"])
    assert kinds(found) == result
    assert found.content.open().read() == CONTENT
    assert found.layers[0].verified_signers[0].certificate == certificate("list")
    assert found.history_state == "present"
    assert found.ml_expansion_history == expansion.ml_expansion_history
    came_from_a_list = any(isinstance(each, S) and each.attributes for each in layers)
    assert len(expansion.ml_expansion_history) == 1 + came_from_a_list


@pytest.mark.parametrize("layers", [(S(),), (E(), S()), (S(), E(), S()), (S("other-list", history(None)), E(), S())])
def test_members_read_a_verified_message_of_the_author(layers):
    data, _ = expanded(message(*layers, top=header(to="list@example.org")))
    for name in ("bob", "carl", "rita"):
        assert opened(data, name).require_verified().address == "ada@example.org"


def test_4_2_step_5_the_attributes_come_from_the_layer_around_the_envelope():
    first, second = (EssAttributes(content_identifier=each) for each in (b"S3", b"S2"))
    data, _ = expanded(message(S("ada", first), S("ada", second), E(), S()))
    assert outermost(data).content_identifier == b"S2"


def test_4_2_step_6_the_attributes_come_from_the_layer_with_the_history():
    first = replace(history(NONE), content_identifier=b"S3")
    data, _ = expanded(message(S("other-list", first), S("ada", EssAttributes(content_identifier=b"S2")), E(), S()))
    assert outermost(data).content_identifier == b"S3"
    assert [each.ml_receipt_policy for each in outermost(data).ml_expansion_history] == [NONE, NONE]


def test_4_2_1_a_signature_below_the_outer_layer_that_encloses_nothing_encrypted_stays():
    data, _ = expanded(message(S("other-list", replace(history(None), content_identifier=b"S3")), S("ada", EssAttributes(content_identifier=b"S1"))))
    assert [each.verified_signers[0].content_identifier for each in opened(data).layers] == [b"S3", b"S1"]


# What the new outer layer says


def outer_attributes() -> EssAttributes:
    hints = ContentHints("1.2.840.113549.1.7.1")
    unknown = attribute("1.2.3.4", der.integer(5))
    return EssAttributes(OUTER_LABEL, None, b"outer", hints, equivalent_labels=(LABEL,), others=(unknown,))


def test_4_2_all_signed_attributes_are_copied_unknown_ones_too():
    data, _ = expanded(message(S("ada", outer_attributes()), E(), S()))
    new = outermost(data)
    assert new.security_label == OUTER_LABEL.to_der()
    assert (new.content_identifier, new.content_hints) == (b"outer", ContentHints("1.2.840.113549.1.7.1"))
    assert new.equivalent_labels == (LABEL.to_der(),)
    assert attribute("1.2.3.4", der.integer(5)) in new.signed_attributes


def test_4_2_what_belongs_to_the_old_signature_is_replaced():
    data, _ = expanded(message(S("ada", outer_attributes()), E(), S()), now=NOW + timedelta(hours=1))
    new = outermost(data)
    assert (new.certificate, new.encryption_certificate) == (certificate("list"), certificate("list"))
    assert new.signing_time == NOW + timedelta(hours=1)
    oids = [each.inside().oid() for each in der.read(new.signed_attributes, der.SET)]
    assert len(oids) == len(set(oids))


def test_4_1_of_several_signers_the_one_with_the_history_comes_first():
    """Others may have signed beside the former agent; their own attributes only fill in what it does not say."""
    inner = message(E(), S(), top=b"")
    by_list = tuple(replace(history(None), content_identifier=b"list").encoded())
    beside = tuple(EssAttributes(content_identifier=b"beside", content_hints=ContentHints("1.2.3")).encoded())
    data, _ = expanded(mime(signed_data(Forged("rita", content=inner, extra=by_list), Forged("ada", content=inner, extra=beside))))
    assert (outermost(data).content_identifier, outermost(data).content_hints) == (b"list", ContentHints("1.2.3"))


def test_1_3_1_a_receipt_request_outside_is_not_copied():
    data, _ = expanded(message(S("ada", EssAttributes(receipt_request=REQUEST)), E(), S()))
    assert outermost(data).receipt_request is None


def test_1_3_4_without_an_old_outer_layer_there_is_only_the_history():
    data, _ = expanded(message(S("ada", outer_attributes())))
    new = outermost(data)
    assert (new.security_label, new.content_identifier) == (None, None)
    assert len(new.ml_expansion_history) == 1


def test_4_1_the_entry_has_the_identifier_the_time_and_the_policy():
    data, _ = expanded(message(E(), S()), mail_list=replace(LIST, receipt_policy=INSTEAD_A), now=NOW + timedelta(minutes=5))
    assert outermost(data).ml_expansion_history == (MLData(certificate("list").issuer_and_serial_number, NOW + timedelta(minutes=5), INSTEAD_A),)


def test_4_1_the_entry_is_added_to_the_end():
    first, _ = expanded(message(E(("other-list",)), S()), mail_list=MailList((certificate("other-list"),), "x"), signer="other-list", key="other-list", members=[certificate("list")])
    data, expansion = expanded(first)
    assert [each.mail_list_identifier for each in expansion.ml_expansion_history] == [OTHER, certificate("list").issuer_and_serial_number]
    assert outermost(data).ml_expansion_history == expansion.ml_expansion_history


# Loops and other errors for the owner


@pytest.mark.parametrize("name", ["list", "list-before"])
@pytest.mark.parametrize("form", ["issuer and serial number", "key identifier"])
def test_4_1_1_a_message_that_was_here_before_is_a_loop(name, form):
    """All certificates that the list ever had count."""
    named = certificate(name)
    entry = named.issuer_and_serial_number if form == "issuer and serial number" else der.octets(named.subject_key_identifier)
    with pytest.raises(MailListLoop, match=r"owner@example\.org"):
        expanded(message(S("other-list", history(None, entry=entry)), E(), S()))


def test_4_1_1_a_loop_is_found_below_another_history():
    entry = certificate("list").issuer_and_serial_number
    with pytest.raises(MailListLoop):
        expanded(message(S("other-list", history(None)), S("other-list", history(None, entry=entry)), E(), S()))


def test_4_1_1_another_list_of_the_same_agent_is_no_loop():
    """ "a message expanded by a specific MLA for a specific mail list is redelivered [...] for the same mail list" """
    first, _ = expanded(message(E(("list",)), S()), members=[certificate("other-list")])
    other = MailList((certificate("other-list"),), "owner@example.org")
    _, expansion = expanded(first, mail_list=other, signer="list", key="other-list")
    assert len(expansion.ml_expansion_history) == 2


def test_4_1_1_one_that_comes_back_is_a_loop():
    first, _ = expanded(message(E(("list",)), S()), members=[certificate("list")])
    with pytest.raises(MailListLoop):
        expanded(first)


def test_4_4_more_than_64_entries_are_told_to_the_owner():
    _, expansion = expanded(message(S("other-list", history(*[None] * 63)), S()))
    assert len(expansion.ml_expansion_history) == 64
    for count in (64, 65):
        with pytest.raises(MailListError, match=r"64 .*owner@example\.org"):
            expanded(message(S("other-list", history(*[None] * count)), S()))


def test_4_1_histories_of_verified_signers_must_be_identical():
    inner = message(E(), S(), top=b"")
    extra = [tuple(history(each).encoded()) for each in (None, NONE)]
    signers = [Forged(name, content=inner, extra=each) for name, each in zip(("other-list", "rita"), extra, strict=True)]
    with pytest.raises(MailListError, match="owner"):
        expanded(mime(signed_data(*signers)))


def test_a_history_of_a_list_that_is_not_known_is_told_to_the_owner():
    data = message(S("other-list", history(NONE)), E(), S())
    with pytest.raises(MailListError, match="not known"):
        expanded(data, lists=["list@example.org"])
    assert expanded(data, lists=["Other-List@example.org"])


# Verify first


@pytest.mark.parametrize("layers", [(S("mallory"), E(), S()), (S("expired"), S()), (S(), S("expired"), E(), S()), (E(), S("expired"))])
def test_4_2_3_2_step_1_an_invalid_signature_stops_the_processing(layers):
    with pytest.raises(BadCertificate):
        expanded(message(*layers))


def test_4_2_an_invalid_outer_signature_stops_it_before_anything_is_decrypted():
    with pytest.raises(BadCertificate):
        expanded(message(S("mallory"), E(("bob",)), S()))


def test_4_2_changed_content_stops_the_processing():
    data = message(S())
    start = data.index(b"\r\n\r\n") + 4
    changed = base64.b64decode(data[start:]).replace(b"Hello", b"Hullo")
    with pytest.raises(BadSignature):
        expanded(data[:start] + base64.encodebytes(changed))


def test_a_layer_that_nobody_signed_stops_the_processing():
    content = der.sequence(der.oid("1.2.840.113549.1.7.1"), der.tlv(der.context(0), der.octets(CONTENT)))
    nobody = der.sequence(der.integer(1), der.set_of([]), content, der.set_of([]))
    with pytest.raises(VerificationError):
        expanded(mime(der.sequence(der.oid("1.2.840.113549.1.7.2"), der.tlv(der.context(0), nobody))))


def from_list(**options) -> bytes:
    """A signature in front of the list's, which takes its place; who wrote says to be the list."""
    return mime(signed_data(Forged("carl", extra=tuple(history(None).encoded()), **options)), "list@example.org")


@pytest.mark.parametrize(
    "data",
    [
        header("list@example.org") + CONTENT,
        header("ceo@example.org") + b"Sender: List <LIST@example.org>\r\n" + CONTENT,
        from_list(),
        from_list(content=protected("bob@example.org", "list@example.org")).replace(b"From: list@", b"From: carl@"),
    ],
    ids=["From", "Sender", "behind a history", "protected From"],
)
def test_what_nobody_signed_does_not_become_the_word_of_the_list(data):
    """RFC 8550 section 3: who is named by From or Sender and signs is taken for the author, and a list signs what anybody wrote."""
    with pytest.raises(MailListError, match="from the list itself"):
        expanded(data)


@pytest.mark.parametrize("layers", [(S("list"),), (E(),), (S("carl", history(None)), S("list"))])
def test_what_the_list_signed_itself_or_nobody_could_read_goes_on(layers):
    assert expanded(message(*layers, top=header("list@example.org")))[1].members


def test_nothing_is_written_before_all_layers_are_looked_at():
    out = io.BytesIO()
    options = {"signer": signing_key("list"), "keys": [decryption_key("list")], "trust": trust(), "now": NOW}
    for bad in (message(S(), E(), S("expired")), message(E(("bob",)), S())):
        with pytest.raises((BadCertificate, NotARecipient)):
            expand(BytesSource(bad), out, mail_list=LIST, members=ALL, **options)
    assert out.getvalue() == b""


def test_a_damaged_envelope_is_not_passed_on():
    data = bytearray(message(E(), S()))
    data[-60] = ord("A") if data[-60] != ord("A") else ord("B")
    with pytest.raises(DecryptionError):
        expanded(bytes(data))


# Labels


def test_4_2_the_labels_of_all_layers_are_processed_decrypting_if_needed():
    seen = []
    data = message(S("ada", EssAttributes(OUTER_LABEL)), E(), S("ada", EssAttributes(LABEL)))
    _, expansion = expanded(data, admits=lambda labels, member: seen.append((labels, member)) or True)
    assert seen == [((OUTER_LABEL, LABEL), member) for member in ALL]
    assert expansion.labels == (OUTER_LABEL, LABEL)


def test_members_who_may_not_read_it_get_nothing():
    data, expansion = expanded(message(E(), S("ada", EssAttributes(LABEL))), admits=lambda labels, member: member != ALL[0])
    assert (expansion.members, expansion.refused) == (tuple(ALL[1:]), (ALL[0],))
    assert [each for each, _ in expansion.envelope.key_management] == [each.certificate for each in ALL[1:]]
    with pytest.raises(NotARecipient):
        opened(data, "bob")
    assert opened(data, "carl").label == LABEL


def test_an_unlabelled_message_is_judged_too():
    with pytest.raises(MailListError, match="owner"):
        expanded(message(E(), S()), admits=lambda labels, member: bool(labels))


def test_3_1_1_labels_that_differ_or_can_not_be_read_stop_the_processing():
    differing = [Forged("ada", extra=tuple(EssAttributes(LABEL).encoded())), Forged("rita", extra=tuple(EssAttributes(OUTER_LABEL).encoded()))]
    malformed = [Forged("ada", extra=(attribute(attributes.SECURITY_LABEL, der.tlv(der.SET, der.integer(1))),))]
    for signers in (differing, malformed):
        with pytest.raises(LabelError):
            expanded(mime(signed_data(*signers)))


# Encryption


def structure(data: bytes, *names: str):
    """The CMS structure in the envelope of an expanded message."""
    inside = opened(data, *names).layers
    assert isinstance(inside[0], SignedLayer)
    start = data.index(b"\r\n\r\n") + 4
    signed = asn1_cms.ContentInfo.load(base64.b64decode(data[start:]))
    entity = bytes(signed["content"]["encap_content_info"]["content"].native)
    return asn1_cms.ContentInfo.load(base64.b64decode(entity[entity.index(b"\r\n\r\n") + 4 :]))


@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_4_2_3_1_recipient_infos_are_replaced_and_the_encrypted_content_stays(content_encryption):
    data = message(E(("bob", "list"), content_encryption), S())
    old = asn1_cms.ContentInfo.load(base64.b64decode(data[data.index(b"\r\n\r\n") + 4 :]))["content"]
    result, expansion = expanded(data, members=ALL[1:])
    new = structure(result, "carl")["content"]
    name = "auth_encrypted_content_info" if content_encryption == "gcm" else "encrypted_content_info"
    assert new[name]["encrypted_content"].native == old[name]["encrypted_content"].native
    assert expansion.envelope.reason == "encrypted as it came"
    for gone in ("bob", "list"):
        with pytest.raises(NotARecipient):
            opened(result, gone)
    assert opened(result, "rita").verdict == "verified"


def with_originator_info(data: bytes) -> bytes:
    """The same envelope with Ada's certificate in an originatorInfo, and an unprotected attribute."""
    start = data.index(b"\r\n\r\n") + 4
    members = list(der.Reader(der.definite(base64.b64decode(data[start:]))[0]).inside())
    _, infos, content = members[1].inside().inside()
    originator = der.tlv(der.context(0), der.set_of([certificate("ada").der], der.context(0)))
    unprotected = der.set_of([attribute("1.2.3.4", der.integer(5))], der.context(1))
    enveloped = der.sequence(der.integer(2), originator, infos.der, content.der, unprotected)
    return data[:start] + base64.encodebytes(der.sequence(members[0].der, der.tlv(der.context(0), enveloped)))


def test_4_2_3_1_originator_info_is_replaced_by_that_of_the_agent():
    data = with_originator_info(message(E(("list",), "cbc"), S()))
    new = structure(expanded(data)[0], "bob")["content"]
    found = {each.chosen.dump() for each in new["originator_info"]["certs"]}
    assert found == {certificate("list").der, certificate("ca").der}
    assert new["version"].native == "v2"
    assert len(new["unprotected_attrs"]) == 1


def test_rfc5652_6_1_the_version_is_that_of_what_is_in_the_envelope():
    plain = message(E(("list",), "cbc"), S())
    for data, member, version in ((plain, "rita", "v0"), (plain, "bob", "v2"), (with_originator_info(plain), "rita", "v2")):
        assert structure(expanded(data, members=[certificate(member)])[0], member)["content"]["version"].native == version


def test_an_encrypted_data_has_no_recipients_and_goes_on_as_it_came():
    key = SecretKey(bytes(32), b"key")
    data = message(content=encrypted_data(key.value), top=header())
    result, expansion = expanded(data, keys=[key])
    assert expansion.envelope is None
    assert kinds(unwrap(BytesSource(result), keys=[key], trust=trust(), now=NOW)) == "SE"


def encrypted_data(value: bytes) -> bytes:
    """RFC 5652 section 8, as an entity."""
    encryptor = Cipher(algorithms.AES(value), modes.CBC(bytes(16))).encryptor()
    padded = CONTENT + bytes([16 - len(CONTENT) % 16] * (16 - len(CONTENT) % 16))
    algorithm = der.sequence(der.oid(AES256_CBC.oid), der.octets(bytes(16)))
    info = der.sequence(der.oid(DATA), algorithm, der.tlv(der.context(0, constructed=False), encryptor.update(padded)))
    content = content_info(ENCRYPTED_DATA, der.sequence(der.integer(0), info))
    return mime(content, smime_type="encrypted-data").split(b"MIME-Version: 1.0\r\n", 1)[1]


@pytest.mark.parametrize(("came", "name_of_it"), [("gcm", "AES-256-GCM"), ("chacha20-poly1305", "ChaCha20-Poly1305")])
def test_members_who_can_not_read_gcm_need_re_encryption(came, name_of_it):
    unable = Recipient(certificate("hugh"))
    result, expansion = expanded(message(E(("list",), came), S()), members=[*ALL, unable])
    assert expansion.envelope.content_encryption == "AES-256-CBC"
    assert name_of_it in expansion.envelope.reason
    for name in ("hugh", "bob"):
        found = opened(result, name)
        assert (found.verdict, found.layers[1].content_encryption) == ("verified", "AES-256-CBC")
        assert found.content.open().read() == CONTENT


def test_what_came_in_cbc_is_never_made_gcm():
    """It would vouch for content that nothing authenticated."""
    _, expansion = expanded(message(E(("list",), "cbc")))
    assert expansion.envelope.content_encryption == "AES-256-CBC"


def test_the_inner_signature_stays_byte_for_byte():
    data = message(E(("list",)), S("ada", EssAttributes(LABEL, REQUEST)))
    before = opened(data, "list").layers[-1].verified_signers[0]
    after = opened(expanded(data)[0], "carl").layers[-1].verified_signers[0]
    assert (before.signature, before.signed_attributes) == (after.signature, after.signed_attributes)


def test_a_clear_signed_message_stays_clear_signed_inside():
    detached = signed_data(Forged(), detached=True)
    signature = b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(detached)
    body = b"--bound\r\n" + CONTENT + b"\r\n--bound\r\n" + signature + b"\r\n--bound--\r\n"
    data = header() + b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=bound\r\n\r\n' + body
    for newline in (b"\r\n", b"\n"):
        result, _ = expanded(data.replace(b"\r\n", newline))
        found = opened(result)
        assert (kinds(found), found.verdict) == ("SS", "verified")
        assert found.content.open().read() == CONTENT


def test_what_gets_a_signature_around_it_is_made_canonical():
    """RFC 8551 section 3.1.1: a message may have been stored with other line ends."""
    data, _ = expanded(header().replace(b"\r\n", b"\n") + b"Content-Type: text/plain\n\nHello\nthere\n")
    assert opened(data).content.open().read() == b"Content-Type: text/plain\r\n\r\nHello\r\nthere\r\n"


def test_binary_content_is_not_made_canonical():
    data = header() + b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n\x00\n\r\x01"
    result, _ = expanded(data)
    assert opened(result).entity.open_body().read() == b"\x00\n\r\x01"


def test_a_member_whose_certificate_is_not_for_encryption_is_refused():
    with pytest.raises(Unsupported):
        expanded(message(E(), S()), members=[certificate("signer-only")])


# The header section


def test_the_header_fields_stay_and_those_of_the_content_stay_with_it():
    top = b"Received: by a\nFrom: ada@example.org\nTo: list@example.org\nSubject: [...]\n here\nMIME-Version: 1.0\nContent-Description: x\n"
    result, _ = expanded(message(S(), top=top))
    section, _, _ = result.partition(b"\r\n\r\n")
    assert section.startswith(b"Received: by a\r\nFrom: ada@example.org\r\nTo: list@example.org\r\nSubject: [...]\r\n here\r\nMIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data")
    assert b"Content-Description" not in section


def test_protected_headers_reach_the_members():
    data, _ = expanded(message(E(), S(), content=protected("list@example.org")))
    found = opened(data)
    assert found.headers["to"].field == "list@example.org"
    assert found.history_state == "present"  # the author addressed the list, so its history counts


# With receipts


def test_a_receipt_for_a_message_through_a_list_is_for_the_original():
    original = message(E(("ada", "list")), S("ada", EssAttributes(LABEL, REQUEST)))
    data, _ = expanded(original, mail_list=replace(LIST, receipt_policy=ALSO_A))
    found = opened(data, "bob", lists=["list@example.org"])
    decision = receipt_owed(found, addresses=["bob@example.org"])
    assert decision.addresses == ("ada@example.org", "a@example.org")
    out = io.BytesIO()
    out.write(header("bob@example.org"))
    make_receipt(out, found, signer=signing_key("bob"), certificates=[certificate("ca")], now=NOW)
    assert check_receipt(opened(out.getvalue()), opened(original, "ada")).proven


def test_2_4_1_a_receipt_sent_to_a_list_gets_an_outer_signature_with_the_history():
    original = message(E(("ada", "bob")), S("ada", EssAttributes(LABEL, REQUEST)))
    out = io.BytesIO()
    out.write(header("bob@example.org", "list@example.org"))
    make_receipt(out, opened(original), signer=signing_key("bob"), certificates=[certificate("ca")], now=NOW)
    data, _ = expanded(out.getvalue())
    assert [layer.ml_expansion_history != () for layer in opened(data).layers] == [True, False]
    assert check_receipt(opened(data), opened(original, "ada")).proven


def test_2_4_1_a_receipt_with_a_history_is_not_passed_on():
    """ "An MLExpansionHistory attribute MUST NOT be included in [...] a SignedData object that encapsulates a Receipt content." """
    structure = signed_data(Forged("other-list", content_type=RECEIPT, extra=tuple(history(None).encoded())))
    with pytest.raises(MailListError, match="where none may be"):
        expanded(mime(structure))


def test_lists_in_a_row_keep_the_message_readable():
    data = message(E(("list",)), S("ada", EssAttributes(LABEL, REQUEST)))
    for name, following in (("list", "other-list"), ("other-list", "list-before"), ("list-before", "bob")):
        data, expansion = expanded(data, mail_list=MailList((certificate(name),), "owner"), signer=name, key=name, members=[certificate(following)])
    assert len(expansion.ml_expansion_history) == 3
    assert opened(data, "bob").label == LABEL
