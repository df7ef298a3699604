"""DigestedData (RFC 5652 section 7), read: content with its digest, which proves nothing about anybody."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from secrets import compare_digest
from typing import BinaryIO

from secmail import der
from secmail.algorithms import AlgorithmIdentifier, Digest, digest_algorithm
from secmail.cms import DATA, DIGESTED_DATA
from secmail.cms.ber import BerReader, enter_content_info
from secmail.errors import Malformed, Unsupported
from secmail.streams import CHUNK, ChunkReader, Source


@dataclass(frozen=True)
class Digested:
    content: Source
    digest_algorithm: Digest


def open_digested(source: Source) -> Digested:
    """The content, whose digest is right; Malformed if it is not, or is none of content that is there."""
    with closing(source.open()) as stream:
        digest = _enter(BerReader(stream))
    content = _Content(source, digest)
    with closing(content.open()) as opened:
        while opened.read(CHUNK):
            pass
    return Digested(content, digest)


def _enter(reader: BerReader) -> Digest:
    """Step as far as the content octets."""
    if enter_content_info(reader) != DIGESTED_DATA:
        raise Malformed("not a DigestedData")
    reader.enter(der.SEQUENCE)
    reader.element(der.INTEGER)
    digest = digest_algorithm(AlgorithmIdentifier.from_element(reader.element(der.SEQUENCE)))
    reader.enter(der.SEQUENCE)
    content_type = reader.element(der.OBJECT_IDENTIFIER).oid()
    if content_type != DATA:
        raise Unsupported(f"digested content of type {content_type} is not supported")
    reader.enter(der.context(0))
    return digest


@dataclass(frozen=True)
class _Content:
    """Each pass compares the digest again at its end."""

    source: Source
    digest: Digest

    def open(self) -> BinaryIO:
        stream = self.source.open()
        return ChunkReader(self._read(BerReader(stream)), stream)

    def _read(self, reader: BerReader) -> Iterator[bytes]:
        _enter(reader)
        running = self.digest.start()
        for chunk in reader.octets():
            running.update(chunk)
            yield chunk
        reader.leave()
        reader.leave()
        if not compare_digest(reader.element(der.OCTET_STRING).content, running.finalize()):
            raise Malformed("the digest is not that of the content")
