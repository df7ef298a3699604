"""BER over streams: structures are read into memory element by element, content passes through in chunks of any number.

Foreign CMS comes in definite and indefinite lengths, content in one octet string or in nested pieces. What is written has
indefinite lengths only around content, because its size is not known before it is gone.
"""

from collections.abc import Iterator
from typing import BinaryIO

from secmail import der
from secmail.errors import Malformed
from secmail.streams import CHUNK, Writable

MAX_MEMBER = 16 * 1024 * 1024  # 10,000 recipients with RSA-4096 keys need 7 MB
MAX_PIECES = 50_000  # and as many more as content in pieces of this size has:
SMALLEST_PIECE = 64
END_OF_CONTENTS = b"\0\0"
HEADER = 10  # octets that identifier and length may take


class BerReader:
    """A cursor over the one element that a forward-only stream holds. Raises Malformed where the bytes are something else."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._buffer = b""
        self._offset = 0  # of the cursor in the buffer
        self._start = 0  # of the buffer in the stream
        self._ends: list[int] = []  # of the constructions around the cursor, der.INDEFINITE where only the bytes tell
        self._elements = 0

    def peek(self) -> int | None:
        """The identifier octet of the next member, None at the end of the innermost construction entered."""
        end = self._ends[-1] if self._ends else der.INDEFINITE
        if end == self._start + self._offset:
            return None
        if len(self._buffer) - self._offset < HEADER:
            self._have(HEADER)
        found = self._buffer[self._offset]
        if not found and end == der.INDEFINITE and self._ends and self._buffer.startswith(END_OF_CONTENTS, self._offset):
            return None
        return found

    def enter(self, tag: int) -> None:
        """Step into the construction that follows."""
        self._expect(tag)
        self._ends.append(self._header())
        if len(self._ends) > der.MAX_DEPTH:
            raise Malformed(f"elements are nested more than {der.MAX_DEPTH} deep")

    def leave(self) -> None:
        """Step out of the innermost construction, which must have no more members."""
        if self.peek() is not None:
            raise Malformed("surplus members in a construction")
        if self._ends.pop() == der.INDEFINITE:
            self._take(2)

    def end(self) -> None:
        """There must be nothing more, but for the line ends that come with transfer encodings and text files."""
        rest = self._buffer[self._offset :]
        while not rest.strip(b"\r\n") and (rest := self._stream.read(CHUNK)):
            pass
        if rest.strip(b"\r\n"):
            raise Malformed("surplus bytes after the structure")

    def element(self, tag: int | None = None, limit: int = MAX_MEMBER) -> der.Element:
        """The next member, complete and in definite lengths, of at most ``limit`` octets."""
        found = self._expect(tag)
        end = self._header()
        if end == der.INDEFINITE:
            encoded = self._indefinite(found, limit)
            return der.Element(encoded[0], encoded, encoded[der.header(encoded, 0, len(encoded))[1] :])
        size = end - self._position
        if size > limit:
            raise Malformed(f"a member of the structure is longer than {limit} octets")
        content = self._take(size)
        return der.Element(found, der.tlv(found, content), content)

    def optional(self, tag: int, limit: int = MAX_MEMBER) -> der.Element | None:
        """The next member if it carries ``tag``."""
        return self.element(tag, limit) if self.peek() == tag else None

    def octets(self, tag: int = der.OCTET_STRING) -> Iterator[bytes]:
        """The content of the octet string that follows, in chunks; ``tag`` is that of the primitive form."""
        found = self._expect(None)
        if found == tag:
            end = self._header()
            while missing := end - self._position:
                yield self._some(missing)
        elif found == tag | der.CONSTRUCTED:
            self.enter(found)
            while self.peek() is not None:
                yield from self._small_pieces() or self.octets()
            self.leave()
        else:
            raise Malformed("an octet string is expected")

    def _small_pieces(self) -> tuple[bytes, ...]:
        """What primitive pieces of less than 128 octets hold, joined, as many as are complete in the buffer; empty if there are none."""
        buffer, position, end = self._buffer, self._offset, len(self._buffer)
        if self._ends[-1] != der.INDEFINITE:
            end = min(end, self._ends[-1] - self._start)
        pieces = []
        while position + 1 < end and buffer[position] == der.OCTET_STRING and (size := buffer[position + 1]) < der.LONG_FORM:
            after = position + 2 + size
            if after > end:
                break
            pieces.append(buffer[position + 2 : after])
            position = after
        self._offset = position
        self._count(len(pieces))
        return (b"".join(pieces),) if pieces else ()

    @property
    def _position(self) -> int:
        return self._start + self._offset

    def _expect(self, tag: int | None) -> int:
        found = self.peek()
        if found is None or (tag is not None and found != tag):
            raise Malformed("the structure has another member here than its type says, or none")
        return found

    def _header(self) -> int:
        """Step over identifier and length octets, which ``peek`` has seen to; return the end of the element, or INDEFINITE."""
        self._count(1)
        _, self._offset, end = der.header(self._buffer, self._offset, 1 << 62)
        if end == der.INDEFINITE:
            return end
        end += self._start
        enclosing = self._ends[-1] if self._ends else der.INDEFINITE
        if enclosing not in (der.INDEFINITE, end) and end > enclosing:
            raise Malformed("an element is longer than what encloses it")
        return end

    def _count(self, elements: int) -> None:
        self._elements += elements
        if self._elements > MAX_PIECES + self._position // SMALLEST_PIECE:
            raise Malformed("too many elements for the size of the content")

    def _indefinite(self, tag: int, limit: int) -> bytes:
        """The rest of an element whose header had no length, turned into one that has."""
        self._ends.append(der.INDEFINITE)
        if len(self._ends) > der.MAX_DEPTH:
            raise Malformed(f"elements are nested more than {der.MAX_DEPTH} deep")
        parts, size = [], 0
        while self.peek() is not None:
            part = self.element(limit=limit - size)
            parts.append(der.joined(part) if tag == der.OCTET_STRING | der.CONSTRUCTED else part.der)
            size += len(part.der)
        self.leave()
        return der.tlv(der.OCTET_STRING if tag == der.OCTET_STRING | der.CONSTRUCTED else tag, *parts)

    def _have(self, size: int) -> None:
        """See to it that ``size`` octets from the cursor on are in the buffer, if there are as many; at least two, or the stream is cut off."""
        while len(self._buffer) - self._offset < size and (more := self._stream.read(CHUNK)):
            self._start += self._offset
            self._buffer = self._buffer[self._offset :] + more
            self._offset = 0
        if len(self._buffer) - self._offset < 2:
            raise Malformed("the structure is cut off")

    def _some(self, most: int) -> bytes:
        """At least one and at most ``most`` octets, as many as are at hand."""
        if self._offset == len(self._buffer):
            self._start += self._offset
            self._buffer, self._offset = self._stream.read(CHUNK), 0
            if not self._buffer:
                raise Malformed("the structure is cut off")
        piece = self._buffer[self._offset : self._offset + most]
        self._offset += len(piece)
        return piece

    def _take(self, size: int) -> bytes:
        if self._offset + size <= len(self._buffer):
            self._offset += size
            return self._buffer[self._offset - size : self._offset]
        pieces = []
        while size:
            pieces.append(self._some(size))
            size -= len(pieces[-1])
        return b"".join(pieces)


class OctetsWriter:
    """Writes content as the pieces of an octet string of indefinite length whose header has been written; ``close`` ends it."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self._pending: list[bytes] = []
        self._size = 0

    def write(self, data: bytes, /) -> int:
        self._pending.append(bytes(data))
        self._size += len(data)
        if self._size >= CHUNK:
            self._write_piece()
        return len(data)

    def close(self) -> None:
        if self._size:
            self._write_piece()
        self._target.write(END_OF_CONTENTS)

    def _write_piece(self) -> None:
        self._target.write(der.prefix(der.OCTET_STRING, room=self._size))
        for each in self._pending:
            self._target.write(each)
        self._pending.clear()
        self._size = 0


def opening(tag: int) -> bytes:
    """The header of a construction of indefinite length."""
    return bytes((tag | der.CONSTRUCTED, 0x80))


def enter_content_info(reader: BerReader) -> str:
    """Step into a ContentInfo as far as its content; return the content type (dotted OID)."""
    reader.enter(der.SEQUENCE)
    content_type = reader.element(der.OBJECT_IDENTIFIER).oid()
    reader.enter(der.context(0))
    return content_type


def content_info(content_type: str) -> bytes:
    """The beginning of a ContentInfo of indefinite length; two END_OF_CONTENTS belong to it."""
    return opening(der.SEQUENCE) + der.oid(content_type) + opening(der.context(0))
