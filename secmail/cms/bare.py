"""Opening recipient infos with a private key whose certificate is not at hand.

Key agreement and encapsulation end in a key wrap, which tells whether the key was the right one. RSA does not tell: with implicit rejection each
recipient info gives some octets. One that names the key by its identifier is meant, or the only one of its size; of several the one that gives as
many octets as the content's key has. A wrong one does so once in some two hundred, and if two do, the content stays closed.
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secmail import der
from secmail.cms.identifiers import SUBJECT_KEY_IDENTIFIER
from secmail.cms.kemri import KEMRecipientInfo
from secmail.cms.keyagree import KeyAgreeRecipientInfo
from secmail.cms.keytrans import KeyTransRecipientInfo
from secmail.errors import SecmailError
from secmail.keys import BareKey

MAX_TRIED, MAX_TRIED_RSA = 500, 20  # each costs a private-key operation, with RSA a long one


def open_bare(infos: Sequence[der.Element], key: BareKey, key_length: int) -> bytes | None:
    """The content-encryption key from the recipient infos, None if none of them is for the key, or too many may be."""
    public_key = key.public_key
    if isinstance(public_key, rsa.RSAPublicKey):
        return _transported(_meant(infos, public_key), key, key_length)
    kinds: dict[int, Any] = {der.context(1): KeyAgreeRecipientInfo, der.context(4): KEMRecipientInfo}
    for element in [each for each in infos if each.tag in kinds][:MAX_TRIED]:
        # One that is not for this key may be of any algorithm, or not well-formed
        with suppress(ValueError, UnsupportedAlgorithm, SecmailError):
            found = kinds[element.tag].from_element(element)
            opened: bytes | None = found.open_with(key, public_key) if found else None
            if opened is not None:
                return opened
    return None


def _transported(infos: Sequence[KeyTransRecipientInfo], key: BareKey, key_length: int) -> bytes | None:
    """All are tried, and what goes wrong looks alike: as octets that are no key (RFC 3218 section 2.3)."""
    if len(infos) == 1:
        return infos[0].open_with(key)
    if not infos or len(infos) > MAX_TRIED_RSA:
        return None
    found = []
    for info in infos:
        with suppress(ValueError, UnsupportedAlgorithm, SecmailError):
            found.append(info.open_with(key))
    right = [each for each in found if len(each) == key_length]
    return right[0] if len(right) == 1 else b""


def _meant(infos: Sequence[der.Element], public_key: rsa.RSAPublicKey) -> Sequence[KeyTransRecipientInfo]:
    fitting = []
    for element in infos:
        with suppress(SecmailError):
            info = KeyTransRecipientInfo.from_element(element) if element.tag == der.SEQUENCE else None
            if info is not None and len(info.encrypted_key) == (public_key.key_size + 7) // 8:
                fitting.append(info)
    # RFC 5280 section 4.2.1.2: the usual identifier is "the 160-bit SHA-1 hash of the value of the BIT STRING"
    identifier = sha1(public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1), usedforsecurity=False).digest()
    named = [each for each in fitting if each.rid.tag == SUBJECT_KEY_IDENTIFIER and each.rid.content == identifier]
    return named or fitting
