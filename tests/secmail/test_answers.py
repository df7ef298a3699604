"""Answering and forwarding (RFC 9788 section 6): what was confidential in the original stands nowhere outside of the answer."""

import io
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmail.mime import (
    ProtectedHeader,
    format_headers,
    forward,
    hcp_no_confidentiality,
    protect,
    protection_states,
    read_entity,
    reply,
    write_message,
)
from secmail.streams import BytesSource

ORIGINAL = [
    ("From", "Ada <ada@example.org>"),
    ("To", "Bob <bob@example.org>, Zoë <zoe@example.org>"),
    ("Cc", "Carl <carl@example.org>"),
    ("Subject", "The plan"),
    ("Message-ID", "<2@example.org>"),
    ("References", "<0@example.org> <1@example.org>"),
]
OWN = ("Bob@Example.org",)


def received(headers=ORIGINAL, added: bytes = b"", **rest) -> Mapping[str, ProtectedHeader]:
    """The headers of a message that went out encrypted under ``policy``, and to which ``added`` was added outside."""
    protected = protect(headers, **rest)
    sink = io.BytesIO()
    write_message(sink, headers=protected.inner, text="", hp=protected.hp)
    outer = read_entity(BytesSource(added + format_headers(protected.outer) + b"\r\n")).headers
    return protection_states(outer, read_entity(BytesSource(sink.getvalue())), encrypted=True, signed=True)


def hiding(*names: str):
    """A policy that leaves these fields out."""
    return lambda name, value: None if name.lower() in names else value


def test_an_answer_goes_to_the_author_and_names_what_it_answers():
    """RFC 5322 section 3.6.4."""
    assert reply(received(), own=OWN).fields == (
        ("To", "Ada <ada@example.org>"),
        ("Subject", "Re: The plan"),
        ("In-Reply-To", "<2@example.org>"),
        ("References", "<0@example.org> <1@example.org> <2@example.org>"),
    )


def test_an_answer_to_everybody_leaves_oneself_out():
    assert (
        dict(reply(received(), everybody=True, own=OWN).fields)["Cc"]
        == "Zoë <zoe@example.org>, Carl <carl@example.org>"
    )


def test_an_answer_goes_where_the_author_wants_answers():
    assert dict(reply(received([*ORIGINAL, ("Reply-To", "desk@example.org")])).fields)["To"] == "desk@example.org"


def test_an_answer_to_oneself_goes_to_those_the_message_went_to():
    assert (
        dict(reply(received(), own=["ada@example.org", *OWN]).fields)["To"]
        == "Zoë <zoe@example.org>, Carl <carl@example.org>"
    )


@pytest.mark.parametrize(
    ("before", "thread"), [("<1@example.org>", "<1@example.org> <2@example.org>"), ("<0@x> <1@x>", "<2@example.org>")]
)
def test_without_references_the_thread_is_the_one_message_it_answered(before, thread):
    assert dict(reply(received([*ORIGINAL[:5], ("In-Reply-To", before)])).fields)["References"] == thread


def test_a_prefix_is_not_repeated():
    headers = received([("From", "ada@example.org"), ("Subject", "RE: The plan")])
    assert dict(reply(headers).fields)["Subject"] == "RE: The plan"
    assert forward(headers).fields == (("Subject", "Fwd: RE: The plan"),)


def test_an_obscured_subject_is_obscured_in_the_answer_whatever_its_policy():
    """RFC 9788 section 6.1."""
    answer = reply(received())
    protected = answer.protect(answer.fields, policy=hcp_no_confidentiality)
    assert dict(protected.outer)["Subject"] == "Re: [...]"
    assert ("Subject", "Re: The plan") in protected.inner
    assert ("HP-Outer", "Subject: Re: [...]") in protected.inner


def test_the_policy_of_the_answer_still_hides_what_it_hides():
    assert dict(reply(received()).protect(ORIGINAL).outer)["Subject"] == "[...]"
    clear = received(policy=hcp_no_confidentiality)
    assert dict(reply(clear).protect(ORIGINAL).outer)["Subject"] == "[...]"


