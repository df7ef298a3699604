"""The SIO-Label header field, RFC 7444 section 4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layered import LABEL, S, header, message, opened

from secmail import Malformed, SecurityLabel
from secmail.labels import Category, TagType
from secmail.mime import SioLabel, format_headers, parse_headers, read_sio_label

# The two forms that the standard calls equivalent
EXAMPLE = 'SIO-Label: marking="EXAMPLE CONFIDENTIAL";\r\n fgcolor=black; bgcolor=red;\r\n type=":ess"; label="MQYGASkCAQM="\r\n'
EXTENDED = (
    "SIO-Label: marking*=us-ascii'en'EXAMPLE%20CONFIDENTIAL;\r\n fgcolor = black ; bgcolor = red ;\r\n"
    ' type=":ess"; label*0="MQYG";\r\n label*1="ASkCAQM="\r\n'
)


def read(fields: str) -> SioLabel | None:
    return read_sio_label(parse_headers(fields.encode()))


@pytest.mark.parametrize("fields", [EXAMPLE, EXTENDED])
def test_the_examples_of_the_standard_are_read(fields):
    found = read(fields)
    assert (found.marking, found.fgcolor, found.bgcolor) == ("EXAMPLE CONFIDENTIAL", "#000000", "#ff0000")
    assert found.unproven == SecurityLabel("1.1", 3)


markings = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=80)
categories = st.sets(st.integers(0, 4000), max_size=30).map(lambda values: tuple(Category("1.3.6.1.4.1.32473.1", TagType.ENUMERATED, each) for each in values))


@given(markings, categories, st.sampled_from([None, "#aabbcc"]))
def test_what_is_written_is_read(marking, categories, colour):
    label = SecurityLabel("1.3.6.1.4.1.32473.9", 4, marking, categories)
    written = SioLabel.of(label, marking, bgcolor=colour)
    found = read(format_headers([("SIO-Label", written.to_value())]).decode("ascii"))
    assert found == written
    assert found.unproven == label


def test_other_types_of_label_are_kept_and_not_read():
    found = read('SIO-Label: type=":x411"; label="MQYGASkCAQM="\r\n')
    assert (found.type, found.encoded[:2], found.unproven) == (":x411", b"1\x06", None)


def test_a_marking_may_stand_alone_and_parameters_that_are_not_known_are_ignored():
    """ "Implementations SHOULD ignore additional parameters they do not recognize." """
    assert read("SIO-Label: marking=OPEN; further=x\r\n") == SioLabel("OPEN")


def test_no_field_is_no_label():
    assert read("Subject: x\r\n") is None


@pytest.mark.parametrize(
    "fields",
    [
        EXAMPLE + EXAMPLE,
        "SIO-Label:\r\n",
        "SIO-Label: fgcolor=red\r\n",
        'SIO-Label: type=":ess"\r\n',
        'SIO-Label: marking=x; label="MQYGASkCAQM="\r\n',
        'SIO-Label: bgcolor=red; type=":ess"; label="MQYGASkCAQM="\r\n',
        "SIO-Label: marking=x; bgcolor=url(x)\r\n",
        'SIO-Label: marking=x; type=":ess"; label="?"\r\n',
    ],
)
def test_what_section_4_forbids_is_malformed(fields):
    with pytest.raises(Malformed):
        read(fields)


def test_a_label_inside_that_can_not_be_read_is_malformed():
    with pytest.raises(Malformed):
        _ = read('SIO-Label: type=":ess"; label="MAA="\r\n').unproven


def test_it_proves_nothing():
    """Section 1.3: it "does not provide secure binding the label to the message"; a message that only has this has no label."""
    claimed = format_headers([("SIO-Label", SioLabel.of(LABEL, "OPEN").to_value())])
    found = opened(message(S(), top=header() + claimed))
    assert found.verdict == "verified"
    assert (found.label_state, found.label) == ("absent", None)
