"""What one message may cost: limits that hold for all of its layers together, because layers multiply what each of them is allowed.

RFC 8551 section 6: an attacker could send keys "that would result in excessive cryptographic processing", and who uses keys "without first
validating the certificate to a trust anchor [is] advised to have some sort of cryptographic resource management system".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from secmail import der
from secmail.errors import Malformed
from secmail.paths import MAX_STEPS, MAX_VERIFICATIONS
from secmail.streams import Source, longer

MAX_SIGNERS = 64  # countersigners among them
MAX_CERTIFICATES = 200
MAX_CERTIFICATE_OCTETS = 1024 * 1024
MAX_EXTENSION_OCTETS = 256 * 1024  # of all certificates; each has about one thousand
MAX_ELEMENTS = 50_000  # of certificates, revocation information and signers; 64 signers with 200 certificates have 40,000
MAX_PURE = 16 * 1024 * 1024  # octets of content that are read at once for algorithms that sign content itself
MAX_DIGESTS = 12  # each goes over all of the content; ten layers have one each, a triple wrap by two signers four in all
MAX_LARGE_LAYERS = 6  # around content of any size: a triple wrap, compression, and a list's signature and envelope
MAX_DEEPER_LAYERS = 256 * 1024  # octets of layers inside them, which are decoded once more in each pass
QUOTED_PRINTABLE = 3  # layers that one in this encoding counts for
MAX_PASSES = 70  # ten layers have 55 and their digests
MAX_INSIDE_WEAK = 8  # passes left inside triple DES, of which each decrypts again: a signature, an envelope and a signature
MAX_MULTIPART_SIGNED = 2  # of any size; each pass through one converts line ends and looks for boundaries
MAX_DEEPER_MULTIPART_SIGNED = 512 * 1024  # octets of those inside them


@dataclass
class Allowance:
    """What is left. ``steps`` and ``verifications`` are those of ``Paths``."""

    signers: int = MAX_SIGNERS
    certificates: int = MAX_CERTIFICATES
    certificate_octets: int = MAX_CERTIFICATE_OCTETS
    extension_octets: int = MAX_EXTENSION_OCTETS
    elements: int = MAX_ELEMENTS
    pure: int = MAX_PURE
    digests: int = MAX_DIGESTS
    passes: int = MAX_PASSES
    weak_encryptions: int = 1
    multipart_signed: int = MAX_MULTIPART_SIGNED
    layers: int = 0
    steps: Iterator[int] = field(default_factory=lambda: iter(range(MAX_STEPS)))
    verifications: Iterator[int] = field(default_factory=lambda: iter(range(MAX_VERIFICATIONS)))

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

    def take_extensions(self, octets: int) -> None:
        """Each name in them becomes objects. Malformed if there are fewer left."""
        self.extension_octets -= octets
        if self.extension_octets < 0:
            raise Malformed(f"more than {MAX_EXTENSION_OCTETS} octets of extensions in the certificates of a message")

    def enter_layer(self, body: Source, encoding: str) -> None:
        """To read what a layer holds, all layers around it are read again. Malformed for a deep one that is not small."""
        self.layers += QUOTED_PRINTABLE if encoding == "quoted-printable" else 1
        if self.layers > MAX_LARGE_LAYERS and longer(body, MAX_DEEPER_LAYERS):
            raise Malformed(f"more than {MAX_LARGE_LAYERS} layers around more than {MAX_DEEPER_LAYERS} octets")
        self._take_passes(self.layers)

    def take_digests(self, count: int) -> None:
        """Each of them goes over all of the content. Malformed if there are fewer left."""
        self.digests -= count
        if self.digests < 0:
            raise Malformed(f"more than {MAX_DIGESTS} digest algorithms in all layers of a message together")
        self._take_passes(count)

    def _take_passes(self, count: int) -> None:
        self.passes -= count
        if self.passes < 0:
            raise Malformed("layers and digest algorithms that go over the content too often for its size")

    def inside_compression(self, passes: int) -> None:
        """From here on there is much to go over that was little to send, so that only so many passes are left."""
        self.layers, self.passes = 0, min(self.passes, passes)

    def inside_weak_encryption(self) -> None:
        """Triple DES is forty times slower than AES. Malformed if it is inside itself."""
        self.weak_encryptions -= 1
        if self.weak_encryptions < 0:
            raise Malformed("more than one layer of triple DES")
        self.layers, self.passes = 0, min(self.passes, MAX_INSIDE_WEAK)

    def take_multipart_signed(self, body: Source) -> None:
        """Malformed if there is none left, and this one is not small either."""
        self.multipart_signed -= 1
        if self.multipart_signed < 0 and longer(body, MAX_DEEPER_MULTIPART_SIGNED):
            raise Malformed(f"more than {MAX_MULTIPART_SIGNED} layers of multipart/signed around more than {MAX_DEEPER_MULTIPART_SIGNED} octets")
