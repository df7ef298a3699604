"""What comes of a SignerInfo: a signer whose attributes may be believed, or one that proves nothing, and why."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import rsa

from secmail.algorithms import DIGESTS, SIGNATURES, AlgorithmIdentifier
from secmail.certificates import Certificate
from secmail.cms.claims import Claims
from secmail.cms.signer_info import SignerInfo
from secmail.errors import BadCertificate, Malformed, SecmailError, Unsupported
from secmail.paths import PathVerdict
from secmail.paths.signatures import SMALL_RSA

SignerStatus = Literal["valid", "invalid", "untrusted", "unverifiable"]


@dataclass(frozen=True, kw_only=True)
class VerifiedSigner(Claims):
    """A signer whose signature holds (RFC 5652 section 5.6) and whose certificate leads to a trust anchor: its attributes may be believed.

    ``weak`` says that digest or key are read but no longer strong. ``countersigners`` signed this signature (RFC 5652 section 11.4); whether
    theirs hold does not change this one.
    """

    certificate: Certificate
    path: PathVerdict
    digest_algorithm: str
    signature_algorithm: str
    signature: bytes
    signed_attributes: bytes
    weak: bool = False
    warnings: tuple[str, ...] = ()
    countersigners: "tuple[Signer, ...]" = ()

    @property
    def status(self) -> SignerStatus:
        return "valid"


@dataclass(frozen=True)
class RejectedSigner:
    """A signer that proves nothing; ``reason`` says why, for people. ``certificate`` is only what the message claims, so is ``unproven``.

    ``info`` is the SignerInfo as read, None if it can't be.
    """

    reason: str
    error: SecmailError
    certificate: Certificate | None = None
    info: SignerInfo | None = field(default=None, repr=False, compare=False)

    @property
    def status(self) -> SignerStatus:
        """``untrusted``: no path to an anchor; ``unverifiable``: an algorithm that is not read here, or no certificate."""
        if isinstance(self.error, Unsupported) or (isinstance(self.error, BadCertificate) and self.certificate is None):
            return "unverifiable"
        return "untrusted" if isinstance(self.error, BadCertificate) else "invalid"

    @property
    def digest_algorithm(self) -> str:
        """By name, or by OID where it is not read here."""
        oid = self.info.digest_algorithm.oid if self.info else ""
        return DIGESTS[oid].name if oid in DIGESTS else oid

    @property
    def signature_algorithm(self) -> str:
        oid = self.info.signature_algorithm.oid if self.info else ""
        return SIGNATURES[oid].name if oid in SIGNATURES else oid

    @property
    def weak(self) -> bool:
        if self.certificate is None or self.info is None:
            return False
        try:
            return bool(weaknesses(self.certificate, self.info.digest_algorithm))
        except Unsupported:  # a key that is not read here is not weak, but unknown
            return False

    @cached_property
    def unproven(self) -> Claims:
        """What the SignerInfo says, for a page that shows what is written; nothing of it may be processed."""
        if self.info is None:
            return Claims()
        try:
            return Claims.read(self.info.attributes("signed"), self.info.attributes("unsigned"), ())
        except Malformed:
            return Claims()


Signer = VerifiedSigner | RejectedSigner


def weaknesses(certificate: Certificate, digest: AlgorithmIdentifier) -> tuple[str, ...]:
    """What is read of this signer and no longer strong, for people; Unsupported for a key that is not read here."""
    key = certificate.public_key
    found = []
    if digest.oid in DIGESTS and DIGESTS[digest.oid].weak:
        found.append(f"{DIGESTS[digest.oid].name} is weak")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SMALL_RSA:
        found.append(f"an RSA key of {key.key_size} bits is weak")
    return tuple(found)
