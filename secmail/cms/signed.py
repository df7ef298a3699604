"""SignedData (RFC 5652 section 5), made and verified as streams."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal

from secmail import der
from secmail.algorithms import DIGESTS, AlgorithmIdentifier, Digest, signing
from secmail.certificates import Certificate
from secmail.cms import DATA, SIGNED_DATA
from secmail.cms import attributes as attribute
from secmail.cms.attributes import (
    EssAttributes,
    ReceiptRequest,
    is_set_of_attributes,
    signed_attributes,
    standing_attributes,
)
from secmail.cms.ber import END_OF_CONTENTS, BerReader, OctetsWriter, content_info, enter_content_info, opening
from secmail.cms.signers import SignedContent, Signer, VerifiedSigner, verify_signer
from secmail.errors import Malformed, SecmailError
from secmail.keys import SigningKey
from secmail.paths import TrustStore
from secmail.streams import CHUNK, ChunkReader, Source, Writable

MAX_SIGNERS, MAX_CERTIFICATES = 64, 200
MAX_COLLECTION = 4 * 1024 * 1024  # octets of all certificates, and of all signers
MAX_ATTRIBUTES = 1024 * 1024  # no signed attributes are larger; content beyond can't be mistaken for them
CERTIFICATES, CRLS = der.context(0), der.context(1)

LabelState = Literal["absent", "present", "conflict", "malformed"]


# Making


class SignedDataWriter:
    """A sink for content that becomes a SignedData around it, with one signer; ``close`` signs.

    ``certificates`` go into the message beside the signer's own and ``encryption_certificate``, which answers shall be encrypted to
    (the signer's own if it can).
    """

    def __init__(
        self,
        target: Writable,
        *,
        signer: SigningKey,
        signing_time: datetime,
        certificates: Iterable[Certificate] = (),
        encryption_certificate: Certificate | None = None,
        attributes: EssAttributes | None = None,
        content_type: str = DATA,
    ) -> None:
        self._target, self._signer, self._signing_time = target, signer, signing_time
        self._attributes = attributes or EssAttributes()
        if encryption_certificate is None and signer.certificate.can_encrypt:
            encryption_certificate = signer.certificate
        self._encryption_certificate, self._content_type = encryption_certificate, content_type
        bag = (signer.certificate, encryption_certificate, *certificates)
        self._certificates = {each.der for each in bag if each is not None}
        self._digest, self._signature_algorithm = signing(signer.certificate.public_key)
        self._running = self._digest.start()
        target.write(content_info(SIGNED_DATA) + opening(der.SEQUENCE) + der.integer(1 if content_type == DATA else 3))
        target.write(der.set_of([self._digest.identifier.der]) + opening(der.SEQUENCE) + der.oid(content_type))
        target.write(opening(der.context(0)) + opening(der.OCTET_STRING))
        self._content = OctetsWriter(target)

    def write(self, data: bytes, /) -> int:
        self._running.update(data)
        return self._content.write(data)

    def close(self) -> None:
        self._content.close()
        self._target.write(END_OF_CONTENTS * 2)
        self._target.write(der.set_of(self._certificates, CERTIFICATES))
        self._target.write(der.set_of([self._signer_info(self._running.finalize())]))
        self._target.write(END_OF_CONTENTS * 3)

    def _signer_info(self, message_digest: bytes) -> bytes:
        certificate, digest, algorithm = self._signer.certificate, self._digest.identifier, self._signature_algorithm
        attributes = signed_attributes(
            content_type=self._content_type,
            message_digest=message_digest,
            signing_time=self._signing_time,
            standing=standing_attributes(certificate, digest, algorithm, self._encryption_certificate),
            ess=self._attributes,
        )
        return der.sequence(
            der.integer(1),
            certificate.issuer_and_serial_number,
            digest.der,
            der.tlv(der.context(0), der.read(attributes, der.SET).rest()),
            algorithm.der,
            der.octets(self._signer.sign(attributes, self._digest)),
        )


# Verifying


@dataclass(frozen=True)
class SignedData:
    """A SignedData with its signers looked at. ``content`` is None where none is encapsulated (detached, or certificates only)."""

    content_type: str
    signers: tuple[Signer, ...]
    certificates: tuple[Certificate, ...]
    content: Source | None

    @property
    def verified_signers(self) -> tuple[VerifiedSigner, ...]:
        return tuple(each for each in self.signers if isinstance(each, VerifiedSigner))

    @property
    def security_label(self) -> tuple[LabelState, bytes | None]:
        """RFC 2634 section 3.1.1: if one SignerInfo has a label, "all of the signerInfos [...] MUST include" the same."""
        verified = self.verified_signers
        if any(attribute.SECURITY_LABEL in each.malformed for each in verified):
            return "malformed", None
        labels = {each.security_label for each in verified}
        if len(labels) > 1:
            return "conflict", None
        label = labels.pop() if labels else None
        return ("absent", None) if label is None else ("present", label)

    @property
    def receipt_request(self) -> ReceiptRequest | None:
        """That of the verified signers; None if they ask for different things (RFC 2634 section 2.3)."""
        verified = self.verified_signers
        requests = {each.receipt_request for each in verified if each.receipt_request is not None}
        confused = len(requests) > 1 or any(attribute.RECEIPT_REQUEST in each.malformed for each in verified)
        return None if confused or not requests else requests.pop()


def verify(
    source: Source, *, trust: TrustStore, now: datetime, detached: Source | None = None, certificates: Sequence[Certificate] = ()
) -> SignedData:
    """Read a SignedData once and verify every signer; raises Malformed and Unsupported only.

    ``detached`` is the content of a multipart/signed, ``certificates`` more that signers may have been signed with.
    """
    with closing(source.open()) as stream:
        reader = BerReader(stream)
        content_type, digests, encapsulated = _enter(reader)
        observer = _ContentObserver(digests)
        if encapsulated:
            observer.observe(reader.octets())
            reader.leave()
        elif detached is not None:
            with closing(detached.open()) as content:
                observer.observe(iter(lambda: content.read(CHUNK), b""))
        reader.leave()
        bag = _certificates(reader.optional(CERTIFICATES, MAX_COLLECTION))
        reader.optional(CRLS)
        infos = list(reader.element(der.SET, MAX_COLLECTION).inside().at_most(MAX_SIGNERS))
        for _ in range(3):
            reader.leave()
    if infos and not encapsulated and detached is None:
        raise Malformed("the signed content is absent")
    content_seen = observer.finish(content_type)
    known = (*bag, *certificates)
    signers = tuple(verify_signer(each, content_seen, certificates=known, trust=trust, now=now) for each in infos)
    return SignedData(content_type, signers, bag, _EncapsulatedContent(source) if encapsulated else None)


@dataclass(frozen=True)
class _EncapsulatedContent:
    """The content octets of a SignedData; each pass reads the structure again."""

    source: Source

    def open(self) -> BinaryIO:
        stream = self.source.open()
        reader = BerReader(stream)
        _enter(reader)
        return ChunkReader(reader.octets(), stream)


def _enter(reader: BerReader) -> tuple[str, list[Digest], bool]:
    """Read as far as the content octets: (content type, digest algorithms that are read here, whether content follows)."""
    if enter_content_info(reader) != SIGNED_DATA:
        raise Malformed("not a SignedData")
    reader.enter(der.SEQUENCE)
    reader.element(der.INTEGER)
    algorithms = [AlgorithmIdentifier.from_element(each) for each in reader.element(der.SET).inside()]
    reader.enter(der.SEQUENCE)
    content_type = reader.element(der.OBJECT_IDENTIFIER).oid()
    encapsulated = reader.peek() is not None
    if encapsulated:
        reader.enter(der.context(0))
    return content_type, [DIGESTS[oid] for oid in {each.oid for each in algorithms} & DIGESTS.keys()], encapsulated


class _ContentObserver:
    """Digests content as it goes by and keeps it as long as it might be a SET OF Attribute."""

    def __init__(self, digests: Iterable[Digest]) -> None:
        self._running = {each: each.start() for each in digests}
        self._suspect: bytearray | None = bytearray()

    def observe(self, chunks: Iterator[bytes]) -> None:
        for chunk in chunks:
            for running in self._running.values():
                running.update(chunk)
            if self._suspect is not None:
                self._suspect += chunk
                if self._suspect[:1] != bytes((der.SET,)) or len(self._suspect) > MAX_ATTRIBUTES:
                    self._suspect = None

    def finish(self, content_type: str) -> SignedContent:
        values = {digest: running.finalize() for digest, running in self._running.items()}
        return SignedContent(content_type, values, bool(self._suspect) and is_set_of_attributes(bytes(self._suspect or b"")))


def _certificates(member: der.Element | None) -> tuple[Certificate, ...]:
    """The X.509 certificates of a CertificateSet; attribute certificates and unreadable ones are passed over."""
    found = []
    for each in member.inside().at_most(MAX_CERTIFICATES) if member else ():
        with suppress(SecmailError):
            found.append(Certificate.from_der(each.der))
    return tuple(found)
