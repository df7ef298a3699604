"""EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083), made and opened as streams; EncryptedData (section 8), opened."""

import io
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.padding import PKCS7

from secmail import der
from secmail.algorithms import (
    CONTENT_ENCRYPTIONS,
    NONCE_LENGTH,
    AlgorithmIdentifier,
    AuthenticatedEncryptor,
    ContentEncryption,
    lookup,
)
from secmail.certificates import Certificate
from secmail.cms import AUTH_ENVELOPED_DATA, DATA, ENCRYPTED_DATA, ENVELOPED_DATA
from secmail.cms.ber import END_OF_CONTENTS, BerReader, OctetsWriter, content_info, enter_content_info, opening
from secmail.cms.recipients import AnyRecipient, make_all, open_first
from secmail.errors import DecryptionError, Malformed, NotARecipient, Unsupported
from secmail.keys import OpeningKey, SecretKey
from secmail.streams import CHUNK, ChunkReader, Source, Writable

ORIGINATOR_INFO, AUTH_ATTRS = der.context(0), der.context(1)
UNPROTECTED_ATTRS, UNAUTH_ATTRS = der.context(1), der.context(2)
ENCRYPTED_CONTENT = der.context(0, constructed=False)
MAX_PARAMETERS, MAX_ATTRIBUTES = 1_000, 10_000  # elements


# Making


