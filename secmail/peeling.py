"""Taking the layers off a message one by one, the outermost first.

Nothing is judged here. Nothing is released before it is proven either: an envelope is decrypted to its end once before anything of it is
used, and every pass over the content decrypts the ciphertext again, so no plaintext rests anywhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from secmail import der
from secmail.certificates import Certificate
from secmail.cms import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    DATA,
    DIGESTED_DATA,
    ENCRYPTED_DATA,
    ENVELOPED_DATA,
    SIGNED_DATA,
)
from secmail.cms.allowance import Allowance
from secmail.cms.ber import BerReader, enter_content_info
from secmail.cms.compressed import MAX_SIZE, open_compressed
from secmail.cms.data import open_data
from secmail.cms.digested import open_digested
from secmail.cms.enveloped import open_encrypted, open_enveloped, sealed
from secmail.cms.signed import SignedData, verify
from secmail.errors import Malformed, Unsupported
from secmail.keys import OpeningKey
from secmail.layers import CompressedLayer, DataLayer, DigestedLayer, EnvelopedLayer, EnvelopeKind, Layer, SignedLayer
from secmail.mime import Entity, Header, Headers, read_entity
from secmail.mime.encodings import canonical
from secmail.paths import PathOptions, TrustStore
from secmail.streams import BytesSource, Source

MAX_LAYERS = 10
PKCS7_MIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")
PKCS7_SIGNATURE = ("application/pkcs7-signature", "application/x-pkcs7-signature")
SUFFIXES = (".p7m", ".p7s", ".p7c", ".p7z")
STRUCTURE = ("Content-Type", "Content-Transfer-Encoding")
CMS_OIDS = tuple(der.oid(each) for each in (DATA, SIGNED_DATA, ENVELOPED_DATA, AUTH_ENVELOPED_DATA, ENCRYPTED_DATA, COMPRESSED_DATA, DIGESTED_DATA))


@dataclass(frozen=True)
class Peeled:
    """A layer that was taken off, the octets inside and the same as MIME (None: they are something else)."""

    layer: Layer
    content: Source
    entity: Entity | None


def read_message(source: Source) -> Entity:
    """A message as it arrived: MIME, or a bare CMS structure, which is taken for a MIME entity without its header section."""
    if _is_content_info(source):
        return _bare(source)
    try:
        return read_entity(source)
    except Malformed as error:
        if _is_binary(source):
            raise Malformed("neither a message nor a CMS structure of a kind that is read") from error
        raise


def peel(
    outer: Entity,
    *,
    keys: Sequence[OpeningKey],
    trust: TrustStore,
    now: datetime,
    certificates: Sequence[Certificate] = (),
    options: PathOptions | None = None,
    max_size: int = MAX_SIZE,
    detached: Source | None = None,
    content_required: bool = True,
) -> Iterator[Peeled]:
    """Take the layers off one by one, the outermost first; nothing is judged. Parameters and errors as for ``unwrap``.

    Without ``content_required`` a signature that stands alone is a layer, too, around nothing.
    """
    opener = _Opener(keys, trust, now, certificates, options, max_size, content_required)
    entity: Entity | None = outer
    number = compressed = 0
    while entity is not None and (opened := opener.open(entity, None if number else detached)):
        layer, content, has_layers = opened
        number += 1
        if number > MAX_LAYERS:
            raise Malformed(f"more than {MAX_LAYERS} layers")
        compressed += isinstance(layer, CompressedLayer)
        if compressed > 1:
            raise Malformed("compressed content inside compressed content")
        entity = _entity(content) if has_layers else None
        yield Peeled(layer, content, entity)


def sealed_layer(entity: Entity) -> EnvelopedLayer:
    """An envelope that nobody opens here, as far as it can be read without a key. Malformed for anything else."""
    kind, algorithm, recipient_infos = sealed(entity.content)
    kinds: dict[str, EnvelopeKind] = {ENVELOPED_DATA: "enveloped", AUTH_ENVELOPED_DATA: "auth-enveloped", ENCRYPTED_DATA: "encrypted"}
    return EnvelopedLayer(algorithm, kind == AUTH_ENVELOPED_DATA, False, None, kinds[kind], recipient_infos=recipient_infos)


def _is_pkcs7(entity: Entity) -> bool:
    """RFC 8551 section 3.10, which has the file suffix decide for octets of no stated type."""
    named = entity.content_type == "application/octet-stream" and (entity.filename or "").lower().endswith(SUFFIXES)
    return named or entity.content_type in PKCS7_MIME


def _is_content_info(source: Source) -> bool:
    """Whether a source begins with a ContentInfo; the third octet of a header section is never that of an object identifier."""
    with closing(source.open()) as stream:
        start = stream.read(32)
    if start[:1] != bytes((der.SEQUENCE,)) or len(start) < 2:
        return False
    position = 2 + (start[1] & 0x7F if start[1] > 0x80 else 0)
    return start[position:].startswith(CMS_OIDS)


def _is_binary(source: Source) -> bool:
    """Whether a source begins as BER does, and not as text that only has a fault."""
    with closing(source.open()) as stream:
        start = stream.read(2)
    return start[:1] == bytes((der.SEQUENCE,)) and not start[1:].isascii()


def _bare(source: Source) -> Entity:
    fields = (("Content-Type", PKCS7_MIME[0]), ("Content-Transfer-Encoding", "binary"))
    return Entity(source, Headers([Header(name, value, f"{name}: {value}\r\n".encode()) for name, value in fields]), 0, 0)


def _entity(content: Source) -> Entity | None:
    """None for content that is neither MIME nor CMS, which plain CMS programs put into messages."""
    try:
        return read_message(content)
    except Malformed:
        return None


Opened = tuple[Layer, Source, bool]  # the layer, what is inside, whether that may be a message again


@dataclass(frozen=True)
class _Opener:
    keys: Sequence[OpeningKey]
    trust: TrustStore
    now: datetime
    certificates: Sequence[Certificate]
    options: PathOptions | None
    max_size: int
    content_required: bool
    allowance: Allowance = field(default_factory=Allowance)

    def open(self, entity: Entity, detached: Source | None) -> Opened | None:
        """None where the entity is no layer. ``detached`` is the content of a signature that stands alone."""
        layer = self._layer(entity, detached)
        if layer is not None and any(len(entity.headers.get_all(name)) > 1 for name in STRUCTURE):
            raise Malformed("a header section with two content types or transfer encodings, which programs read in different ways")
        if layer is not None and entity.headers.has_bare_returns:
            raise Malformed("a header section with carriage returns inside a line, where other programs see the next field begin")
        return layer

    def _layer(self, entity: Entity, detached: Source | None) -> Opened | None:
        if entity.content_type == "multipart/signed" and entity.parameters.get("protocol", "").lower() in PKCS7_SIGNATURE:
            self.allowance.enter_layer(entity.body, entity.encoding)
            self.allowance.take_multipart_signed(entity.body)
            return self._multipart_signed(entity)
        if not _is_pkcs7(entity):
            return None
        self.allowance.enter_layer(entity.body, entity.encoding)
        with closing(entity.content.open()) as stream:
            content_type = enter_content_info(BerReader(stream))
        if content_type == SIGNED_DATA:
            return self._signed(entity.content, detached)
        open_layer = {
            ENVELOPED_DATA: self._enveloped,
            AUTH_ENVELOPED_DATA: self._enveloped,
            ENCRYPTED_DATA: self._encrypted,
            COMPRESSED_DATA: self._compressed,
            DIGESTED_DATA: self._digested,
            DATA: self._data,
        }.get(content_type)
        if open_layer is None:
            raise Unsupported(f"CMS content type {content_type} is not supported")
        return open_layer(entity.content)

    def _enveloped(self, source: Source) -> Opened:
        opened = open_enveloped(source, keys=self.keys)
        if opened.content_encryption.weak:
            self.allowance.inside_weak_encryption()
        return EnvelopedLayer.opened(opened, "auth-enveloped" if opened.authenticated else "enveloped"), opened.content, True

    def _encrypted(self, source: Source) -> Opened:
        opened = open_encrypted(source, keys=self.keys)
        if opened.content_encryption.weak:
            self.allowance.inside_weak_encryption()
        return EnvelopedLayer.opened(opened, "encrypted"), opened.content, True

    def _compressed(self, source: Source) -> Opened:
        return CompressedLayer(), open_compressed(source, max_size=self.max_size, allowance=self.allowance), True

    def _digested(self, source: Source) -> Opened:
        opened = open_digested(source)
        return DigestedLayer(opened.digest_algorithm.name), opened.content, True

    def _data(self, source: Source) -> Opened:
        return DataLayer(), open_data(source), True

    def _signed(self, source: Source, detached: Source | None) -> Opened:
        signed = self._verified(source, detached)
        content = signed.content or detached
        return _signed_layer(signed), content or BytesSource(b""), signed.content_type == DATA and content is not None

    def _multipart_signed(self, entity: Entity) -> Opened:
        parts = entity.parts()
        if len(parts) != 2:
            raise Malformed("a multipart/signed has two parts (RFC 1847 section 2.1)")
        if parts[1].content_type not in (*PKCS7_SIGNATURE, "application/octet-stream"):
            raise Malformed("the second part of a multipart/signed is no signature (RFC 8551 section 3.5.3.2)")
        content = canonical(parts[0].raw)  # RFC 8551 section 3.1.1: whatever line ends the message was stored with
        signed = self._verified(parts[1].content, content)
        if signed.content_type != DATA:
            # RFC 8551 section 2.4.2 has id-data for MIME; what its signer signed was a receipt or a time stamp
            raise Malformed("a multipart/signed whose signature is of something that is no MIME")
        return _signed_layer(signed), content, True

    def _verified(self, source: Source, detached: Source | None) -> SignedData:
        return verify(
            source,
            trust=self.trust,
            now=self.now,
            detached=detached,
            certificates=self.certificates,
            options=self.options,
            allowance=self.allowance,
            content_required=self.content_required,
        )


def _signed_layer(signed: SignedData) -> SignedLayer:
    return SignedLayer.of(signed.signers, signed.agreement, signed.content_type, signed.certificates)
