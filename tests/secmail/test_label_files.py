"""Labels and clearances as files: DER, or XML in the form of spiffing's test data."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmail.errors import Malformed
from secmail.labels import Category, Clearance, SecurityLabel, TagType, read_clearance, read_label

POLICY, SET = "1.3.6.1.4.1.32473.9", "1.3.6.1.4.1.32473.9.1"
NAMESPACE = "http://surevine.com/xmlns/spiffy"
LOW = '<classification lacv="1"/>'


def xml(name: str, body: str = "", policy: str = f'<policy id="{POLICY}">Ours</policy>') -> bytes:
    return f'<{name} xmlns="{NAMESPACE}">{policy}{body}</{name}>'.encode()


def tag(kind: str, value: str = "3") -> str:
    return f'<tag type="{kind}" id="{SET}" lacv="{value}">Name</tag>'


def test_der_is_read_as_it_is() -> None:
    label, clearance = SecurityLabel(POLICY, 1, "mark"), Clearance(POLICY, frozenset({1, 2}))
    assert read_label(label.to_der()) == label
    assert read_clearance(clearance.to_der()) == clearance


@pytest.mark.parametrize(
    ("kind", "tag_type"),
    [
        ("restrictive", TagType.RESTRICTIVE),
        ("enumeratedRestrictive", TagType.ENUMERATED),
        ("enumeratedPermissive", TagType.ENUMERATED),
        ("permissive", TagType.PERMISSIVE),
        ("informative", TagType.INFORMATIVE),
    ],
)
def test_every_kind_of_tag(kind: str, tag_type: TagType) -> None:
    assert read_label(xml("label", LOW + tag(kind))) == SecurityLabel(POLICY, 1, None, (Category(SET, tag_type, 3),))


def test_a_clearance_has_many_classifications() -> None:
    assert read_clearance(xml("clearance", LOW + LOW.replace("1", "4"))) == Clearance(POLICY, frozenset({1, 4}))


def test_no_classification_is_none_for_a_label_and_unclassified_for_a_clearance() -> None:
    """RFC 5755 section 4.4.6: classList BIT STRING DEFAULT {unclassified}."""
    assert read_label(xml("label")).classification is None
    assert read_clearance(xml("clearance")).class_list == {1}


def test_a_byte_order_mark_and_space_before_the_xml_are_accepted() -> None:
    assert read_label(b"\xef\xbb\xbf\r\n" + xml("label", LOW)).classification == 1


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"<label", "line 1, column 7"),
        (b"<!DOCTYPE label [<!ENTITY a 'x'>]><label>&a;</label>", "document type"),
        (b"<label/>", "unknown namespace"),
        (xml("clearance"), "this is no label"),
        (xml("label", policy=""), "names no security policy"),
        (xml("label", policy="<policy id='x'/>"), "wrong id"),
        (xml("label", LOW + LOW.replace("1", "2")), "more than one classification"),
        (xml("label", LOW.replace("1", "257")), "wrong lacv"),
        (xml("label", tag("other")), "unknown type"),
        (xml("label", "<caveat/>"), "not expected in label"),
        (xml("label", LOW + LOW.replace("/>", ' xmlns=""/>').replace("1", "2", 1)), "unknown namespace"),
        (xml("label", LOW.replace("/>", f">{tag('restrictive')}</classification>")), "elements in elements"),
        (xml("label", " " * 65_536), "more than 65536 octets"),
        (b"\x30\x00", "tag"),
        (b"", "neither"),
    ],
)
def test_what_is_no_label_is_malformed(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        read_label(data)


def test_an_informative_category_can_not_be_granted() -> None:
    with pytest.raises(Malformed, match="informative category"):
        read_clearance(xml("clearance", tag("informative")))


WHOLE = xml("clearance", LOW + tag("restrictive") + tag("enumeratedPermissive", "9954"))


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_no_file_raises_anything_but_malformed(position: int, octets: bytes, dropped: int) -> None:
    data = WHOLE[:position] + octets + WHOLE[position + dropped :]
    for read in (read_label, read_clearance):
        with contextlib.suppress(Malformed):
            read(data)