class EnvelopedDataWriter:
    """A sink for content that becomes an EnvelopedData or, if authenticated, an AuthEnvelopedData around it; ``close`` ends it.

    The content-encryption key is drawn here, once, and forgotten with the writer.
    """

    def __init__(self, target: Writable, *, recipients: Sequence[AnyRecipient], content_encryption: ContentEncryption) -> None:
        if not recipients:
            raise ValueError("there are no recipients")
        self._target, self._algorithm = target, content_encryption
        cek = secrets.token_bytes(content_encryption.key_length)
        self._encryptor: AuthenticatedEncryptor | CipherContext
        if content_encryption.authenticated:
            nonce = secrets.token_bytes(NONCE_LENGTH)
            self._encryptor, self._padder = content_encryption.encryptor(cek, nonce), None
            parameters = content_encryption.parameters(nonce)
        else:
            cipher = content_encryption.cipher(cek)
            initialization_vector = secrets.token_bytes(cipher.block_size // 8)
            self._encryptor = Cipher(cipher, modes.CBC(initialization_vector)).encryptor()
            self._padder = PKCS7(cipher.block_size).padder()
            parameters = der.octets(initialization_vector)
        self._begin(*make_all(recipients, cek), AlgorithmIdentifier(content_encryption.oid, parameters))

    def _begin(self, recipient_infos: list[bytes], version: int, algorithm: AlgorithmIdentifier) -> None:
        authenticated = self._algorithm.authenticated
        version = 0 if authenticated else version
        self._target.write(content_info(AUTH_ENVELOPED_DATA if authenticated else ENVELOPED_DATA))
        self._target.write(opening(der.SEQUENCE) + der.integer(version))
        for piece in der.pieces_of_set(recipient_infos):
            self._target.write(piece)
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
            self._target.write(der.octets(self._encryptor.tag))  # type: ignore[union-attr]
        self._target.write(END_OF_CONTENTS * 3)


# Opening


@dataclass(frozen=True)
class Enveloped:
    """Opened content. ``authenticated`` says whether the encryption itself proves that nothing was changed.

    ``key`` is the one that opened it, ``recipient_infos`` the members of the SET as read (``summary.summaries`` reads them further).
    """

    content: "DecryptedContent"
    content_encryption: ContentEncryption
    key: OpeningKey
    recipient_infos: bytes

    @property
    def authenticated(self) -> bool:
        return self.content_encryption.authenticated


def open_enveloped(source: Source, *, keys: Sequence[OpeningKey]) -> Enveloped:
    """Decrypt once to the end before anything is released, then give the content as a source; more than a chunk is decrypted again in each pass.

    NotARecipient if none of the keys fits; DecryptionError, always the same, for every failure after that.
    """
    with closing(source.open()) as stream:
        reader = BerReader(stream)
        header = _limited_header(reader)
        if header.recipient_infos is None:
            raise Malformed("neither an EnvelopedData nor an AuthEnvelopedData")
        algorithm, initialization_vector, icv_length = _cipher(header)
        cek, key = open_first(header.recipient_infos, keys, algorithm.key_length)
        content = DecryptedContent(source, algorithm, cek, initialization_vector, icv_length)
        try:
            content = content.checked(reader)
        except _AuthenticatedAttributes as found:
            with closing(source.open()) as again:
                content = replace(content, additional_data=found.encoded).checked(_beyond_header(again))
    return Enveloped(content, algorithm, key, header.recipient_infos.content)


def open_encrypted(source: Source, *, keys: Sequence[OpeningKey]) -> Enveloped:
    """The same for an EncryptedData, whose content-encryption key is a secret key that fits."""
    header = _header(source)
    if header.recipient_infos is not None:
        raise Malformed("not an EncryptedData")
    algorithm, initialization_vector, _ = _cipher(header)
    fitting = [key for key in keys if isinstance(key, SecretKey) and len(key.value) == algorithm.key_length]
    for key in fitting:
        content = DecryptedContent(source, algorithm, key.value, initialization_vector, 0)
        with closing(source.open()) as stream, suppress(DecryptionError):
            return Enveloped(content.checked(_beyond_header(stream)), algorithm, key, b"")
    raise DecryptionError if fitting else NotARecipient("the message is not encrypted with any of these keys")


def sealed(source: Source) -> tuple[str, str, bytes]:
    """(content type, content encryption by name or OID, members of the recipient infos) of an envelope that is not opened."""
    header = _header(source)
    row = CONTENT_ENCRYPTIONS.get(header.algorithm.oid)
    return header.kind, row.name if row else header.algorithm.oid, header.recipient_infos.content if header.recipient_infos else b""


def _header(source: Source) -> "_Header":
    with closing(source.open()) as stream:
        return _limited_header(BerReader(stream))


def _limited_header(reader: BerReader) -> "_Header":
    header = _Header.read(reader)
    return header if header.recipient_infos is None else replace(header, recipient_infos=der.limited(header.recipient_infos)[0])


def _beyond_header(stream: BinaryIO) -> BerReader:
    reader = BerReader(stream)
    _Header.read(reader)
    return reader


def _cipher(header: "_Header") -> tuple[ContentEncryption, bytes, int]:
    """(algorithm, nonce or initialization vector, length of the authentication tag); read before a key is asked for."""
    if header.content_type != DATA:
        # RFC 8551 puts nothing else into envelopes, and nothing would protect a content type that was changed on the way
        raise Unsupported(f"encrypted content of type {header.content_type} is not supported")
    algorithm = lookup(CONTENT_ENCRYPTIONS, header.algorithm.oid, "content-encryption algorithm")
    if header.authenticated != algorithm.authenticated:
        raise Unsupported("the content-encryption algorithm does not fit the content type")
    return algorithm, *algorithm.read_parameters(header.algorithm.parameters)


@dataclass(frozen=True)
class _Header:
    """What comes before the encrypted content; an EncryptedData has no recipient infos."""

    kind: str
    has_originator_info: bool
    recipient_infos: der.Element | None
    content_type: str
    algorithm: AlgorithmIdentifier

    @property
    def authenticated(self) -> bool:
        return self.kind == AUTH_ENVELOPED_DATA

    @classmethod
    def read(cls, reader: BerReader) -> "_Header":
        content_type = enter_content_info(reader)
        if content_type not in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA, ENCRYPTED_DATA):
            raise Malformed("neither an EnvelopedData nor an AuthEnvelopedData nor an EncryptedData")
        reader.enter(der.SEQUENCE)
        reader.element(der.INTEGER)
        originator_info = recipient_infos = None
        if content_type != ENCRYPTED_DATA:
            originator_info = reader.optional(ORIGINATOR_INFO)
            recipient_infos = reader.element(der.SET)
        reader.enter(der.SEQUENCE)
        inner_type = reader.element(der.OBJECT_IDENTIFIER).oid()
        identifier, _ = der.limited(reader.element(der.SEQUENCE), MAX_PARAMETERS)
        algorithm = AlgorithmIdentifier.from_element(identifier)
        return cls(content_type, originator_info is not None, recipient_infos, inner_type, algorithm)


class _AuthenticatedAttributes(Exception):
    """Attributes that are authenticated with the content follow it, while they must be known before."""

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self.encoded = encoded


