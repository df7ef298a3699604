"""What one message may cost: limits that hold for all of its layers together, because layers multiply what each of them is allowed.

RFC 8551 section 6: an attacker could send keys "that would result in excessive cryptographic processing", and who uses keys "without first
validating the certificate to a trust anchor [is] advised to have some sort of cryptographic resource management system".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from secmail import der
from secmail.errors import Malformed
from secmail.paths import MAX_STEPS

MAX_SIGNERS = 64  # countersigners among them
MAX_CERTIFICATES = 200
MAX_CERTIFICATE_OCTETS = 1024 * 1024
MAX_ELEMENTS = 50_000  # of certificates, revocation information and signers; 64 signers with 200 certificates have 40,000
MAX_PURE = 16 * 1024 * 1024  # octets of content that are read at once for algorithms that sign content itself


@dataclass
class Allowance:
    """What is left. ``steps`` are those of ``Paths``."""

    signers: int = MAX_SIGNERS
    certificates: int = MAX_CERTIFICATES
    certificate_octets: int = MAX_CERTIFICATE_OCTETS
    elements: int = MAX_ELEMENTS
    pure: int = MAX_PURE
    steps: Iterator[int] = field(default_factory=lambda: iter(range(MAX_STEPS)))

    def read(self, member: der.Element | None) -> der.Reader:
        """The members of a collection, after the scan. Malformed if it holds more elements than are left."""
        if member is None:
            return der.Reader(b"")
        scanned, count = der.limited(member, self.elements)
        self.elements -= count
        return scanned.inside()

    def take_certificate(self, octets: int) -> None:
        """Malformed if there is none left."""
        self.certificates -= 1
        self.certificate_octets -= octets
        if min(self.certificates, self.certificate_octets) < 0:
            raise Malformed(f"more than {MAX_CERTIFICATES} certificates, or {MAX_CERTIFICATE_OCTETS} octets of them, in a message")
