"""EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083), made and opened as streams."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.padding import PKCS7

from secmail import der
from secmail.algorithms import CONTENT_ENCRYPTIONS, AlgorithmIdentifier, ContentEncryption, gcm_parameters, lookup
from secmail.cms import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA
from secmail.cms.ber import END_OF_CONTENTS, BerReader, OctetsWriter, content_info, enter_content_info, opening
from secmail.cms.recipients import Recipient, make_all, open_first
from secmail.errors import DecryptionError, Malformed, Unsupported
from secmail.keys import DecryptionKey
from secmail.streams import CHUNK, ChunkReader, Source, Writable

ORIGINATOR_INFO, AUTH_ATTRS = der.context(0), der.context(1)
ENCRYPTED_CONTENT = der.context(0, constructed=False)
NONCE_LENGTH, ICV_LENGTH = 12, 16
MIN_ICV_LENGTH = 12


# Making


class EnvelopedDataWriter:
    """A sink for content that becomes an EnvelopedData or, with GCM, an AuthEnvelopedData around it; ``close`` ends it.

    The content-encryption key is drawn here, once, and forgotten with the writer.
    """

    def __init__(self, target: Writable, *, recipients: Sequence[Recipient], content_encryption: ContentEncryption) -> None:
        if not recipients:
            raise ValueError("there are no recipients")
        self._target, self._algorithm = target, content_encryption
        cek = secrets.token_bytes(content_encryption.key_length)
        cipher = content_encryption.cipher(cek)
        mode: modes.GCM | modes.CBC
        if content_encryption.authenticated:
            nonce = secrets.token_bytes(NONCE_LENGTH)
            mode, self._padder = modes.GCM(nonce), None
            parameters = der.sequence(der.octets(nonce), der.integer(ICV_LENGTH))
        else:
            initialization_vector = secrets.token_bytes(cipher.block_size // 8)
            mode, self._padder = modes.CBC(initialization_vector), PKCS7(cipher.block_size).padder()
            parameters = der.octets(initialization_vector)
        self._encryptor = Cipher(cipher, mode).encryptor()
        self._begin(*make_all(recipients, cek), AlgorithmIdentifier(content_encryption.oid, parameters))

    def _begin(self, recipient_infos: bytes, only_version_0: bool, algorithm: AlgorithmIdentifier) -> None:
        authenticated = self._algorithm.authenticated
        version = 0 if authenticated or only_version_0 else 2
        self._target.write(content_info(AUTH_ENVELOPED_DATA if authenticated else ENVELOPED_DATA))
        self._target.write(opening(der.SEQUENCE) + der.integer(version) + recipient_infos)
        self._target.write(opening(der.SEQUENCE) + der.oid(DATA) + algorithm.der + opening(ENCRYPTED_CONTENT))
        self._content = OctetsWriter(self._target)

    def write(self, data: bytes, /) -> int:
        padded = data if self._padder is None else self._padder.update(data)
        self._content.write(self._encryptor.update(padded))
        return len(data)

    def close(self) -> None:
        if self._padder is not None:
            self._content.write(self._encryptor.update(self._padder.finalize()))
        self._content.write(self._encryptor.finalize())
        self._content.close()
        self._target.write(END_OF_CONTENTS)
        if self._algorithm.authenticated:
            self._target.write(der.octets(self._encryptor.tag))  # type: ignore[attr-defined]
        self._target.write(END_OF_CONTENTS * 3)


# Opening


@dataclass(frozen=True)
class Enveloped:
    """Opened content. ``authenticated`` says whether the encryption itself proves that nothing was changed (AES-GCM)."""

    content: Source
    content_encryption: ContentEncryption
    key: DecryptionKey

    @property
    def authenticated(self) -> bool:
        return self.content_encryption.authenticated


def open_enveloped(source: Source, *, keys: Sequence[DecryptionKey]) -> Enveloped:
    """Decrypt once to the end before anything is released, then give the content as a source that decrypts again in each pass.

    NotARecipient if none of the keys fits; DecryptionError, always the same, for every failure after that.
    """
    with closing(source.open()) as stream:
        header = _Header.read(BerReader(stream))
    if header.content_type != DATA:
        # RFC 8551 puts nothing else into envelopes, and nothing would protect a content type that was changed on the way
        raise Unsupported(f"encrypted content of type {header.content_type} is not supported")
    algorithm = lookup(CONTENT_ENCRYPTIONS, header.algorithm.oid, "content-encryption algorithm")
    if header.authenticated != algorithm.authenticated:
        raise Unsupported("the content-encryption algorithm does not fit the content type")
    # Read before a key is asked for, so that a wrong parameter looks alike for everybody
    initialization_vector, icv_length = _parameters(algorithm, header.algorithm.parameters)
    cek, key = open_first(header.recipient_infos, keys, algorithm.key_length)
    content = _DecryptedContent(source, algorithm, cek, initialization_vector, icv_length)
    try:
        content.check()
    except _AuthenticatedAttributes as found:
        content = replace(content, additional_data=found.encoded)
        content.check()
    return Enveloped(content, algorithm, key)


@dataclass(frozen=True)
class _Header:
    """What comes before the encrypted content."""

    authenticated: bool
    recipient_infos: der.Element
    content_type: str
    algorithm: AlgorithmIdentifier

    @classmethod
    def read(cls, reader: BerReader) -> "_Header":
        content_type = enter_content_info(reader)
        if content_type not in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
            raise Malformed("neither an EnvelopedData nor an AuthEnvelopedData")
        reader.enter(der.SEQUENCE)
        reader.element(der.INTEGER)
        reader.optional(ORIGINATOR_INFO)
        recipient_infos = reader.element(der.SET)
        reader.enter(der.SEQUENCE)
        inner_type = reader.element(der.OBJECT_IDENTIFIER).oid()
        algorithm = AlgorithmIdentifier.from_element(reader.element(der.SEQUENCE))
        return cls(content_type == AUTH_ENVELOPED_DATA, recipient_infos, inner_type, algorithm)


def _parameters(algorithm: ContentEncryption, parameters: bytes) -> tuple[bytes, int]:
    """(nonce or initialization vector, length of the authentication tag)."""
    if algorithm.authenticated:
        return gcm_parameters(parameters)
    initialization_vector = der.Reader(parameters).octets()
    if len(initialization_vector) * 8 != algorithm.cipher(bytes(algorithm.key_length)).block_size:
        raise Malformed("an initialization vector of the wrong length")
    return initialization_vector, 0


class _AuthenticatedAttributes(Exception):
    """Attributes that GCM authenticates follow the content, while they must be known before it."""

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self.encoded = encoded


@dataclass(frozen=True, repr=False)
class _DecryptedContent:
    """The content; each pass decrypts again, and checks the authentication tag or the padding again at its end."""

    source: Source
    algorithm: ContentEncryption
    cek: bytes
    initialization_vector: bytes
    icv_length: int
    additional_data: bytes = b""

    def open(self) -> BinaryIO:
        stream = self.source.open()
        return ChunkReader(self._decrypt(BerReader(stream)), stream)

    def check(self) -> None:
        """Decrypt once to the end and throw the plaintext away."""
        with closing(self.open()) as stream:
            while stream.read(CHUNK):
                pass

    def _decrypt(self, reader: BerReader) -> Iterator[bytes]:
        _Header.read(reader)
        encrypted = reader.octets(ENCRYPTED_CONTENT)
        yield from self._decrypt_gcm(reader, encrypted) if self.algorithm.authenticated else self._decrypt_cbc(encrypted)

    def _decrypt_gcm(self, reader: BerReader, encrypted: Iterator[bytes]) -> Iterator[bytes]:
        mode = modes.GCM(self.initialization_vector, min_tag_length=MIN_ICV_LENGTH)
        decryptor = Cipher(self.algorithm.cipher(self.cek), mode).decryptor()
        if self.additional_data:
            decryptor.authenticate_additional_data(self.additional_data)
        yield from map(decryptor.update, encrypted)
        reader.leave()
        attributes, mac = reader.optional(AUTH_ATTRS), reader.element(der.OCTET_STRING).content
        # RFC 5083 section 2.2: "a separate encoding of the authAttrs field is performed to construct the AAD", a DER SET OF
        encoded = der.set_of(each.der for each in attributes.inside()) if attributes else b""
        if encoded != self.additional_data:
            raise _AuthenticatedAttributes(encoded)
        if len(mac) != self.icv_length:
            raise DecryptionError
        try:
            yield decryptor.finalize_with_tag(mac)
        except InvalidTag:
            raise DecryptionError from None

    def _decrypt_cbc(self, encrypted: Iterator[bytes]) -> Iterator[bytes]:
        cipher = self.algorithm.cipher(self.cek)
        decryptor = Cipher(cipher, modes.CBC(self.initialization_vector)).decryptor()
        unpadder = PKCS7(cipher.block_size).unpadder()
        for chunk in encrypted:
            yield unpadder.update(decryptor.update(chunk))
        try:
            yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
        except ValueError:
            raise DecryptionError from None
