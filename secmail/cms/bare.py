"""Opening recipient infos with a private key whose certificate is not at hand.

Key agreement and encapsulation end in a key wrap, which tells whether the key was the right one. RSA does not tell (implicit rejection), so an RSA
key is used only where it is clear which recipient info is meant: one names the key by its identifier, or there is only one of its size.
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

MAX_TRIED = 500  # each costs a private-key operation


def open_bare(infos: Sequence[der.Element], key: BareKey) -> bytes | None:
    """The content-encryption key from the recipient infos, None if none of them is for the key, or it is not clear which."""
    public_key = key.public_key
    if isinstance(public_key, rsa.RSAPublicKey):
        info = _the_only(infos, public_key)
        return None if info is None else info.open_with(key)
    kinds: dict[int, Any] = {der.context(1): KeyAgreeRecipientInfo, der.context(4): KEMRecipientInfo}
    for element in [each for each in infos if each.tag in kinds][:MAX_TRIED]:
        # One that is not for this key may be of any algorithm, or not well-formed
        with suppress(ValueError, UnsupportedAlgorithm, SecmailError):
            found = kinds[element.tag].from_element(element)
            opened: bytes | None = found.open_with(key, public_key) if found else None
            if opened is not None:
                return opened
    return None


def _the_only(infos: Sequence[der.Element], public_key: rsa.RSAPublicKey) -> KeyTransRecipientInfo | None:
    fitting = []
    for element in infos:
        with suppress(SecmailError):
            info = KeyTransRecipientInfo.from_element(element) if element.tag == der.SEQUENCE else None
            if info is not None and len(info.encrypted_key) == (public_key.key_size + 7) // 8:
                fitting.append(info)
    # RFC 5280 section 4.2.1.2: the usual identifier is "the 160-bit SHA-1 hash of the value of the BIT STRING"
    identifier = sha1(public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1), usedforsecurity=False).digest()
    named = [each for each in fitting if each.rid.tag == SUBJECT_KEY_IDENTIFIER and each.rid.content == identifier]
    found = named or fitting
    return found[0] if len(found) == 1 else None
