"""Signers: verified first, their attributes believed afterwards (RFC 5652 sections 5.3 to 5.6, RFC 2634 section 1.3.4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from secmail import der
from secmail.algorithms import SIGNATURES, AlgorithmIdentifier, Digest, Message, Signature, digest_algorithm
from secmail.certificates import Certificate
from secmail.cms import DATA
from secmail.cms import attributes as attribute
from secmail.cms.allowance import MAX_SIGNERS, Allowance
from secmail.cms.attributes import Attributes
from secmail.cms.claims import Claims, value
from secmail.cms.signer_info import SignerInfo
from secmail.cms.signers import RejectedSigner, Signer, VerifiedSigner, weaknesses
from secmail.cms.signing_certificate import Limits, path_limits, within
from secmail.errors import BadCertificate, BadSignature, Malformed, SecmailError, Unsupported
from secmail.paths import Paths, PathVerdict, Purpose

MAX_CANDIDATES = 4  # certificates tried for one signer
FORMS = 2  # of signed attributes that a signature may be over: as received, and sorted
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class SignedContent:
    """What is known of the content when signers are looked at. ``octets`` reads all of it; Unsupported if that is too much.

    ``refusal`` is why no signature can be checked against it, None if one can.
    """

    content_type: str
    digests: Mapping[Digest, bytes]
    looks_like_attributes: bool
    refusal: SecmailError | None
    octets: Callable[[], bytes]


@dataclass(frozen=True)
class Circumstances:
    """What signers are judged by: certificates at hand, the paths there may be, the moment, and what the message may still cost."""

    certificates: Sequence[Certificate]
    paths: Paths
    now: datetime
    allowance: Allowance

    def validated(self, certificate: Certificate, limits: Limits) -> PathVerdict:
        """The valid path; BadCertificate if there is none."""
        allowed = (lambda each: within(limits, each)) if limits else None
        path = self.paths.validate(certificate, Purpose.SIGNATURE, allowed)
        if not path.valid:
            raise BadCertificate(path.reason)
        return path


def verify_signer(element: der.Element, content: SignedContent, circumstances: Circumstances) -> Signer:
    """Verify one SignerInfo; whatever is wrong with it comes back as the reason of a RejectedSigner."""
    return _judged(element, circumstances, lambda info, certificate: _verified(info, certificate, content, circumstances))


def _judged(
    element: der.Element,
    circumstances: Circumstances,
    verified: "Callable[[SignerInfo, Certificate], VerifiedSigner]",
) -> Signer:
    info = None
    rejected: list[RejectedSigner] = []
    try:
        info = SignerInfo.from_element(element)
        candidates = info.certificates_in(circumstances.certificates)[:MAX_CANDIDATES]
        if not candidates:
            raise BadCertificate("the signer's certificate is not in the message")
    except SecmailError as error:
        return RejectedSigner(str(error), error, None, info)
    for certificate in candidates:
        try:
            if circumstances.allowance.signers == 0:
                raise Unsupported(f"more than {MAX_SIGNERS} signers and countersigners")
            circumstances.allowance.signers -= 1
            if not circumstances.paths.may_verify(certificate, FORMS):
                raise Unsupported("more signatures by long keys than are verified in one message")
            return verified(info, certificate)
        except SecmailError as error:
            rejected.append(RejectedSigner(str(error), error, certificate, info))
    # A certificate whose key signed, and which is not to be trusted, says more than one whose key did not
    return min(rejected, key=lambda each: not isinstance(each.error, BadCertificate))


def _verified(
    info: SignerInfo, certificate: Certificate, content: SignedContent, circumstances: Circumstances
) -> VerifiedSigner:
    limits: Limits = ()
    if content.refusal is not None:
        raise content.refusal
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
        limits = _check_binding(info, attributes, certificate, content, digest)
    unsigned = info.attributes("unsigned")
    path = circumstances.validated(certificate, limits)
    claims = Claims.read(attributes, unsigned, circumstances.certificates)
    if attribute.SIGNING_TIME in claims.malformed:
        raise Malformed("the signing time is there twice or is no time")
    return VerifiedSigner(
        certificate=certificate,
        path=path,
        digest_algorithm=digest_name,
        signature_algorithm=row.name,
        signature=info.signature,
        signed_attributes=signed_attributes,
        weak=bool(weaknesses(certificate, info.digest_algorithm) or path.weaknesses),
        warnings=(*_warnings(certificate, info.digest_algorithm, claims.signing_time, circumstances.now), *path.weaknesses),
        countersigners=_countersigners(unsigned, info.signature, circumstances),
        **vars(claims),
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
    row = certificate.verify(info.signature_algorithm, info.signature, message)
    return message.digest.name, row


def _verify_attributes(
    info: SignerInfo, signed_attrs: der.Element, certificate: Certificate, digest: Digest
) -> tuple[Signature, bytes]:
    """RFC 5652 section 5.4: "an EXPLICIT SET OF tag is used, rather than of the IMPLICIT [0] tag".

    What travels may be BER while the DER is signed, so the sorted form is tried after the form received.
    """
    def verified(encoded: bytes) -> tuple[Signature, bytes]:
        message = Message.of(encoded, digest)
        return certificate.verify(info.signature_algorithm, info.signature, message), encoded

    received = der.tlv(der.SET, signed_attrs.content)
    try:
        return verified(received)
    except BadSignature:
        ordered = der.set_of(member.der for member in signed_attrs.inside().at_most(attribute.MAX_ATTRIBUTES))
        if ordered == received:
            raise
    return verified(ordered)


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
        row, encoded = certificate.verify(info.signature_algorithm, info.signature, message), der.set_of(())
    else:
        row, encoded = _verify_attributes(info, info.signed_attrs, certificate, digest)
    attributes = Attributes(der.read(encoded, der.SET), "signed")
    if surplus := set(attributes.types) - attribute.IN_COUNTERSIGNATURES:
        # RFC 5652: "MUST NOT contain a content-type attribute"; RFC 2634 section 1.3.4 names "the only attributes that are allowed"
        raise Malformed(f"attribute {min(surplus)} in a countersignature")
    limits: Limits = ()
    if info.signed_attrs is not None:
        message_digest = attributes.one(attribute.MESSAGE_DIGEST)
        if message_digest is None or message_digest.content != digest.of(countersigned):
            raise BadSignature("the countersignature is not one of this signature")
        limits = _check_signer(info, attributes, certificate)
    unsigned = info.attributes("unsigned")
    signing_time = value(attributes, attribute.SIGNING_TIME, der.Element.time)
    path = circumstances.validated(certificate, limits)
    return VerifiedSigner(
        certificate=certificate,
        path=path,
        digest_algorithm=digest.name,
        signature_algorithm=row.name,
        signature=info.signature,
        signed_attributes=encoded,
        signing_time=signing_time,
        attributes=(*attributes.types, *unsigned.types),
        weak=bool(weaknesses(certificate, info.digest_algorithm) or path.weaknesses),
        warnings=(*_warnings(certificate, info.digest_algorithm, signing_time, circumstances.now), *path.weaknesses),
        countersigners=_countersigners(unsigned, info.signature, circumstances),
    )


def _check_binding(
    info: SignerInfo, attributes: Attributes, certificate: Certificate, content: SignedContent, digest: Digest
) -> Limits:
    """That the attributes belong to this content, these algorithms and this certificate. What they limit the path to."""
    content_type, message_digest = attributes.one(attribute.CONTENT_TYPE), attributes.one(attribute.MESSAGE_DIGEST)
    if content_type is None or message_digest is None:
        raise BadSignature("the content-type or the message-digest attribute is absent")
    if content_type.oid() != content.content_type:
        raise BadSignature("the content-type attribute is not the type of the content")
    if message_digest.tag != der.OCTET_STRING or message_digest.content != content.digests[digest]:
        raise BadSignature("the content was changed after it was signed")
    return _check_signer(info, attributes, certificate)


def _check_signer(info: SignerInfo, attributes: Attributes, certificate: Certificate) -> Limits:
    if protection := attributes.one(attribute.ALGORITHM_PROTECTION):
        members = protection.inside()
        protected_digest, signature = AlgorithmIdentifier.read(members), members.element(der.context(1))
        protected_signature = AlgorithmIdentifier.from_element(signature)
        if not (protected_digest.same_as(info.digest_algorithm) and protected_signature.same_as(info.signature_algorithm)):
            raise BadSignature("RFC 6211: the algorithms were changed after signing")
    return path_limits(attributes, certificate)


def _warnings(
    certificate: Certificate, digest: AlgorithmIdentifier, signing_time: datetime | None, now: datetime
) -> tuple[str, ...]:
    early = signing_time is not None and signing_time > now + CLOCK_TOLERANCE
    return (*weaknesses(certificate, digest), *(["the signing time lies in the future"] if early else ()))
