"""Header protection (RFC 9788): what goes inside, what stays outside, and what a reader may believe."""

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmail.mime import (
    Headers,
    display,
    format_headers,
    hcp_no_confidentiality,
    is_protected,
    message_root,
    protect,
    protection_states,
    read_entity,
    write_message,
)
from secmail.streams import BytesSource

HEADERS = [
    ("From", "Ada Byron <ada@example.org>"),
    ("To", "Zoë <zoe@example.org>"),
    ("Subject", "Grüße: the plan"),
    ("Date", "Sat, 20 Feb 2021 10:09:02 -0500"),
    ("Message-ID", "<1@example.org>"),
    ("Keywords", "plan, secret"),
    ("Comments", "none"),
]


def written(headers=HEADERS, text="the text\n", *, encrypted=True, legacy=False, **rest):
    """What a recipient holds after taking the layers off: the outer header section and the payload."""
    protected = protect(headers, encrypted=encrypted, **rest)
    sink = io.BytesIO()
    shown = protected.legacy_display if legacy else ()
    write_message(sink, headers=protected.inner, text=text, hp=protected.hp, legacy_display=shown)
    return outside(format_headers(protected.outer)), read_entity(BytesSource(sink.getvalue()))


def outside(section: bytes) -> Headers:
    return read_entity(BytesSource(section + b"\r\n")).headers


def payload(*lines):
    return read_entity(BytesSource("\r\n".join(lines).encode()))


def states(outer, entity, *, encrypted=True, signed=True) -> Mapping[str, str]:
    found = protection_states(outer, entity, encrypted=encrypted, signed=signed)
    return {name: header.protection for name, header in found.items()}


# --- sending --------------------------------------------------------------------------------------------------------


def test_the_baseline_policy_obscures_the_subject_and_leaves_out_comments_and_keywords():
    """RFC 9788 section 3.2.1."""
    outer = dict(protect(HEADERS).outer)
    assert outer["Subject"] == "[...]"
    assert outer.keys() == {"From", "To", "Subject", "Date", "Message-ID"}


def test_an_encrypted_payload_records_every_field_left_outside():
    """RFC 9788 section 2.2: one HP-Outer for each, in the form it has outside."""
    protected = protect(HEADERS)
    records = [value for name, value in protected.inner if name == "HP-Outer"]
    assert records == [f"{name}: {value}" for name, value in protected.outer]
    assert list(protected.inner[: len(HEADERS)]) == HEADERS
    assert protected.hp == "cipher"


def test_a_payload_that_is_only_signed_says_clear_and_records_nothing():
    protected = protect(HEADERS, encrypted=False)
    assert (protected.hp, list(protected.inner), list(protected.outer)) == ("clear", HEADERS, HEADERS)


@pytest.mark.parametrize("name", ["Bcc", "bcc", "Resent-Bcc"])
def test_bcc_is_on_neither_side(name):
    protected = protect([*HEADERS, (name, "eve@example.org")])
    assert "eve" not in repr(protected)


@pytest.mark.parametrize("name", ["MIME-Version", "content-type", "Content-Anything", "HP-Outer"])
def test_structural_fields_are_not_protected_but_refused(name):
    with pytest.raises(ValueError):
        protect([(name, "x")])


def test_the_root_of_the_payload_carries_the_parameter():
    assert written()[1].parameters["hp"] == "cipher"
    assert written(encrypted=False)[1].parameters["hp"] == "clear"


def test_no_word_of_what_is_hidden_stands_outside():
    outer, _ = written()
    assert "plan" not in "".join(field.value for field in outer)


# --- reading --------------------------------------------------------------------------------------------------------


def test_what_was_hidden_is_signed_and_encrypted_and_what_was_shown_is_signed_only():
    """RFC 9788 section 4.3.1."""
    found = states(*written())
    hidden = {name for name, state in found.items() if state == "signed-and-encrypted"}
    assert hidden == {"subject", "keywords", "comments"}
    assert set(found.values()) == {"signed-and-encrypted", "signed-only"}


def test_without_a_verified_signature_only_what_was_hidden_is_protected():
    found = states(*written(), signed=False)
    assert (found["subject"], found["from"]) == ("encrypted-only", "unprotected")


def test_signed_without_encryption_is_signed_only():
    assert set(states(*written(encrypted=False), encrypted=False).values()) == {"signed-only"}


def test_a_message_meant_to_be_readable_hides_nothing_though_somebody_encrypted_it():
    assert set(states(*written(encrypted=False)).values()) == {"signed-only"}


