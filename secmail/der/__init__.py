"""Strict and fast DER: what is written is assembled here, what is read is checked here before any other parser sees it.

``writing`` has the builders, ``reading`` the cursor over members and BER made definite, ``headers`` what is read in place, ``limits`` what
foreign bytes may cost, in front of asn1crypto. Content of any size is never here but in ``cms.ber``.
"""

from secmail.der.headers import INDEFINITE, LONG_FORM, encodings, header, holding
from secmail.der.limits import MAX_DEPTH, MAX_ELEMENTS, MAX_INTEGER_LENGTH, MAX_OID_LENGTH, load, scan
from secmail.der.reading import Element, Reader, TooMany, definite, joined, limited, read, remembering
from secmail.der.tags import (
    BIT_STRING,
    BOOLEAN,
    CONSTRUCTED,
    GENERALIZED_TIME,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    UTC_TIME,
    UTF8_STRING,
    context,
)
from secmail.der.writing import integer, length, octets, oid, pieces_of_set, prefix, sequence, set_of, time, tlv

__all__ = [
    "BIT_STRING",
    "BOOLEAN",
    "CONSTRUCTED",
    "GENERALIZED_TIME",
    "INDEFINITE",
    "INTEGER",
    "LONG_FORM",
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "MAX_INTEGER_LENGTH",
    "MAX_OID_LENGTH",
    "NULL",
    "OBJECT_IDENTIFIER",
    "OCTET_STRING",
    "SEQUENCE",
    "SET",
    "UTC_TIME",
    "UTF8_STRING",
    "Element",
    "Reader",
    "TooMany",
    "context",
    "definite",
    "encodings",
    "header",
    "holding",
    "integer",
    "joined",
    "length",
    "limited",
    "load",
    "octets",
    "oid",
    "pieces_of_set",
    "prefix",
    "read",
    "remembering",
    "scan",
    "sequence",
    "set_of",
    "time",
    "tlv",
]
