"""SignedData (RFC 5652 section 5), made and verified as streams."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from secmail import der
from secmail.algorithms import DIGESTS, AlgorithmIdentifier, Digest, SigningAlgorithm
from secmail.certificates import Certificate
from secmail.cms import DATA, SIGNED_DATA
from secmail.cms.allowance import MAX_PURE, MAX_SIGNERS, Allowance
from secmail.cms.attributes import (
    EssAttributes,
    is_set_of_attributes,
    signed_attributes,
    standing_attributes,
)
from secmail.cms.ber import END_OF_CONTENTS, BerReader, OctetsWriter, content_info, enter_content_info, opening
from secmail.cms.claims import Agreement
from secmail.cms.signer_info import signer_info
from secmail.cms.signers import Signer, VerifiedSigner
from secmail.cms.verifying import Circumstances, SignedContent, verify_signer
from secmail.errors import BadSignature, Malformed, SecmailError, Unsupported
from secmail.keys import SigningKey
from secmail.paths import PathOptions, Paths, TrustStore
from secmail.streams import CHUNK, BytesSource, ChunkReader, Source, Writable

MAX_COLLECTION = 4 * 1024 * 1024  # octets of all certificates, and of all signers
MAX_EVIDENCE = 32  # CRLs and OCSP responses
MAX_OCSP = 64 * 1024  # octets of all OCSP responses, most of which have two thousand
MAX_DIGESTS = 1_000  # elements of the digest algorithms, which are read in each pass
MAX_ATTRIBUTES = 1024 * 1024  # no signed attributes are larger; content beyond can't be mistaken for them
CERTIFICATES, CRLS = der.context(0), der.context(1)
OTHER_REVOCATION_INFO = der.context(1)
OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"  # RFC 5940


# Making


class SignedDataWriter:
    """A sink for content that becomes a SignedData around it; ``close`` signs. ``detached`` leaves the content out.

    Every ``co_signers`` key signs the same content and the same ESS attributes (RFC 2634 section 3.1.1 wants it so). ``certificates`` go into
    the message beside the signers' own and ``encryption_certificate``, which answers shall be encrypted to (the signer's own if it can).
    ``pss`` makes RSA keys sign with RSASSA-PSS.
    """

    def __init__(
        self,
        target: Writable,
        *,
        signer: SigningKey,
        signing_time: datetime,
        co_signers: Sequence[SigningKey] = (),
        certificates: Iterable[Certificate] = (),
        encryption_certificate: Certificate | None = None,
        attributes: EssAttributes | None = None,
        content_type: str = DATA,
        detached: bool = False,
        pss: bool = False,
    ) -> None:
        self._target, self._signing_time = target, signing_time
        self._attributes = attributes or EssAttributes()
        if encryption_certificate is None and signer.certificate.can_encrypt:
            encryption_certificate = signer.certificate
        self._content_type = content_type
        self._signers = [_Signing.plan(signer, encryption_certificate, pss)]
        self._signers += [
            _Signing.plan(each, each.certificate if each.certificate.can_encrypt else None, pss) for each in co_signers
        ]
        bag = (encryption_certificate, *(each.certificate for each in (signer, *co_signers)), *certificates)
        self._certificates = {each.der for each in bag if each is not None}
        self._running = {each.algorithm.digest: each.algorithm.digest.start() for each in self._signers}
        version, digests = der.integer(1 if content_type == DATA else 3), der.set_of({each.identifier.der for each in self._running})
        beginning = content_info(SIGNED_DATA) + opening(der.SEQUENCE) + version + digests + opening(der.SEQUENCE) + der.oid(content_type)
        # In few pieces, because each goes through the encryption around it
        target.write(beginning if detached else beginning + opening(der.context(0)) + opening(der.OCTET_STRING))
        self._content = None if detached else OctetsWriter(target)

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Those of the signers, for the micalg parameter of multipart/signed."""
        return tuple(self._running)

    def write(self, data: bytes, /) -> int:
        for running in self._running.values():
            running.update(data)
        if self._content is not None:
            self._content.write(data)
        return len(data)

    def close(self) -> None:
        if self._content is not None:
            self._content.close()
        values = {digest: running.finalize() for digest, running in self._running.items()}
        infos = der.set_of(self._signer_info(each, values[each.algorithm.digest]) for each in self._signers)
        ends = END_OF_CONTENTS if self._content is None else END_OF_CONTENTS * 2
        self._target.write(ends + der.set_of(self._certificates, CERTIFICATES) + infos + END_OF_CONTENTS * 3)

    def _signer_info(self, planned: "_Signing", message_digest: bytes) -> bytes:
        certificate, algorithm = planned.key.certificate, planned.algorithm
        digest = algorithm.digest.identifier
        attributes = signed_attributes(
            content_type=self._content_type,
            message_digest=message_digest,
            signing_time=self._signing_time,
            standing=standing_attributes(certificate, digest, algorithm.identifier, planned.encryption_certificate),
            ess=self._attributes,
        )
        return signer_info(planned.key, algorithm, attributes)


