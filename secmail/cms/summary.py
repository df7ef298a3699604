"""What an envelope says about its recipients, for people: nothing of it is proven."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from asn1crypto import x509

from secmail import der
from secmail.algorithms import (
    KEY_AGREEMENTS,
    KEY_ENCAPSULATIONS,
    KEY_TRANSPORTS,
    KEY_WRAPS,
    UNSUPPORTED_KEYS,
    AlgorithmIdentifier,
)
from secmail.cms.identifiers import RECIPIENT_KEY_IDENTIFIER, SUBJECT_KEY_IDENTIFIER
from secmail.cms.kemri import KEMRecipientInfo
from secmail.cms.keyagree import KeyAgreeRecipientInfo
from secmail.cms.keytrans import KeyTransRecipientInfo
from secmail.cms.shared import KEKRecipientInfo, PasswordRecipientInfo
from secmail.errors import Malformed

RecipientKind = Literal["ktri", "kari", "kekri", "pwri", "kemri", "other"]


@dataclass(frozen=True)
class RecipientSummary:
    """One recipient (RFC 5652 section 6.2): the kind of its recipient info, the algorithm by name (or OID), and how it is named there."""

    kind: RecipientKind
    algorithm: str
    identifier: str


def summaries(recipient_infos: bytes) -> Iterator[RecipientSummary]:
    """Those of all recipient infos, given as the members of the SET; one that can't be read is ``other``."""
    for element in der.Reader(recipient_infos):
        try:
            yield from list(_summaries(element))
        except Malformed:
            yield RecipientSummary("other", "", "")


def _summaries(element: der.Element) -> Iterator[RecipientSummary]:
    if element.tag == der.SEQUENCE:
        ktri = KeyTransRecipientInfo.from_element(element)
        oid = ktri.key_encryption_algorithm.oid
        yield RecipientSummary("ktri", KEY_TRANSPORTS.get(oid, oid), name_of(ktri.rid))
    elif element.tag == der.context(1):
        kari = KeyAgreeRecipientInfo.from_element(element)
        for each in der.Reader(kari.recipient_encrypted_keys):
            yield RecipientSummary("kari", _agreement(kari.key_encryption_algorithm), name_of(each.inside().element()))
    elif element.tag == der.context(2):
        kekri = KEKRecipientInfo.from_element(element)
        yield RecipientSummary("kekri", _wrap(kekri.key_encryption_algorithm.oid), kekri.key_identifier.hex())
    elif element.tag == der.context(3):
        PasswordRecipientInfo.from_element(element)
        yield RecipientSummary("pwri", "password", "")
    elif element.tag == der.context(4) and (kemri := KEMRecipientInfo.from_element(element)):
        known = {oid: row.name for oid, row in KEY_ENCAPSULATIONS.items()} | UNSUPPORTED_KEYS
        yield RecipientSummary("kemri", known.get(kemri.kem.oid, kemri.kem.oid), name_of(kemri.rid))
    else:
        oid = element.inside().oid() if element.tag == der.context(4) else ""
        yield RecipientSummary("other", oid, "")


def _agreement(algorithm: AlgorithmIdentifier) -> str:
    row = KEY_AGREEMENTS.get(algorithm.oid)
    return row.name if row else algorithm.oid


def _wrap(oid: str) -> str:
    return KEY_WRAPS[oid].name if oid in KEY_WRAPS else oid


def name_of(rid: der.Element) -> str:
    """Issuer and serial number, or a key identifier in hexadecimal digits: a RecipientIdentifier, or an EntityIdentifier of RFC 2634."""
    if rid.tag in (SUBJECT_KEY_IDENTIFIER, der.OCTET_STRING):
        return rid.content.hex()
    if rid.tag == RECIPIENT_KEY_IDENTIFIER:
        return rid.inside().octets().hex()
    members = rid.inside()
    issuer, serial_number = members.element(der.SEQUENCE), members.integer()
    name = der.load(x509.Name, issuer.der, lambda loaded: (loaded.native, loaded.human_friendly))
    return f"{name.human_friendly}, serial number {serial_number:x}"
