"""Where the content of DATA ends, and what it was before it was made transparent (RFC 5321 sections 4.1.1.4 and 4.5.2)."""

END = b"\r\n.\r\n"


class DataReader:
    """Takes the octets after DATA in pieces of any size.

    Only CRLF ends a line: "SMTP server systems MUST NOT" take a bare LF for one, or two programs would find two ends in one message.
    """

    def __init__(self) -> None:
        self._held = END[:2]  # that of the command itself: the first line may be the last
        self._begun = False

    def feed(self, piece: bytes) -> tuple[bytes, bytes | None]:
        """(octets of the message, what follows after its end: None as long as it goes on)."""
        octets = self._held + piece
        found = octets.find(END)
        if found >= 0:
            return self._plain(octets[: found + 2]), octets[found + len(END) :]
        kept = len(octets) - _beginning_of_end(octets)
        self._held = octets[kept:]
        return self._plain(octets[:kept]), None

    def _plain(self, octets: bytes) -> bytes:
        """ "If the first character is a period and there are other characters on the line, the first character is deleted." """
        if octets and not self._begun:
            self._begun = True
            return octets.replace(b"\r\n.", b"\r\n")[2:]
        return octets.replace(b"\r\n.", b"\r\n")


def _beginning_of_end(octets: bytes) -> int:
    """How many of the last octets may be the first of END: they wait for the next piece, so no line end and its dot are ever parted."""
    return next((length for length in range(len(END) - 1, 0, -1) if octets.endswith(END[:length])), 0)