@dataclass(frozen=True)
class _Signing:
    """How one signer signs."""

    key: SigningKey
    algorithm: SigningAlgorithm
    encryption_certificate: Certificate | None

    @classmethod
    def plan(cls, key: SigningKey, encryption_certificate: Certificate | None, pss: bool) -> "_Signing":
        return cls(key, key.certificate.signing(pss=pss), encryption_certificate)


def certificates_only(certificates: Iterable[Certificate], crls: Iterable[bytes] = ()) -> bytes:
    """RFC 8551 section 3.8: a SignedData without content and signers that carries certificates, and CRLs as DER."""
    lists = list(crls)
    content = der.sequence(
        der.integer(1),
        der.set_of(()),
        der.sequence(der.oid(DATA)),
        der.set_of({each.der for each in certificates}, CERTIFICATES),
        der.set_of(lists, CRLS) if lists else b"",
        der.set_of(()),
    )
    return der.sequence(der.oid(SIGNED_DATA), der.tlv(der.context(0), content))


# Verifying


@dataclass(frozen=True)
class SignedData:
    """A SignedData with its signers looked at. ``content`` is None where none is encapsulated (detached, or certificates only).

    ``crls`` and ``ocsps`` are revocation evidence that came along, as DER and unproven.
    """

    content_type: str
    signers: tuple[Signer, ...]
    certificates: tuple[Certificate, ...]
    content: Source | None
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    @property
    def verified_signers(self) -> tuple[VerifiedSigner, ...]:
        return tuple(each for each in self.signers if isinstance(each, VerifiedSigner))

    @property
    def agreement(self) -> Agreement:
        """What the verified signers say together."""
        return Agreement(self.verified_signers)


def verify(
    source: Source,
    *,
    trust: TrustStore,
    now: datetime,
    detached: Source | None = None,
    certificates: Sequence[Certificate] = (),
    options: PathOptions | None = None,
    allowance: Allowance | None = None,
    content_required: bool = True,
) -> SignedData:
    """Read a SignedData once and verify every signer; raises Malformed and Unsupported only.

    ``detached`` is the content of a multipart/signed, ``certificates`` more that signers may have been signed with. No signer is verified
    where there is detached content and other content in the SignedData: one would be shown and the other signed. ``allowance`` is shared by
    the layers of a message. A signature without any content is Malformed, or unverifiable if content is not required.
    """
    options, allowance = options or PathOptions(), allowance or Allowance()
    with closing(source.open()) as stream:
        reader = BerReader(stream)
        content_type, digests, encapsulated = _enter(reader)
        allowance.take_digests(len(digests))
        observer = _ContentObserver(digests)
        if encapsulated:
            observer.observe(reader.octets())
            reader.leave()
        elif detached is not None:
            with closing(detached.open()) as content:
                observer.observe(iter(lambda: content.read(CHUNK), b""))
        reader.leave()
        bag = _certificates(reader.optional(CERTIFICATES, MAX_COLLECTION), allowance)
        crls, ocsps = _revocation_infos(allowance.read(reader.optional(CRLS, MAX_COLLECTION)))
        infos = list(allowance.read(reader.element(der.SET, MAX_COLLECTION)).at_most(MAX_SIGNERS))
        for _ in range(3):
            reader.leave()
        reader.end()
    if infos and not encapsulated and detached is None and content_required:
        raise Malformed(ABSENT)
    signed = observer.content or _EncapsulatedContent(source) if encapsulated else None
    refusal = _refusal(encapsulated, detached is not None)
    content_seen = observer.finish(content_type, lambda: _octets(signed or detached, allowance), refusal)
    if crls or ocsps:
        # Not kept: each message could fill the memory with evidence of its own
        options = replace(options, crls=(*options.crls, *crls), ocsps=(*options.ocsps, *ocsps), cache=None)
    known = (*bag, *certificates)
    cost = 1 + len(crls) + len(ocsps) + sum(map(len, (*crls, *ocsps))) // 4096
    paths = Paths(
        trust=trust, at=now, intermediates=known, options=options, steps=allowance.steps, verifications=allowance.verifications, cost=cost
    )
    circumstances = Circumstances(known, paths, now, allowance)
    signers = tuple(verify_signer(each, content_seen, circumstances) for each in infos)
    return SignedData(content_type, signers, bag, signed, crls, ocsps)