def test_a_policy_that_hides_nothing_still_signs_everything():
    assert set(states(*written(policy=hcp_no_confidentiality)).values()) == {"signed-only"}


def test_the_protected_value_counts_whatever_the_outside_says():
    _, entity = written()
    forged = outside(format_headers([("From", "Eve <eve@x.example>"), ("Subject", "pay now"), ("Cc", "eve@x.example")]))
    found = protection_states(forged, entity, encrypted=True, signed=True)
    assert [address.addr_spec for address in found["from"].addresses] == ["ada@example.org"]
    assert [address.addr_spec for address in found["from"].outer_addresses] == ["eve@x.example"]
    assert (found["subject"].value, found["subject"].outer) == ("Grüße: the plan", "pay now")
    assert found["cc"].protection == "unprotected"


def test_what_was_hidden_is_told_by_the_record_and_not_by_the_outside_as_it_arrived():
    """Anybody can add a field on the way; section 4.2 has only HP-Outer count."""
    _, entity = written()
    assert states(outside(format_headers(HEADERS)), entity)["subject"] == "signed-and-encrypted"
    assert states(outside(b""), entity)["from"] == "signed-only"


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; hp=other"])
def test_without_header_protection_only_the_outside_counts_and_is_unprotected(content_type):
    entity = payload(f"Content-Type: {content_type}", "Subject: inside", "", "x")
    found = protection_states(outside(b"Subject: outside\r\n"), entity, encrypted=True, signed=True)
    assert {name: (header.value, header.protection) for name, header in found.items()} == {
        "subject": ("outside", "unprotected")
    }


def test_without_any_layer_the_parameter_means_nothing():
    outer, entity = written()
    found = protection_states(outer, entity, encrypted=False, signed=False)
    assert (found["subject"].value, found["subject"].protection) == ("[...]", "unprotected")


@pytest.mark.parametrize("record", ["References: <1@x>\r\n\t<2@x>", "References:<1@x>   <2@x>", "references: <1@x> =?utf-8?q?=3C2=40x=3E?="])
def test_what_was_shown_outside_is_not_called_confidential_because_it_is_written_differently(record):
    """RFC 5322 section 2.2.3: where a field is folded says nothing."""
    entity = payload("Content-Type: text/plain; hp=cipher", "References: <1@x>", " <2@x>", f"HP-Outer: {record}", "", "x")
    assert states(outside(b""), entity) == {"references": "signed-only"}


def test_an_encoded_name_cannot_smuggle_an_address_in():
    name = '"x" <eve@x.example>, y'
    outer, entity = written(
        [("From", f"{chr(34)}\\{chr(34)}x\\{chr(34)} <eve@x.example>, ÿ{chr(34)} <ada@example.org>")]
    )
    found = protection_states(outer, entity, encrypted=True, signed=True)["from"]
    assert [tuple(address) for address in found.addresses] == [(name.replace("y", "ÿ"), "ada@example.org")]


values = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=120)


@given(values)
def test_any_subject_is_read_back_as_hidden(subject):
    outer, entity = written([("Subject", subject)])
    found = protection_states(outer, entity, encrypted=True, signed=True)["subject"]
    assert found.value == subject
    assert found.protection == ("signed-only" if subject.strip() == "[...]" else "signed-and-encrypted")


def test_a_payload_as_the_standard_prints_it():
    """The shape of RFC 9788 appendix C.3.1."""
    fields = [
        "Message-ID: <a@example>",
        "From: Alice <alice@smime.example>",
        "To: Bob <bob@smime.example>",
        "User-Agent: Sample 1.0",
    ]
    entity = payload(
        "MIME-Version: 1.0", "Content-Transfer-Encoding: 7bit", "Subject: a subject", *fields, "HP-Outer: Subject: [...]",
        *(f"HP-Outer: {field}" for field in fields), 'Content-Type: text/plain; charset="utf-8"; hp="cipher"', "", "text",
    )  # fmt: skip
    assert states(outside(b"Subject: [...]\r\n"), entity) == {
        "subject": "signed-and-encrypted", "message-id": "signed-only", "from": "signed-only", "to": "signed-only", "user-agent": "signed-only",
    }  # fmt: skip


# --- the wrapped form of RFC 8551 -----------------------------------------------------------------------------------

WRAPPED = (
    "Content-Type: message/rfc822",
    "",
    "From: Ada <ada@example.org>",
    "Subject: inside",
    "Content-Type: text/plain",
    "",
    "x",
)


