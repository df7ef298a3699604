"""The form a result is written in: a message, or the bare CMS structure of its outermost layer."""

import binascii
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from secmail.mime import format_headers
from secmail.mime.encodings import Base64Writer
from secmail.streams import Writable

Form = Literal["eml", "der", "pem"]
Fields = Sequence[tuple[str, str]]
END_OF_HEADER = b"\r\n\r\n"


@contextmanager
def written_as(form: Form, out: Writable, headers: Fields) -> Iterator[Writable]:
    """A sink for one application/pkcs7-mime entity. As ``eml`` it gets the other header fields; else its own are dropped too."""
    if form == "eml":
        out.write(format_headers(headers) + b"MIME-Version: 1.0\r\n")
        yield out
    elif form == "der":
        yield _Body(out)
    else:
        out.write(b"-----BEGIN CMS-----\n")
        armour = Base64Writer(out, line=64, newline=b"\n")
        yield _Body(armour)
        armour.close()
        out.write(b"-----END CMS-----\n")


class _Body:
    """Takes an entity in base64 as it is written, and passes on what its body means."""

    def __init__(self, target: Writable) -> None:
        self._target, self._rest, self._in_body = target, b"", False

    def write(self, data: bytes, /) -> int:
        self._rest += data if not self._in_body else data.replace(b"\r\n", b"")
        if not self._in_body and END_OF_HEADER in self._rest:
            self._rest, self._in_body = self._rest.partition(END_OF_HEADER)[2].replace(b"\r\n", b""), True
        if self._in_body:
            whole = len(self._rest) - len(self._rest) % 4
            self._target.write(binascii.a2b_base64(self._rest[:whole]))
            self._rest = self._rest[whole:]
        return len(data)
