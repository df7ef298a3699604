"""How recipient infos name certificates (RFC 5652 section 6.2)."""

from collections.abc import Iterator

from secmail import der
from secmail.certificates import Certificate

SUBJECT_KEY_IDENTIFIER = der.context(0, constructed=False)
RECIPIENT_KEY_IDENTIFIER = der.context(0)


def encodings_naming(certificate: Certificate, members: bytes, limit: int) -> Iterator[bytes]:
    """Those of the members that may name the certificate: a search among bytes, which proves nothing yet. One may come twice."""
    yield from der.holding(members, certificate.issuer_and_serial_number, limit)
    if certificate.subject_key_identifier is not None:
        yield from der.holding(members, certificate.subject_key_identifier, limit)


def names(rid: der.Element, certificate: Certificate) -> bool:
    """Whether a RecipientIdentifier or KeyAgreeRecipientIdentifier is that of the certificate."""
    if rid.tag == SUBJECT_KEY_IDENTIFIER:
        return rid.content == certificate.subject_key_identifier
    if rid.tag == RECIPIENT_KEY_IDENTIFIER:
        return rid.inside().octets() == certificate.subject_key_identifier
    return rid.der == certificate.issuer_and_serial_number