@pytest.mark.parametrize(
    ("hidden", "field"),
    [
        ("cc", "Cc"),
        ("message-id", "In-Reply-To"),
        ("message-id", "References"),
        ("references", "References"),
        ("subject", "Subject"),
    ],
)
def test_a_field_that_comes_from_a_hidden_one_is_shown_without_it(hidden, field):
    answer = reply(received(policy=hiding(hidden)), everybody=True, own=OWN)
    outer = dict(answer.protect(answer.fields, policy=hcp_no_confidentiality).outer)
    assert outer.get(field) == {
        ("cc", "Cc"): "Zoë <zoe@example.org>",
        ("message-id", "References"): None,
        ("references", "References"): "<2@example.org>",
        ("subject", "Subject"): "Re: ",
    }.get((hidden, field))


def test_an_answer_to_a_hidden_author_shows_no_recipient():
    answer = reply(received(policy=hiding("from")))
    assert "To" not in dict(answer.protect(answer.fields).outer)


def test_what_the_writer_changes_of_a_hidden_subject_is_not_shown_either():
    answer = reply(received())
    outer = dict(answer.protect([("Subject", "Re: The plan, second part")], policy=hcp_no_confidentiality).outer)
    assert outer["Subject"] == "Re: [...]"


def test_a_forward_hides_the_subject_that_was_hidden():
    answer = forward(received())
    assert dict(answer.protect(answer.fields, policy=hcp_no_confidentiality).outer) == {"Subject": "Fwd: [...]"}


def test_an_answer_to_what_was_confidential_is_never_sent_in_the_clear():
    answer = reply(received())
    with pytest.raises(ValueError, match="encrypted"):
        answer.protect(answer.fields, encrypted=False)


def test_an_answer_to_what_was_open_may_be_open():
    answer = reply(received(encrypted=False))
    assert dict(answer.protect(answer.fields, encrypted=False).outer)["Subject"] == "Re: The plan"


def test_recipients_and_identifiers_that_somebody_added_outside_get_no_answer():
    """RFC 9788 section 6.2: a captured message is sent again with a Cc, or a Reply-To, of the attacker's."""
    added = b"Cc: eve@x.example\r\nReply-To: eve@x.example\r\nIn-Reply-To: <eve@x.example>\r\n"
    answer = reply(received(ORIGINAL[:2], added), everybody=True)
    assert "eve" not in repr(answer)


def test_a_message_without_header_protection_is_answered_by_its_outside():
    outer = read_entity(BytesSource(b"From: ada@example.org\r\nSubject: x\r\n\r\n"))
    states = protection_states(outer.headers, outer, encrypted=True, signed=True)
    assert reply(states).fields == (("To", "ada@example.org"), ("Subject", "Re: x"))


def test_what_can_not_be_written_is_not_taken_over():
    headers = received([("From", "nobody"), ("Message-ID", "none at all"), ("Subject", "")])
    assert reply(headers).fields == (("Subject", "Re: "),)


SECRETS = {
    "from": "Ada Byron <ada@example.org>", "to": "Bob <bob@example.org>", "cc": "Carl <carl@example.org>", "subject": "the plan",
    "message-id": "<two@example.org>", "references": "<one@example.org>",
}  # fmt: skip


@given(st.sets(st.sampled_from(sorted(SECRETS))), st.sampled_from(["one", "everybody", "forward"]))
def test_no_hidden_field_is_ever_outside_of_an_answer(hidden, how):
    states = received(list(SECRETS.items()), policy=hiding(*hidden))
    answer = forward(states) if how == "forward" else reply(states, everybody=how == "everybody")
    outer = repr(answer.protect(answer.fields, policy=hcp_no_confidentiality).outer)
    assert not [name for name in hidden if SECRETS[name] in outer]
