"""CompressedData (RFC 3274), made and opened as streams; what it expands to is bounded."""

import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from secmail import der
from secmail.algorithms import ZLIB_COMPRESSION, AlgorithmIdentifier
from secmail.cms import COMPRESSED_DATA, DATA
from secmail.cms.allowance import Allowance
from secmail.cms.ber import END_OF_CONTENTS, BerReader, OctetsWriter, content_info, enter_content_info, opening
from secmail.errors import Malformed, Unsupported
from secmail.streams import CHUNK, ChunkReader, Source, Writable

MAX_EXPANSION = 100
ALWAYS_ALLOWED = 1024 * 1024  # octets; short texts that repeat themselves compress better than any real mail
MAX_SIZE = 2 * 1024 * 1024 * 1024
FREE = 64 * 1024 * 1024  # octets that all layers inside may go over together, whatever they were compressed to


class CompressedDataWriter:
    """A sink for content that becomes a CompressedData around it; ``close`` ends it.

    Unsupported at the end if the content compresses better than what is read here, so that nobody sends what he could not open.
    """

    def __init__(self, target: Writable) -> None:
        self._target, self._compressor = target, zlib.compressobj()
        self._size = self._compressed = 0
        target.write(content_info(COMPRESSED_DATA) + opening(der.SEQUENCE) + der.integer(0))
        target.write(AlgorithmIdentifier(ZLIB_COMPRESSION).der + opening(der.SEQUENCE) + der.oid(DATA))
        target.write(opening(der.context(0)) + opening(der.OCTET_STRING))
        self._content = OctetsWriter(target)

    def write(self, data: bytes, /) -> int:
        self._size += len(data)
        self._write(self._compressor.compress(data))
        return len(data)

    def close(self) -> None:
        self._write(self._compressor.flush())
        if self._size > _allowed(self._compressed):
            raise Unsupported(f"the content compresses more than {MAX_EXPANSION}-fold, which readers take for an attack")
        self._content.close()
        self._target.write(END_OF_CONTENTS * 5)

    def _write(self, compressed: bytes) -> None:
        self._compressed += len(compressed)
        self._content.write(compressed)


def open_compressed(source: Source, *, max_size: int = MAX_SIZE, allowance: Allowance | None = None) -> Source:
    """Decompress once to the end, then give the content as a source that decompresses again in each pass.

    Malformed if it is no CompressedData, or expands more than 100-fold or beyond ``max_size`` octets. All passes that the layers inside
    make together may not go over more than that either, and the first is this one; ``allowance`` is told.
    """
    content, sizes = _DecompressedContent(source, max_size), _Sizes()
    with closing(source.open()) as stream:
        for _ in content.decompress(BerReader(stream), sizes):
            pass
    if allowance is not None:
        allowance.inside_compression(max(FREE, MAX_EXPANSION * sizes.compressed) // max(1, sizes.content) - 1)
    return content


def _allowed(compressed: int) -> int:
    return max(ALWAYS_ALLOWED, MAX_EXPANSION * compressed)


@dataclass
class _Sizes:
    """How many octets were gone over."""

    compressed: int = 0
    content: int = 0


@dataclass(frozen=True)
class _DecompressedContent:
    source: Source
    max_size: int

    def open(self) -> BinaryIO:
        stream = self.source.open()
        return ChunkReader(self.decompress(BerReader(stream), _Sizes()), stream)

    def decompress(self, reader: BerReader, sizes: _Sizes) -> Iterator[bytes]:
        if enter_content_info(reader) != COMPRESSED_DATA:
            raise Malformed("not a CompressedData")
        reader.enter(der.SEQUENCE)
        reader.element(der.INTEGER)
        algorithm = AlgorithmIdentifier.from_element(reader.element(der.SEQUENCE))
        if algorithm.oid != ZLIB_COMPRESSION:
            raise Unsupported(f"compression algorithm {algorithm.oid} is not supported")
        reader.enter(der.SEQUENCE)
        content_type = reader.element(der.OBJECT_IDENTIFIER).oid()
        if content_type != DATA:
            raise Unsupported(f"compressed content of type {content_type} is not supported")
        reader.enter(der.context(0))
        yield from self._inflated(reader.octets(), sizes)

    def _inflated(self, compressed: Iterator[bytes], sizes: _Sizes) -> Iterator[bytes]:
        inflater = zlib.decompressobj()
        for chunk in compressed:
            pending, piece = chunk, b""
            while not inflater.eof and (pending or len(piece) == CHUNK):
                try:
                    piece = inflater.decompress(pending, CHUNK)
                except zlib.error as error:
                    raise Malformed("the compressed content is damaged") from error
                sizes.compressed += len(pending) - len(inflater.unconsumed_tail)
                sizes.content, pending = sizes.content + len(piece), inflater.unconsumed_tail
                if sizes.content > min(_allowed(sizes.compressed), self.max_size):
                    raise Malformed(f"compressed content that expands more than {MAX_EXPANSION}-fold or beyond its limit")
                if piece:
                    yield piece
            if inflater.eof and (pending or inflater.unused_data):
                break
        if not inflater.eof or inflater.unused_data:
            raise Malformed("the compressed content is cut off, or something follows it")