@dataclass(frozen=True, repr=False)
class DecryptedContent:
    """The content; each pass decrypts again, and checks the authentication tag or the padding again at its end.

    ``held`` is what ``checked`` kept of content that fits into one chunk.
    """

    source: Source
    algorithm: ContentEncryption
    cek: bytes
    initialization_vector: bytes
    icv_length: int
    additional_data: bytes = b""
    held: bytes | None = None

    def open(self) -> BinaryIO:
        if self.held is not None:
            return io.BytesIO(self.held)
        stream = self.source.open()
        return ChunkReader(self._decrypt(_beyond_header(stream)), stream)

    def checked(self, reader: BerReader) -> "DecryptedContent":
        """Decrypt once to the end, from a reader that is where the content begins; what is more than a chunk is thrown away."""
        held, size = [], 0
        for piece in self._decrypt(reader):
            size += len(piece)
            if size <= CHUNK:
                held.append(piece)
            else:
                held.clear()
        return replace(self, held=b"".join(held)) if size <= CHUNK else self

    def _decrypt(self, reader: BerReader) -> Iterator[bytes]:
        encrypted = reader.octets(ENCRYPTED_CONTENT)
        return self._decrypt_authenticated(reader, encrypted) if self.algorithm.authenticated else self._decrypt_cbc(reader, encrypted)

    def _decrypt_authenticated(self, reader: BerReader, encrypted: Iterator[bytes]) -> Iterator[bytes]:
        decryptor = self.algorithm.decryptor(self.cek, self.initialization_vector)
        if self.additional_data:
            decryptor.authenticate_additional_data(self.additional_data)
        yield from map(decryptor.update, encrypted)
        reader.leave()
        attributes, mac = reader.optional(AUTH_ATTRS), reader.element(der.OCTET_STRING).content
        # RFC 5083 section 2.2: "a separate encoding of the authAttrs field is performed to construct the AAD", a DER SET OF
        encoded = der.set_of(each.der for each in der.limited(attributes, MAX_ATTRIBUTES)[0].inside()) if attributes else b""
        if encoded != self.additional_data:
            raise _AuthenticatedAttributes(encoded)
        _end(reader, UNAUTH_ATTRS)
        if len(mac) != self.icv_length:
            raise DecryptionError
        try:
            yield decryptor.finalize_with_tag(mac)
        except InvalidTag:
            raise DecryptionError from None

    def _decrypt_cbc(self, reader: BerReader, encrypted: Iterator[bytes]) -> Iterator[bytes]:
        cipher = self.algorithm.cipher(self.cek)
        decryptor = Cipher(cipher, modes.CBC(self.initialization_vector)).decryptor()
        unpadder = PKCS7(cipher.block_size).unpadder()
        for chunk in encrypted:
            yield unpadder.update(decryptor.update(chunk))
        reader.leave()
        _end(reader, UNPROTECTED_ATTRS)
        try:
            yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
        except ValueError:
            raise DecryptionError from None


def _end(reader: BerReader, attributes: int) -> None:
    """Nothing but attributes that nothing protects may follow."""
    reader.optional(attributes)
    for _ in range(3):
        reader.leave()


# For other recipients


def readdress(
    content: DecryptedContent, target: Writable, *, recipients: Sequence[AnyRecipient], originator: Sequence[Certificate]
) -> None:
    """The same encrypted content under the same key, for other recipients (RFC 2634 section 4.2.3.1 step 2).

    ``originator`` are the certificates that replace those of the originatorInfo, where there is one.
    """
    with closing(content.source.open()) as stream:
        reader = BerReader(stream)
        header = _Header.read(reader)
        if header.recipient_infos is None:
            # Its key is a secret that people share, not one of this message
            raise Unsupported("an EncryptedData has no recipients who could be replaced")
        infos, version = make_all(recipients, content.cek)
        certificates = der.set_of({each.der for each in originator}, der.context(0))
        originator_info = der.tlv(ORIGINATOR_INFO, certificates) if header.has_originator_info else b""
        attributes = b"" if header.authenticated else _unprotected_attributes(content.source)
        # RFC 5652 section 6.1; an AuthEnvelopedData is always version 0
        version = 0 if header.authenticated else max(version, 2 if originator_info or attributes else 0)
        target.write(content_info(AUTH_ENVELOPED_DATA if header.authenticated else ENVELOPED_DATA))
        target.write(opening(der.SEQUENCE) + der.integer(version) + originator_info)
        for piece in der.pieces_of_set(infos):
            target.write(piece)
        target.write(opening(der.SEQUENCE) + der.oid(header.content_type) + header.algorithm.der + opening(ENCRYPTED_CONTENT))
        encrypted = OctetsWriter(target)
        for chunk in reader.octets(ENCRYPTED_CONTENT):
            encrypted.write(chunk)
        encrypted.close()
        target.write(END_OF_CONTENTS)
        reader.leave()
        while reader.peek() is not None:
            target.write(reader.element().der)
        target.write(END_OF_CONTENTS * 3)


def _unprotected_attributes(source: Source) -> bytes:
    """They follow the content, while the version that depends on them precedes it."""
    with closing(source.open()) as stream:
        reader = BerReader(stream)
        _Header.read(reader)
        for _ in reader.octets(ENCRYPTED_CONTENT):
            pass
        reader.leave()
        found = reader.optional(UNPROTECTED_ATTRS)
    return found.der if found else b""
