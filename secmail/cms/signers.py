"""SignerInfo: verified first, its attributes believed afterwards (RFC 5652 sections 5.3 to 5.6, RFC 2634 section 1.3.4)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import rsa

from secmail import der
from secmail.algorithms import (
    DIGESTS,
    SIGNATURES,
    AlgorithmIdentifier,
    Digest,
    Message,
    Signature,
    digest_algorithm,
    verify,
)
from secmail.certificates import Certificate
from secmail.cms import DATA
from secmail.cms import attributes as attribute
from secmail.cms.attributes import Attributes, ContentHints, ReceiptRequest
from secmail.cms.claims import claims, value
from secmail.cms.ess import ContentReference, MLData
from secmail.errors import BadCertificate, BadSignature, Malformed, SecmailError, Unsupported
from secmail.paths import PathOptions, PathVerdict, Purpose, TrustStore, validate_once

SIGNED_ATTRS, UNSIGNED_ATTRS = der.context(0), der.context(1)
SUBJECT_KEY_IDENTIFIER = der.context(0, constructed=False)
CLOCK_TOLERANCE = timedelta(minutes=5)
SMALL_RSA = 2048
MAX_SIGNERS = 64  # of a SignedData, countersigners among them

SignerStatus = Literal["valid", "invalid", "untrusted", "unverifiable"]


@dataclass(frozen=True)
class VerifiedSigner:
    """A signer whose signature holds and whose certificate leads to a trust anchor: its attributes may be believed.

    ``security_label`` is the ESSSecurityLabel as DER, ``equivalent_labels`` are the same. ``malformed`` names (by OID) ESS attributes
    that are there but not readable or there twice. ``capabilities`` are the OIDs the signer says it reads, ``encryption_certificate``
    the one it prefers. ``countersigners`` signed this signature (RFC 5652 section 11.4); whether theirs hold does not change this one.
    """

    certificate: Certificate
    path: PathVerdict
    digest_algorithm: str
    signature_algorithm: str
    signature: bytes
    signed_attributes: bytes
    signing_time: datetime | None = None
    security_label: bytes | None = None
    receipt_request: ReceiptRequest | None = None
    content_identifier: bytes | None = None
    content_hints: ContentHints | None = None
    content_reference: ContentReference | None = None
    equivalent_labels: tuple[bytes, ...] | None = None
    ml_expansion_history: tuple[MLData, ...] | None = None
    msg_sig_digest: bytes | None = None
    capabilities: tuple[str, ...] | None = None
    encryption_certificate: Certificate | None = None
    malformed: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    countersigners: "tuple[Signer, ...]" = ()

    @property
    def status(self) -> SignerStatus:
        return "valid"


@dataclass(frozen=True)
class RejectedSigner:
    """A signer that proves nothing; ``reason`` says why, for people. ``certificate`` is only what the message claims."""

    reason: str
    error: SecmailError
    certificate: Certificate | None = None

    @property
    def status(self) -> SignerStatus:
        """``untrusted``: no path to an anchor; ``unverifiable``: an algorithm that is not read here, or no certificate."""
        if isinstance(self.error, Unsupported) or (isinstance(self.error, BadCertificate) and self.certificate is None):
            return "unverifiable"
        return "untrusted" if isinstance(self.error, BadCertificate) else "invalid"


Signer = VerifiedSigner | RejectedSigner


@dataclass(frozen=True)
class SignedContent:
    """What is known of the content when signers are looked at. ``octets`` reads all of it; Unsupported if that is too much."""

    content_type: str
    digests: Mapping[Digest, bytes]
    looks_like_attributes: bool
    octets: Callable[[], bytes]


@dataclass(frozen=True)
class Circumstances:
    """What signers are judged by: certificates at hand, anchors, the moment, and how many signers may still be looked at."""

    certificates: Sequence[Certificate]
    trust: TrustStore
    now: datetime
    options: PathOptions
    budget: Iterator[int] = field(default_factory=lambda: iter(range(MAX_SIGNERS)))

    def validated(self, certificate: Certificate) -> PathVerdict:
        """The valid path; BadCertificate if there is none."""
        others = [each for each in self.certificates if each != certificate]
        path = validate_once(
            certificate,
            trust=self.trust,
            intermediates=others,
            at=self.now,
            purpose=Purpose.SIGNATURE,
            options=self.options,
        )
        if not path.valid:
            raise BadCertificate(path.reason)
        return path


@dataclass(frozen=True)
class SignerInfo:
    """A SignerInfo as read, nothing of it verified."""

    sid: der.Element
    digest_algorithm: AlgorithmIdentifier
    signed_attrs: der.Element | None
    signature_algorithm: AlgorithmIdentifier
    signature: bytes
    unsigned_attrs: der.Element | None

    @classmethod
    def from_element(cls, element: der.Element) -> "SignerInfo":
        members = element.inside()
        members.integer()
        sid, digest_algorithm = members.element(), AlgorithmIdentifier.read(members)
        signed_attrs = members.optional(SIGNED_ATTRS)
        signature_algorithm, signature = AlgorithmIdentifier.read(members), members.octets()
        unsigned_attrs = members.optional(UNSIGNED_ATTRS)
        members.end()
        return cls(sid, digest_algorithm, signed_attrs, signature_algorithm, signature, unsigned_attrs)

    def certificate_in(self, certificates: Sequence[Certificate]) -> Certificate | None:
        """The first certificate that the signer identifier names."""
        if self.sid.tag == SUBJECT_KEY_IDENTIFIER:
            return next((each for each in certificates if each.subject_key_identifier == self.sid.content), None)
        return next((each for each in certificates if each.issuer_and_serial_number == self.sid.der), None)


def verify_signer(element: der.Element, content: SignedContent, circumstances: Circumstances) -> Signer:
    """Verify one SignerInfo; whatever is wrong with it comes back as the reason of a RejectedSigner."""
    return _judged(element, circumstances, lambda info, certificate: _verified(info, certificate, content, circumstances))


def _judged(
    element: der.Element,
    circumstances: Circumstances,
    verified: "Callable[[SignerInfo, Certificate], VerifiedSigner]",
) -> Signer:
    certificate = None
    try:
        if next(circumstances.budget, None) is None:
            raise Unsupported(f"more than {MAX_SIGNERS} signers and countersigners")
        info = SignerInfo.from_element(element)
        certificate = info.certificate_in(circumstances.certificates)
        if certificate is None:
            raise BadCertificate("the signer's certificate is not in the message")
        return verified(info, certificate)
    except SecmailError as error:
        return RejectedSigner(str(error), error, certificate)


def _verified(
    info: SignerInfo, certificate: Certificate, content: SignedContent, circumstances: Circumstances
) -> VerifiedSigner:
    if info.signed_attrs is None:
        digest_name, row = _verify_without_attributes(info, certificate, content)
        attributes, signed_attributes = Attributes(der.Reader(b""), "signed"), b""
    else:
        digest = digest_algorithm(info.digest_algorithm)
        if digest not in content.digests:
            raise BadSignature("the signer's digest algorithm is not among those of the SignedData")
        digest_name = digest.name
        row, signed_attributes = _verify_attributes(info, info.signed_attrs, certificate, digest)
        attributes = Attributes(der.read(signed_attributes, der.SET), "signed")
        _check_binding(info, attributes, certificate, content, digest)
    unsigned = Attributes(info.unsigned_attrs.inside() if info.unsigned_attrs else der.Reader(b""), "unsigned")
    path = circumstances.validated(certificate)
    signing_time = value(attributes, attribute.SIGNING_TIME, der.Element.time)
    return VerifiedSigner(
        certificate=certificate,
        path=path,
        digest_algorithm=digest_name,
        signature_algorithm=row.name,
        signature=info.signature,
        signed_attributes=signed_attributes,
        signing_time=signing_time,
        warnings=tuple(_warnings(certificate, info.digest_algorithm, signing_time, circumstances.now)),
        countersigners=_countersigners(unsigned, info.signature, circumstances),
        **claims(attributes, circumstances.certificates),  # type: ignore[arg-type]
    )


def _verify_without_attributes(
    info: SignerInfo, certificate: Certificate, content: SignedContent
) -> tuple[str, Signature]:
    """RFC 5652 section 5.3: signedAttrs "MUST be present if the content type of the EncapsulatedContentInfo [...] is not id-data"."""
    if content.content_type != DATA or content.looks_like_attributes:
        raise BadSignature("signed attributes are absent where they must be present")
    row = SIGNATURES.get(info.signature_algorithm.oid)
    if row is not None and row.pure and row.digests:
        # RFC 9882 section 3.3: "if no signed attributes are present, implementations MUST ignore the content of the digestAlgorithm field"
        message = Message(row.digests[0], b"", content.octets)
    else:
        digest = digest_algorithm(info.digest_algorithm)
        if digest not in content.digests:
            raise BadSignature("the signer's digest algorithm is not among those of the SignedData")
        message = Message(digest, content.digests[digest], content.octets)
    row = verify(certificate.public_key, info.signature_algorithm, info.signature, message)
    return message.digest.name, row


def _verify_attributes(
    info: SignerInfo, signed_attrs: der.Element, certificate: Certificate, digest: Digest
) -> tuple[Signature, bytes]:
    """RFC 5652 section 5.4: "an EXPLICIT SET OF tag is used, rather than of the IMPLICIT [0] tag".

    What travels may be BER while the DER is signed, so the sorted form is tried after the form received.
    """
    received = der.tlv(der.SET, signed_attrs.content)
    ordered = der.set_of(member.der for member in signed_attrs.inside().at_most(attribute.MAX_ATTRIBUTES))
    for encoded in dict.fromkeys((received, ordered)):
        try:
            message = Message.of(encoded, digest)
            return verify(certificate.public_key, info.signature_algorithm, info.signature, message), encoded
        except BadSignature as error:
            failure = error
    raise failure


# Countersignatures, RFC 5652 section 11.4


def _countersigners(unsigned: Attributes, signature: bytes, circumstances: Circumstances) -> tuple[Signer, ...]:
    """Those who signed "the contents octets of the signature OCTET STRING"; there may be several instances with several values."""
    return tuple(
        _judged(each, circumstances, lambda info, certificate: _countersigner(info, certificate, signature, circumstances))
        for each in unsigned.all(attribute.COUNTERSIGNATURE)
    )


def _countersigner(
    info: SignerInfo, certificate: Certificate, countersigned: bytes, circumstances: Circumstances
) -> VerifiedSigner:
    digest = digest_algorithm(info.digest_algorithm)
    if info.signed_attrs is None:
        if attribute.is_set_of_attributes(countersigned):
            raise BadSignature("signed attributes are absent where they must be present")
        message = Message.of(countersigned, digest)
        row, encoded = verify(certificate.public_key, info.signature_algorithm, info.signature, message), der.set_of(())
    else:
        row, encoded = _verify_attributes(info, info.signed_attrs, certificate, digest)
    attributes = Attributes(der.read(encoded, der.SET), "signed")
    if surplus := attributes.types - attribute.IN_COUNTERSIGNATURES:
        # RFC 5652: "MUST NOT contain a content-type attribute"; RFC 2634 section 1.3.4 names "the only attributes that are allowed"
        raise Malformed(f"attribute {min(surplus)} in a countersignature")
    if info.signed_attrs is not None:
        message_digest = attributes.one(attribute.MESSAGE_DIGEST)
        if message_digest is None or message_digest.content != digest.of(countersigned):
            raise BadSignature("the countersignature is not one of this signature")
        _check_signer(info, attributes, certificate)
    unsigned = Attributes(info.unsigned_attrs.inside() if info.unsigned_attrs else der.Reader(b""), "unsigned")
    signing_time = value(attributes, attribute.SIGNING_TIME, der.Element.time)
    return VerifiedSigner(
        certificate=certificate,
        path=circumstances.validated(certificate),
        digest_algorithm=digest.name,
        signature_algorithm=row.name,
        signature=info.signature,
        signed_attributes=encoded,
        signing_time=signing_time,
        warnings=tuple(_warnings(certificate, info.digest_algorithm, signing_time, circumstances.now)),
        countersigners=_countersigners(unsigned, info.signature, circumstances),
    )


def _check_binding(
    info: SignerInfo, attributes: Attributes, certificate: Certificate, content: SignedContent, digest: Digest
) -> None:
    """That the attributes belong to this content, these algorithms and this certificate."""
    content_type, message_digest = attributes.one(attribute.CONTENT_TYPE), attributes.one(attribute.MESSAGE_DIGEST)
    if content_type is None or message_digest is None:
        raise BadSignature("the content-type or the message-digest attribute is absent")
    if content_type.oid() != content.content_type:
        raise BadSignature("the content-type attribute is not the type of the content")
    if message_digest.tag != der.OCTET_STRING or message_digest.content != content.digests[digest]:
        raise BadSignature("the content was changed after it was signed")
    _check_signer(info, attributes, certificate)


def _check_signer(info: SignerInfo, attributes: Attributes, certificate: Certificate) -> None:
    if protection := attributes.one(attribute.ALGORITHM_PROTECTION):
        members = protection.inside()
        protected_digest, signature = AlgorithmIdentifier.read(members), members.element(der.context(1))
        protected_signature = AlgorithmIdentifier.from_element(signature)
        if not (protected_digest.same_as(info.digest_algorithm) and protected_signature.same_as(info.signature_algorithm)):
            raise BadSignature("RFC 6211: the algorithms were changed after signing")
    if not attribute.same_signing_certificate(attributes, certificate):
        raise BadSignature("the certificate is not the one that was signed along")


def _warnings(
    certificate: Certificate, digest: AlgorithmIdentifier, signing_time: datetime | None, now: datetime
) -> list[str]:
    key = certificate.public_key
    found = []
    if digest.oid in DIGESTS and DIGESTS[digest.oid].weak:
        found.append(f"{DIGESTS[digest.oid].name} is weak")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALL_RSA:
        found.append(f"an RSA key of {key.key_size} bits is weak")
    if signing_time is not None and signing_time > now + CLOCK_TOLERANCE:
        found.append("the signing time lies in the future")
    return found
