"""The SIO-Label header field (RFC 7444): what somebody says about the sensitivity of a message, and nobody proves.

Section 1.3: the protocol "does not provide secure binding the label to the message, content integrity, or non-repudiation". So the label in it
is called ``unproven``; whether somebody may read a message is decided by the label in a verified signature alone.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from secmail.errors import Malformed
from secmail.labels.label import SecurityLabel
from secmail.labels.spif_xml import COLOURS
from secmail.mime.headers import Headers
from secmail.mime.text import parse_parameters
from secmail.mime.write import format_parameter

FIELD = "SIO-Label"
ESS = ":ess"


@dataclass(frozen=True)
class SioLabel:
    """One SIO-Label, for display and for sorting. ``marking`` is text, the colours are ``#rrggbb`` (None: black on white).

    ``type`` says what ``encoded`` is, None for both if there is only a marking; ``unproven`` is the ESSSecurityLabel of the type ``:ess``.
    ValueError for what section 4 forbids.
    """

    marking: str | None = None
    fgcolor: str | None = None
    bgcolor: str | None = None
    type: str | None = None
    encoded: bytes | None = None

    def __post_init__(self) -> None:
        if (self.type is None) != (self.encoded is None):
            raise ValueError("SIO-Label: type and label go together")
        if self.marking is None and (self.type is None or self.fgcolor or self.bgcolor):
            raise ValueError("SIO-Label: neither a marking nor a label, or colours of no marking")
        for name in ("fgcolor", "bgcolor"):
            object.__setattr__(self, name, _colour(getattr(self, name)))

    @classmethod
    def of(cls, label: SecurityLabel, marking: str | None = None, *, fgcolor: str | None = None, bgcolor: str | None = None) -> "SioLabel":
        """The field for an ESS label."""
        return cls(marking, fgcolor, bgcolor, ESS, label.to_der())

    @property
    def unproven(self) -> SecurityLabel | None:
        """What it claims the label to be; None for other types. Malformed if it can't be read."""
        return SecurityLabel.from_der(self.encoded) if self.type == ESS and self.encoded is not None else None

    def to_value(self) -> str:
        """The value of the header field, in ASCII, for ``format_headers``."""
        label = None if self.encoded is None else base64.b64encode(self.encoded).decode("ascii")
        named = {"marking": self.marking, "fgcolor": self.fgcolor, "bgcolor": self.bgcolor, "type": self.type, "label": label}
        return "; ".join(piece for name, text in named.items() if text is not None for piece in format_parameter(name, text))


def read_sio_label(headers: Headers) -> SioLabel | None:
    """The SIO-Label of a message, None if there is none. Malformed for more than one, or one that section 4 does not allow."""
    fields = headers.get_all(FIELD)
    if len(fields) > 1:
        raise Malformed("more than one SIO-Label")
    if not fields:
        return None
    _, parameters = parse_parameters(f";{fields[0]}")
    encoded = parameters.get("label")
    try:
        octets = None if encoded is None else base64.b64decode(re.sub(r"\s", "", encoded), validate=True)
        return SioLabel(
            marking=parameters.get("marking"),
            fgcolor=parameters.get("fgcolor"),
            bgcolor=parameters.get("bgcolor"),
            type=parameters.get("type"),
            encoded=octets,
        )
    except (ValueError, binascii.Error) as error:
        raise Malformed(f"SIO-Label: {error}") from None


def _colour(value: str | None) -> str | None:
    if value is None:
        return None
    colour = COLOURS.get(value.lower(), value.lower())
    if not re.fullmatch("#[0-9a-f]{6}", colour, re.ASCII):
        raise ValueError("a colour that is neither #rrggbb nor one of the standard's")
    return colour
