"""How recipient infos name certificates (RFC 5652 section 6.2)."""

from collections.abc import Iterator
from typing import TypeVar

from secmail import der
from secmail.certificates import Certificate
from secmail.errors import Malformed

SUBJECT_KEY_IDENTIFIER = der.context(0, constructed=False)
RECIPIENT_KEY_IDENTIFIER = der.context(0)
MAX_TRIED = 10_000

Found = TypeVar("Found")


def encodings_naming(certificate: Certificate, members: bytes, limit: int) -> Iterator[bytes]:
    """Those of the members that may name the certificate: a search among bytes, which proves nothing yet. One may come twice."""
    yield from der.holding(members, certificate.issuer_and_serial_number, limit)
    if certificate.subject_key_identifier is not None:
        yield from der.holding(members, certificate.subject_key_identifier, limit)


def few(found: Iterator[Found]) -> Iterator[Found]:
    """The same; Malformed beyond so many that hold the identifier of a key and are not for it: a short one is there by chance, too."""
    for number, each in enumerate(found):
        if number == MAX_TRIED:
            raise Malformed(f"more than {MAX_TRIED} recipients that may be meant by a key and are not")
        yield each


def names(rid: der.Element, certificate: Certificate) -> bool:
    """Whether a RecipientIdentifier or KeyAgreeRecipientIdentifier is that of the certificate."""
    if rid.tag == SUBJECT_KEY_IDENTIFIER:
        return rid.content == certificate.subject_key_identifier
    if rid.tag == RECIPIENT_KEY_IDENTIFIER:
        return rid.inside().octets() == certificate.subject_key_identifier
    return rid.der == certificate.issuer_and_serial_number
