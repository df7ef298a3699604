"""MIME entities: reading, displaying and writing them, and header protection (RFC 2045 to 2047, 2183, 2231, 5322, 8551, 9788)."""

from secmail.mime.addresses import Address, format_address, parse_addresses
from secmail.mime.answer import Answer, forward, reply
from secmail.mime.display import AttachedPart, Body, Display, TextPart, display
from secmail.mime.headers import Header, Headers, parse_headers
from secmail.mime.protection import (
    Protected,
    ProtectedHeader,
    hcp_baseline,
    hcp_no_confidentiality,
    is_protected,
    message_root,
    protect,
    protection_states,
)
from secmail.mime.read import Entity, read_entity
from secmail.mime.sio_label import SioLabel, read_sio_label
from secmail.mime.text import decode_words, parse_parameters, safe_filename
from secmail.mime.write import Attachment, format_headers, write_attachment, write_message

__all__ = [
    "Address",
    "Answer",
    "AttachedPart",
    "Attachment",
    "Body",
    "Display",
    "Entity",
    "Header",
    "Headers",
    "Protected",
    "ProtectedHeader",
    "SioLabel",
    "TextPart",
    "decode_words",
    "display",
    "format_address",
    "format_headers",
    "forward",
    "hcp_baseline",
    "hcp_no_confidentiality",
    "is_protected",
    "message_root",
    "parse_addresses",
    "parse_headers",
    "parse_parameters",
    "protect",
    "protection_states",
    "read_entity",
    "read_sio_label",
    "reply",
    "safe_filename",
    "write_attachment",
    "write_message",
]
