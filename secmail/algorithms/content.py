"""Content encryption and compression. RC2 has no row on purpose; ``weak`` rows are read, and reported as weak."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes

from secmail import der
from secmail.algorithms.chacha import ChaChaDecryptor, ChaChaEncryptor
from secmail.errors import Malformed, Unsupported

ZLIB_COMPRESSION = "1.2.840.113549.1.9.16.3.8"  # RFC 3274


NONCE_LENGTH, ICV_LENGTH = 12, 16  # octets of what is made, and of all ChaCha20-Poly1305
MIN_ICV_LENGTH = 12

Mode = Literal["CBC", "GCM", "ChaCha20-Poly1305"]


class AuthenticatedEncryptor(Protocol):
    """What the library gives for GCM. ``tag`` is there after ``finalize``."""

    @property
    def tag(self) -> bytes: ...

    def update(self, data: bytes) -> bytes: ...

    def finalize(self) -> bytes: ...


class AuthenticatedDecryptor(Protocol):
    """The same for reading."""

    def authenticate_additional_data(self, data: bytes) -> None: ...

    def update(self, data: bytes) -> bytes: ...

    def finalize_with_tag(self, tag: bytes) -> bytes: ...


@dataclass(frozen=True)
class ContentEncryption:
    """A content-encryption algorithm: AES in CBC or GCM mode, ChaCha20-Poly1305, triple DES for reading. Lengths are in octets.

    ``cipher`` is that of CBC and GCM.
    """

    oid: str
    name: str
    key_length: int
    cipher: Callable[[bytes], BlockCipherAlgorithm] = algorithms.AES
    mode: Mode = "CBC"
    weak: bool = False

    @property
    def authenticated(self) -> bool:
        """Whether it goes into AuthEnvelopedData, and proves that nothing was changed."""
        return self.mode != "CBC"

    @property
    def block_length(self) -> int:
        """In octets."""
        return self.cipher(bytes(self.key_length)).block_size // 8

    def encryptor(self, key: bytes, nonce: bytes) -> AuthenticatedEncryptor:
        """For an authenticated algorithm."""
        if self.mode == "ChaCha20-Poly1305":
            return ChaChaEncryptor(key, nonce)
        return Cipher(self.cipher(key), modes.GCM(nonce)).encryptor()

    def decryptor(self, key: bytes, nonce: bytes) -> AuthenticatedDecryptor:
        """For an authenticated algorithm."""
        if self.mode == "ChaCha20-Poly1305":
            return ChaChaDecryptor(key, nonce)
        return Cipher(self.cipher(key), modes.GCM(nonce, min_tag_length=MIN_ICV_LENGTH)).decryptor()

    def parameters(self, nonce: bytes) -> bytes:
        """The parameters of an authenticated algorithm (RFC 5084 section 3.2, RFC 8103 section 3)."""
        return der.octets(nonce) if self.mode == "ChaCha20-Poly1305" else der.sequence(der.octets(nonce), der.integer(ICV_LENGTH))

    def read_parameters(self, parameters: bytes) -> tuple[bytes, int]:
        """(nonce or initialization vector, length of the authentication tag in octets)"""
        if self.mode == "GCM":
            return gcm_parameters(parameters)
        value = der.Reader(parameters).octets()
        if len(value) != (NONCE_LENGTH if self.authenticated else self.block_length):
            raise Malformed("a nonce or an initialization vector of the wrong length")
        return value, ICV_LENGTH if self.authenticated else 0


AES256_CBC = ContentEncryption("2.16.840.1.101.3.4.1.42", "AES-256-CBC", 32)
AES256_GCM = ContentEncryption("2.16.840.1.101.3.4.1.46", "AES-256-GCM", 32, mode="GCM")
CHACHA20_POLY1305 = ContentEncryption("1.2.840.113549.1.9.16.3.18", "ChaCha20-Poly1305", 32, mode="ChaCha20-Poly1305")
CONTENT_ENCRYPTIONS = {
    each.oid: each
    for each in (
        ContentEncryption("2.16.840.1.101.3.4.1.2", "AES-128-CBC", 16),
        ContentEncryption("2.16.840.1.101.3.4.1.22", "AES-192-CBC", 24),
        AES256_CBC,
        ContentEncryption("2.16.840.1.101.3.4.1.6", "AES-128-GCM", 16, mode="GCM"),
        ContentEncryption("2.16.840.1.101.3.4.1.26", "AES-192-GCM", 24, mode="GCM"),
        AES256_GCM,
        CHACHA20_POLY1305,
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
