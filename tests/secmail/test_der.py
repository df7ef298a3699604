"""DER as X.690 wants it, and the limits on foreign bytes."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from secmail import der
from secmail.errors import Malformed

arcs = st.lists(st.integers(0, 2**70), max_size=8)
oids = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39), arcs), st.tuples(st.just(2), st.integers(0, 2**40), arcs)
).map(lambda parts: ".".join(map(str, (parts[0], parts[1], *parts[2]))))


@given(st.integers(-(2**200), 2**200))
def test_integers_are_encoded_as_asn1crypto_encodes_them(number):
    assert der.integer(number) == core.Integer(number).dump()
    assert der.Reader(der.integer(number)).integer() == number


@given(oids)
def test_object_identifiers_come_back_as_they_were(dotted):
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()
    if len(der.oid(dotted)) <= der.MAX_OID_LENGTH:
        assert der.Reader(der.oid(dotted)).oid() == dotted


@pytest.mark.parametrize("dotted", ["3.1", "1.40", "1.2.-3", "1.2.x", "1"])
def test_what_is_no_object_identifier_is_a_callers_mistake(dotted):
    with pytest.raises(ValueError):
        der.oid(dotted)


@given(st.binary(max_size=70_000))
def test_lengths_have_the_shortest_form(content):
    assert der.octets(content) == core.OctetString(content).dump()


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 (made aware below)
def test_times_come_back_to_the_second(moment):
    moment = moment.replace(tzinfo=UTC, microsecond=0)
    encoded = der.time(moment)
    assert der.Reader(encoded).element().time() == moment
    assert encoded[0] == (der.UTC_TIME if moment.year < 2050 else der.GENERALIZED_TIME), "RFC 5652 section 11.3"


def test_a_moment_without_a_zone_is_a_callers_mistake():
    with pytest.raises(ValueError):
        der.time(datetime(2026, 3, 1))  # noqa: DTZ001


@pytest.mark.parametrize("text", [b"260301120000+0100", b"2603011200Z", b"269901120000Z", b"", b"26030112000\xb2Z"])
def test_a_time_that_rfc5652_does_not_allow_is_refused(text):
    with pytest.raises(Malformed):
        der.Reader(der.tlv(der.UTC_TIME, text)).element().time()


# One value, many encodings: a tree is (tag, content) with a list or octets as content

trees = st.recursive(
    st.tuples(st.sampled_from([der.OCTET_STRING, der.INTEGER, 0x81]), st.binary(max_size=200)),
    lambda children: st.tuples(st.sampled_from([der.SEQUENCE, der.SET, 0xA0]), st.lists(children, max_size=5)),
    max_leaves=30,
)


def encode(tree):
    tag, content = tree
    return der.tlv(tag, content if isinstance(content, bytes) else b"".join(map(encode, content)))


def encode_ber(tree, draw):
    """The same with lengths of any form and octet strings in pieces, as the generator decides."""
    tag, content = tree
    if tag == der.OCTET_STRING and draw(st.booleans()):
        cut = draw(st.integers(0, len(content)))
        return b"\x24\x80" + encode_ber((tag, content[:cut]), draw) + encode((tag, content[cut:])) + b"\0\0"
    if isinstance(content, bytes):
        return encode(tree)
    inner = b"".join(encode_ber(each, draw) for each in content)
    if draw(st.booleans()):
        return bytes((tag, 0x80)) + inner + b"\0\0"
    return bytes((tag, 0x83)) + len(inner).to_bytes(3, "big") + inner


@given(trees, st.data())
def test_any_ber_of_a_value_becomes_its_der(tree, data):
    encoded = encode_ber(tree, data.draw)
    assert der.definite(encoded) == (encode(tree), len(encoded))


@given(trees)
def test_what_is_der_passes_the_scan(tree):
    der.scan(encode(tree))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_malformed(data):
    for read in (der.scan, der.definite, lambda each: list(der.Reader(each))):
        with suppress(Malformed):
            read(data)


@given(trees, st.data())
def test_every_truncation_is_refused(tree, data):
    encoded = encode(tree)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(Malformed):
        der.scan(encoded[:cut])


def nested(depth):
    encoded = b"\x05\0"
    for _ in range(depth):
        encoded = der.sequence(encoded)
    return encoded


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(nested(65), id="depth"),
        pytest.param(der.sequence(b"\x05\0" * 500_001), id="elements"),
        pytest.param(der.tlv(der.OBJECT_IDENTIFIER, b"\x81" * 64 + b"\1"), id="long OID"),
        pytest.param(b"\x30\x88" + b"\xff" * 8, id="absurd length"),
        pytest.param(b"\x30\x89" + b"\0" * 9, id="length of nine octets"),
        pytest.param(b"\x1f\x81\1\0", id="high tag"),
        pytest.param(b"\x30\x80\0\0", id="indefinite"),
        pytest.param(b"\x04\x80\0\0", id="primitive indefinite"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_the_scan_refuses(data):
    with pytest.raises(Malformed):
        der.scan(data)


def test_depth_and_elements_just_within_the_limits_pass():
    der.scan(nested(60))
    der.scan(der.sequence(b"\x05\0" * 400_000))


def test_elements_that_have_to_be_given_definite_lengths_are_fewer():
    few, many = (der.Reader(der.sequence(b"\x30\x80\0\0" * count)).element() for count in (140_000, 160_000))
    assert der.limited(few) == (der.Reader(der.sequence(b"\x30\0" * 140_000)).element(), 140_001)
    with pytest.raises(Malformed):
        der.limited(many)


@pytest.mark.parametrize("depth", [66, 100_000])
def test_deep_indefinite_lengths_are_refused_and_do_not_exhaust_the_stack(depth):
    with pytest.raises(Malformed):
        der.definite(b"\x30\x80" * depth + b"\0\0" * depth)


@pytest.mark.parametrize("content", [b"", b"\x80\1", b"\x2a\x80\1", b"\x2a\x83"])
def test_padded_cut_off_and_empty_object_identifiers_are_refused(content):
    with pytest.raises(Malformed):
        der.Reader(der.tlv(der.OBJECT_IDENTIFIER, content)).oid()


@pytest.mark.parametrize("data", [b"\4\5abcd", b"\x30\3\4\2a"])
def test_an_element_is_not_longer_than_what_encloses_it(data):
    with pytest.raises(Malformed):
        [list(element.inside()) for element in der.Reader(data)]


def test_surplus_members_are_refused():
    members = der.read(der.sequence(der.integer(1), der.integer(2)))
    members.integer()
    with pytest.raises(Malformed):
        members.end()


def test_a_set_of_is_sorted():
    assert der.set_of([der.integer(3), der.integer(1), der.integer(2)]).hex() == "3109020101020102020103"


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1_000])
def test_a_set_of_in_pieces_is_the_same(count):
    members = [der.integer(each) for each in reversed(range(count))]
    assert b"".join(der.pieces_of_set(members)) == der.set_of(members)


@given(st.lists(st.sampled_from([0, 1, 127, 128, 255, 256, 70_000]), max_size=8))
def test_encodings_are_the_members(lengths):
    members = [der.octets(bytes(each)) for each in lengths]
    assert der.encodings(b"before" + b"".join(members) + b"after", 6, 6 + sum(map(len, members))) == members


@pytest.mark.parametrize("members", ["04", "0405aa", "30800000", "1f810100", "048161", "04820001aa05"])
def test_encodings_of_what_is_cut_off_or_no_der_are_refused(members):
    data = bytes.fromhex(members)
    with pytest.raises(Malformed):
        der.encodings(data, 0, len(data))


def test_what_is_remembered_is_short_and_no_error():
    asked = []

    @der.remembering(3)
    def read(data: bytes) -> bytes:
        asked.append(data)
        if data == b"bad":
            raise Malformed(data)
        return data

    for each in (b"one", b"long", b"bad") * 2:
        with suppress(Malformed):
            assert read(each) == each
    assert asked == [b"one", b"long", b"bad", b"long", b"bad"]


# The members that hold a piece

contents = st.sampled_from([b"", b"here", b"not here", b"h", b"ere", bytes(127), bytes(200), bytes(300), bytes(70_000), b"here" * 100])


@given(st.lists(st.tuples(st.sampled_from([der.OCTET_STRING, der.SEQUENCE, 0x80]), contents), max_size=12), st.sampled_from([b"here", b"\0" * 7, b""]))
def test_members_that_hold_a_piece_are_found_without_reading_the_others(members, piece):
    encoded = [der.tlv(tag, content) for tag, content in members]
    found = list(der.holding(b"".join(encoded), piece, len(encoded)))
    assert [each for each in found if piece in each] == [each for each in encoded if piece in each]


@given(st.lists(st.tuples(st.sampled_from([bytes(3), bytes(90), bytes(400)]), st.integers(1, 200)), max_size=5), st.data())
def test_members_of_one_size_in_a_row_are_passed_over_together_and_counted(rows, data):
    encoded = [der.octets(content) for content, times in rows for _ in range(times)]
    place = data.draw(st.integers(0, len(encoded)))
    encoded.insert(place, der.octets(b"\1here"))
    assert list(der.holding(b"".join(encoded), b"\1here", place + 1)) == [der.octets(b"\1here")]
    if place:
        with pytest.raises(Malformed):
            list(der.holding(b"".join(encoded), b"\1here", place))


def test_a_piece_beyond_the_limit_is_refused():
    members = der.octets(b"other") * 3 + der.octets(b"here")
    assert list(der.holding(members, b"here", 4)) == [der.octets(b"here")]
    with pytest.raises(Malformed):
        list(der.holding(members, b"here", 3))


@pytest.mark.parametrize("last", [b"\4\x06here", b"\x30\x80here\0\0", b"\4"])
@pytest.mark.parametrize("before", [b"", b"\4\x06here!!", b"\4\x06nothin"])
def test_a_member_found_ends_within_the_data_and_has_a_length(before, last):
    with pytest.raises(Malformed):
        list(der.holding(before + last, b"here" if len(last) > 1 else b"\4", 9))


@given(st.binary(max_size=300), st.binary(max_size=2))
def test_no_bytes_to_search_raise_anything_but_malformed(data, piece):
    with suppress(Malformed):
        assert all(each in data for each in der.holding(data, piece, 100))


@pytest.mark.parametrize("content", [b"", b"\1\2\2", b"\7\0\x80"], ids=["empty", "one bit unused", "seven"])
def test_a_bit_string_of_octets_leaves_no_bits_unused(content):
    """A key, a point or a signature in several encodings would be several values that verify."""
    assert der.Reader(der.tlv(der.BIT_STRING, b"\0\2\2")).bits() == b"\2\2"
    with pytest.raises(Malformed):
        der.Reader(der.tlv(der.BIT_STRING, content)).bits()
