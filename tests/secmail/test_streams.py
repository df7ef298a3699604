"""Streams: what is split anywhere comes out the same, and foreign octets are either decoded or refused."""

import base64
import io
import quopri
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmail.errors import Malformed
from secmail.mime.encodings import (
    Base64Reader,
    Base64Writer,
    CrlfReader,
    CrlfWriter,
    QuotedPrintableReader,
    QuotedPrintableWriter,
)
from secmail.streams import BytesSource, ChunkReader, FileSource, copy, section


class Trickle(io.BytesIO):
    """A stream that gives a few octets at a time, as a socket may."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step

    def read(self, size: int = -1, /) -> bytes:
        return super().read(self.step if size < 0 else min(size, self.step))


class TrickleSource:
    """A source without ``section``."""

    def __init__(self, data: bytes, step: int = 7) -> None:
        self.data, self.step = data, step

    def open(self) -> Trickle:
        return Trickle(self.data, self.step)


def pieces(data: bytes, step: int) -> Iterator[bytes]:
    return (data[start : start + step] for start in range(0, len(data), step))


def written(writer: type, data: bytes, step: int) -> bytes:
    target = io.BytesIO()
    sink = writer(target)
    for piece in pieces(data, step):
        sink.write(piece)
    sink.close()
    return target.getvalue()


steps = st.integers(1, 90)
# What the codecs care about, thick on the ground.
awkward = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"=", b"=3D", b"a", b".", b"\xc3\xa9", b"From "])
).map(b"".join)
contents = st.one_of(st.binary(), awkward)


@given(contents, steps)
def test_base64_is_what_the_standard_library_writes_however_it_is_split(data, step):
    assert written(Base64Writer, data, step) == base64.encodebytes(data).replace(b"\n", b"\r\n")


@given(contents, steps)
def test_base64_reads_back_what_was_written_however_it_is_split(data, step):
    assert Base64Reader(Trickle(written(Base64Writer, data, 65536), step)).read() == data


def test_base64_writer_works_in_blocks_without_changing_the_lines():
    data = bytes(range(256)) * 1000
    assert written(Base64Writer, data, 65536) == base64.encodebytes(data).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("text", [b"QUJD", b"QU JD\r\n\r\n", b"\tQ\nU\nJ\nD", b"Q U J D  "])
def test_base64_skips_white_space(text):
    assert Base64Reader(io.BytesIO(text)).read() == b"ABC"


@pytest.mark.parametrize(
    "text", [b"QUJ", b"QUJD-", b"QU=D", b"QQ==QUJD", b"QUJD====", b"=", b"QUJ\xff", b"Q===", b"Pz8_"]
)
@pytest.mark.parametrize("step", [1, 65536])
def test_base64_refuses_what_is_neither_alphabet_nor_white_space(text, step):
    with pytest.raises(Malformed):
        Base64Reader(Trickle(text, step)).read()


@given(contents, steps)
def test_quoted_printable_of_canonical_text_reads_back_in_lines_of_at_most_76(data, step):
    canonical = written(CrlfWriter, data, 65536)
    encoded = written(QuotedPrintableWriter, canonical, step)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert QuotedPrintableReader(Trickle(encoded, step)).read() == canonical
    assert quopri.decodestring(encoded) == canonical


@given(contents, steps)
def test_foreign_quoted_printable_reads_the_same_however_it_is_split(data, step):
    whole = QuotedPrintableReader(io.BytesIO(data)).read()
    assert QuotedPrintableReader(Trickle(data, step)).read() == whole


def test_quoted_printable_drops_blanks_at_the_end_of_a_line():
    """RFC 2045 section 6.7: "any trailing white space on a line must be deleted"; a soft line break may be followed by blanks too."""
    assert QuotedPrintableReader(io.BytesIO(b"a \t\r\nb=20 \r\nc= \r\nd  ")).read() == b"a\r\nb \r\ncd"


def test_quoted_printable_of_one_line_without_end_stays_within_memory_and_line_length():
    encoded = written(QuotedPrintableWriter, b"x" * 300_000, 65536)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert QuotedPrintableReader(io.BytesIO(encoded)).read() == b"x" * 300_000


def test_a_megabyte_of_blanks_costs_quoted_printable_one_look_each():
    blanks = b" " * 1_000_000
    assert QuotedPrintableReader(io.BytesIO(blanks + b"x")).read().endswith(b" x")


@given(contents, steps)
def test_every_line_end_becomes_crlf_however_it_is_split(data, step):
    expected = b"\r\n".join(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    assert written(CrlfWriter, data, step) == expected
    assert CrlfReader(Trickle(data, step)).read() == expected


@given(
    st.binary(), st.integers(0, 40), st.one_of(st.none(), st.integers(0, 40)), st.integers(0, 10), st.integers(0, 20)
)
def test_a_section_is_the_slice_whether_the_source_seeks_or_not(data, start, end, inner_start, inner_end):
    expected = data[start : max(start, end) if end is not None else None]
    for source in (BytesSource(data), FileSource(io.BytesIO(data)), TrickleSource(data)):
        part = section(source, start, None if end is None else max(start, end))
        assert part.open().read() == expected
        assert section(part, inner_start, inner_end).open().read() == expected[inner_start:inner_end]


def test_passes_over_one_file_do_not_share_their_position():
    source = FileSource(io.BytesIO(b"0123456789"), 2, 8)
    first, second = source.open(), source.open()
    assert (first.read(2), second.read(3), first.read(), second.read()) == (b"23", b"234", b"4567", b"567")


@given(st.lists(st.binary(max_size=5)), st.lists(st.integers(0, 7)))
def test_a_chunk_reader_gives_exactly_what_is_asked_for_until_the_end(chunks, sizes):
    stream, plain = ChunkReader(chunks), io.BytesIO(b"".join(chunks))
    assert [stream.read(size) for size in sizes] == [plain.read(size) for size in sizes]
    assert stream.read() == plain.read()


def test_closing_a_reader_closes_the_stream_beneath_and_closing_a_writer_does_not():
    beneath, target = io.BytesIO(b"QUJD"), io.BytesIO()
    Base64Reader(beneath).close()
    Base64Writer(target).close()
    assert beneath.closed
    assert not target.closed


def test_copy_tells_how_many_octets_it_pushed():
    target = io.BytesIO()
    assert copy(Trickle(b"x" * 1000, 13), target) == 1000
    assert target.getvalue() == b"x" * 1000


def test_a_reader_can_be_read_as_text_by_the_standard_library():
    assert list(io.TextIOWrapper(ChunkReader([b"a\n", b"b\nc"]), "utf-8")) == ["a\n", "b\n", "c"]