def test_a_wrapped_message_is_read_and_what_differs_outside_was_hidden():
    """RFC 9788 section 4.10: never made, but read."""
    outer = outside(b"From: Ada <ada@example.org>\r\nSubject: [...]\r\n")
    assert states(outer, payload(*WRAPPED)) == {"from": "signed-only", "subject": "signed-and-encrypted"}
    assert display(message_root(payload(*WRAPPED)), encrypted=True).bodies[0].plain.text(9) == "x"


@pytest.mark.parametrize(
    "inside",
    [
        "Content-Type: multipart/signed; boundary=b",
        "Content-Type: application/pkcs7-mime",
        'Content-Type: text/plain; hp="cipher"',
    ],
)
def test_a_forwarded_message_of_another_kind_is_not_taken_for_header_protection(inside):
    """RFC 9788 section 4.10.1: the wrapped message is no cryptographic layer and has no hp parameter."""
    entity = payload("Content-Type: message/rfc822", "", inside, "Subject: inside", "", "x")
    assert message_root(entity) is entity
    assert not is_protected(entity)


# --- the legacy display element -------------------------------------------------------------------------------------


def test_the_legacy_display_shows_old_programs_what_is_hidden_and_readers_never():
    """RFC 9788 sections 5.2.2 and 4.5.3."""
    _, entity = written(legacy=True)
    part = display(entity, encrypted=True).bodies[0].plain
    with part.content.open() as stream:
        assert stream.read().decode() == "Subject: Grüße: the plan\r\n\r\nthe text\r\n"
    assert part.text(999) == "the text\r\n"


def test_without_legacy_display_the_text_is_alone():
    assert display(written(text="Subject: x\n\ny")[1], encrypted=True).bodies[0].plain.text(99) == "Subject: x\r\n\r\ny"


def html_shown(body, parameters="hp-legacy-display=1; hp=cipher"):
    return display(payload(f"Content-Type: text/html; {parameters}", "", body), encrypted=True).bodies[0].html.text(9_999)


@pytest.mark.parametrize(
    ("parameters", "encrypted"),
    [
        ("hp-legacy-display=1; hp=clear", True),
        ("hp-legacy-display=1; hp=cipher", False),
        ("hp-legacy-display=1", True),
        ("hp-legacy-display=0; hp=cipher", True),
        ("hp-legacy-display; hp=cipher", True),
    ],
)
def test_nothing_is_hidden_from_a_message_that_was_not_meant_to_be_encrypted_or_is_not(parameters, encrypted):
    """RFC 9788 sections 2.1.1, 2.1.2 and 4.5.3.1: otherwise anybody could hide the first lines of a message from some readers."""
    entity = payload(f"Content-Type: text/plain; {parameters}", "", "shown", "", "shown too")
    assert display(entity, encrypted=encrypted).bodies[0].plain.text(99) == "shown\r\n\r\nshown too"


LEGACY = "header-protection-legacy-display"


@pytest.mark.parametrize(
    "legacy",
    [
        f'<div class="{LEGACY}"><pre>Subject: x</pre></div>',
        f"<DIV id=a CLASS = 'b {LEGACY}'><div>Subject:</div> <div>x</div></DIV>",
        f"<div class={LEGACY}>\r\n<!-- </div> --><dl><dt>Subject<dd>x</dl>\r\n</div>",
        f'<div class="{LEGACY}">Subject: x</div><div class="{LEGACY}">Cc: y</div>',
    ],
)
def test_the_legacy_display_of_a_page_is_every_div_of_that_class_whatever_is_inside(legacy):
    """RFC 9788 sections 5.2.3 and 4.5.3.3."""
    assert html_shown(f"<html><body>{legacy}<div><p>y</p></div></body></html>") == "<html><body><div><p>y</p></div></body></html>"


@pytest.mark.parametrize(
    "page",
    [
        f"<style>.{LEGACY} {{}}</style><div>shown</div>",
        f'<div class="not-{LEGACY}">shown</div>',
        f'<div title="class={LEGACY}">shown</div>',
        f'<p class="{LEGACY}">shown</p>',
        f'<!-- <div class="{LEGACY}"> --><div>shown</div>',
        f'<div class="{LEGACY}">shown, because it does not end',
    ],
)
def test_of_a_page_nothing_else_is_hidden(page):
    assert html_shown(page) == page


def test_a_value_with_a_line_end_cannot_reach_the_legacy_display():
    with pytest.raises(ValueError):
        write_message(io.BytesIO(), headers=[], text="", legacy_display=[("Subject", "a\r\n\r\nb")])
