"""Content encryption and compression. RC2 has no row on purpose; ``weak`` rows are read, and reported as weak."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, algorithms

from secmail import der
from secmail.errors import Malformed, Unsupported

ZLIB_COMPRESSION = "1.2.840.113549.1.9.16.3.8"  # RFC 3274


@dataclass(frozen=True)
class ContentEncryption:
    """A content-encryption algorithm: AES in CBC or GCM mode, triple DES for reading. Lengths are in octets."""

    oid: str
    name: str
    key_length: int
    cipher: Callable[[bytes], BlockCipherAlgorithm]
    authenticated: bool = False
    weak: bool = False

    @property
    def block_length(self) -> int:
        """In octets."""
        return self.cipher(bytes(self.key_length)).block_size // 8


AES256_CBC = ContentEncryption("2.16.840.1.101.3.4.1.42", "AES-256-CBC", 32, algorithms.AES)
AES256_GCM = ContentEncryption("2.16.840.1.101.3.4.1.46", "AES-256-GCM", 32, algorithms.AES, authenticated=True)
CONTENT_ENCRYPTIONS = {
    each.oid: each
    for each in (
        ContentEncryption("2.16.840.1.101.3.4.1.2", "AES-128-CBC", 16, algorithms.AES),
        ContentEncryption("2.16.840.1.101.3.4.1.22", "AES-192-CBC", 24, algorithms.AES),
        AES256_CBC,
        ContentEncryption("2.16.840.1.101.3.4.1.6", "AES-128-GCM", 16, algorithms.AES, authenticated=True),
        ContentEncryption("2.16.840.1.101.3.4.1.26", "AES-192-GCM", 24, algorithms.AES, authenticated=True),
        AES256_GCM,
        ContentEncryption("1.2.840.113549.3.7", "triple DES CBC", 24, TripleDES, weak=True),
    )
}


def gcm_parameters(parameters: bytes) -> tuple[bytes, int]:
    """(nonce, length of the authentication tag in octets), RFC 5084 section 3.2; an absent aes-ICVlen means 12."""
    members = der.read(parameters)
    nonce = members.octets()
    icv_length = members.integer() if members.peek() == der.INTEGER else 12
    members.end()
    if not 8 <= len(nonce) <= 64:
        raise Unsupported("an AES-GCM nonce shorter than 8 or longer than 64 octets")
    if not 12 <= icv_length <= 16:
        raise Malformed("aes-ICVlen is not 12 to 16")
    return nonce, icv_length
