"""The content type data (RFC 5652 section 4), read: octets in a ContentInfo, and nothing about them."""

from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from secmail.cms import DATA
from secmail.cms.ber import BerReader, enter_content_info
from secmail.errors import Malformed
from secmail.streams import CHUNK, ChunkReader, Source


def open_data(source: Source) -> Source:
    """The octets; Malformed if they are none or end too early."""
    content = _Content(source)
    with closing(content.open()) as opened:
        while opened.read(CHUNK):
            pass
    return content


@dataclass(frozen=True)
class _Content:
    source: Source

    def open(self) -> BinaryIO:
        stream = self.source.open()
        reader = BerReader(stream)
        if enter_content_info(reader) != DATA:
            raise Malformed("not a ContentInfo of type data")
        return ChunkReader(reader.octets(), stream)