ABSENT = "the signed content is absent: a signature that stands alone is read together with what it is about"


def _refusal(encapsulated: bool, detached: bool) -> SecmailError | None:
    """Exactly one content is what a signature can be about."""
    if encapsulated and detached:
        return BadSignature("the signature has content of its own, which is not the content shown")
    return None if encapsulated or detached else Unsupported(ABSENT)


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
    digests, _ = der.limited(reader.element(der.SET, MAX_ATTRIBUTES), MAX_DIGESTS)
    algorithms = list(_algorithms(digests.inside()))
    known = [DIGESTS[oid] for oid in {each.oid for each in algorithms} & DIGESTS.keys()]
    reader.enter(der.SEQUENCE)
    content_type = reader.element(der.OBJECT_IDENTIFIER).oid()
    encapsulated = reader.peek() is not None
    if encapsulated:
        reader.enter(der.context(0))
    return content_type, known, encapsulated


def _algorithms(members: der.Reader) -> Iterator[AlgorithmIdentifier]:
    while members.peek() is not None:
        yield AlgorithmIdentifier.read(members)


class _ContentObserver:
    """Digests content as it goes by, and keeps it as long as it is one chunk or might be a SET OF Attribute."""

    def __init__(self, digests: Iterable[Digest]) -> None:
        self._running = {each: each.start() for each in digests}
        self._kept: bytearray | None = bytearray()

    def observe(self, chunks: Iterator[bytes]) -> None:
        for chunk in chunks:
            for running in self._running.values():
                running.update(chunk)
            if self._kept is not None:
                self._kept += chunk
                if len(self._kept) > (MAX_ATTRIBUTES if self._may_be_attributes else CHUNK):
                    self._kept = None

    @property
    def content(self) -> BytesSource | None:
        """The content, if it was kept."""
        return None if self._kept is None else BytesSource(bytes(self._kept))

    @property
    def _may_be_attributes(self) -> bool:
        return self._kept is not None and self._kept.startswith(bytes((der.SET,)))

    def finish(self, content_type: str, octets: Callable[[], bytes], refusal: SecmailError | None) -> SignedContent:
        values = {digest: running.finalize() for digest, running in self._running.items()}
        suspicious = self._may_be_attributes and is_set_of_attributes(bytes(self._kept or b""))
        return SignedContent(content_type, values, suspicious, refusal, octets)


def _octets(content: Source | None, allowance: Allowance) -> bytes:
    """All of the content, for algorithms that sign it without a digest."""
    if content is None:
        return b""
    with closing(content.open()) as stream:
        chunks = []
        while chunk := stream.read(CHUNK):
            chunks.append(chunk)
            allowance.pure -= len(chunk)
            if allowance.pure < 0:
                raise Unsupported(f"more than {MAX_PURE} octets, signed without signed attributes by an algorithm that takes no digest")
    return b"".join(chunks)


def _certificates(member: der.Element | None, allowance: Allowance) -> tuple[Certificate, ...]:
    """The X.509 certificates of a CertificateSet; attribute certificates and unreadable ones are passed over."""
    found = []
    for each in allowance.read(member):
        allowance.take_certificate(len(each.der))
        with suppress(SecmailError):
            found.append(Certificate.from_der(each.der))
    allowance.take_extensions(sum(each.extension_octets for each in found))
    return tuple(filter(_is_readable, found))


def _is_readable(certificate: Certificate) -> bool:
    try:
        certificate.checked()
    except SecmailError:
        return False
    return True


def _revocation_infos(members: der.Reader) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(CRLs, OCSP responses) of a RevocationInfoChoices; other formats are passed over."""
    crls, ocsps = [], []
    for each in members.at_most(MAX_EVIDENCE):
        if each.tag == der.SEQUENCE:
            crls.append(each.der)
        elif each.tag == OTHER_REVOCATION_INFO:
            other = each.inside()
            if other.oid() == OCSP_RESPONSE:
                ocsps.append(other.element().der)
    if sum(map(len, ocsps)) > MAX_OCSP:
        raise Malformed(f"more than {MAX_OCSP} octets of OCSP responses in a message")
    return tuple(crls), tuple(ocsps)
