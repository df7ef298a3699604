"""ChaCha20-Poly1305 (RFC 8439 section 2.8) in a stream: the library has it for whole messages only, its two halves as streams."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.poly1305 import Poly1305

BLOCK = 64  # octets


class _ChaCha20Poly1305:
    def __init__(self, key: bytes, nonce: bytes) -> None:
        # Block 0 of the key stream gives the one-time key of the authenticator, the content begins with block 1
        self._keystream = Cipher(ChaCha20(key, bytes(4) + nonce), mode=None).encryptor()
        self._authenticator = Poly1305(self._keystream.update(bytes(BLOCK))[:32])
        self._additional = self._content = 0

    def authenticate_additional_data(self, data: bytes) -> None:
        """Once, and before any content."""
        self._additional = len(data)
        self._authenticator.update(data + _padding(len(data)))

    def _authenticate(self, ciphertext: bytes) -> None:
        self._content += len(ciphertext)
        self._authenticator.update(ciphertext)

    def _finalize(self) -> bytes:
        lengths = self._additional.to_bytes(8, "little") + self._content.to_bytes(8, "little")
        self._authenticator.update(_padding(self._content) + lengths)
        return self._authenticator.finalize()


def _padding(length: int) -> bytes:
    return bytes(-length % 16)


class ChaChaEncryptor(_ChaCha20Poly1305):
    """As the library's GCM encryptor is used."""

    tag: bytes

    def update(self, data: bytes) -> bytes:
        ciphertext = self._keystream.update(data)
        self._authenticate(ciphertext)
        return ciphertext

    def finalize(self) -> bytes:
        self.tag = self._finalize()
        return b""


class ChaChaDecryptor(_ChaCha20Poly1305):
    """As the library's GCM decryptor is used."""

    def update(self, data: bytes) -> bytes:
        self._authenticate(data)
        return self._keystream.update(data)

    def finalize_with_tag(self, tag: bytes) -> bytes:
        """InvalidTag if anything was changed."""
        if not bytes_eq(self._finalize(), tag):
            raise InvalidTag
        return b""
