"""Which certificates a signer signed along: signing-certificate attributes of both versions (RFC 5035), read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from secmail import der
from secmail.algorithms import DIGESTS, SHA1, SHA256, AlgorithmIdentifier, Digest, lookup
from secmail.certificates import Certificate
from secmail.cms.attributes import DIRECTORY_NAME, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, Attributes
from secmail.errors import BadSignature, Malformed

MAX_CERTIFICATES = 20  # no path is longer


@dataclass(frozen=True)
class CertificateId:
    """An ESSCertID or ESSCertIDv2 (RFC 5035 sections 4 and 5); ``issuer_serial`` is None where only the hash names the certificate."""

    digest: Digest
    value: bytes
    issuer_serial: bytes | None

    @classmethod
    def read(cls, cert_id: der.Reader, oid: str) -> "CertificateId":
        """Malformed, or Unsupported for a hash algorithm that is not read here."""
        digest = SHA1
        if oid == SIGNING_CERTIFICATE_V2:
            named = cert_id.optional(der.SEQUENCE)
            digest = lookup(DIGESTS, AlgorithmIdentifier.from_element(named).oid, "digest algorithm") if named else SHA256
        value, issuer_serial = cert_id.octets(), cert_id.optional(der.SEQUENCE)
        return cls(digest, value, _issuer_and_serial_number(issuer_serial) if issuer_serial else None)

    def names(self, certificate: Certificate) -> bool:
        named = self.issuer_serial in (None, certificate.issuer_and_serial_number)
        return named and self.value == _hash(certificate, self.digest)


def _hash(certificate: Certificate, digest: Digest) -> bytes:
    """Computed once: 64 signers may name twenty certificates each, of which each is looked for among two hundred."""
    found: bytes | None = certificate.prepared.get(digest)
    if found is None:
        found = certificate.prepared[digest] = digest.of(certificate.der)
    return found


Limits = Sequence[Sequence[CertificateId]]
"""For each attribute that names more than the signer's certificate, all that it names."""


def path_limits(attributes: Attributes, certificate: Certificate) -> Limits:
    """What the signer limits the path of its certificate to. BadSignature if it signed another certificate along.

    RFC 5035 section 3: "The first certificate identified [...] MUST be the certificate used to verify the signature" and "subsequent
    certificates limit the set of certificates that are used during validation".
    """
    values = ((attributes.one(oid), oid) for oid in (SIGNING_CERTIFICATE_V2, SIGNING_CERTIFICATE))
    named = [tuple(_certificate_ids(value, oid)) for value, oid in values if value is not None]
    if not all(first.names(certificate) for first, *_ in named):
        raise BadSignature("the certificate is not the one that was signed along")
    return [each for each in named if len(each) > 1]


def within(limits: Limits, certificate: Certificate) -> bool:
    """Whether a certificate may be in the path."""
    return all(any(each.names(certificate) for each in named) for named in limits)


def _certificate_ids(value: der.Element, oid: str) -> Iterator[CertificateId]:
    """The policies that may follow are only the signer's suggestion; those that the recipient requires are asked for in any case."""
    certs = list(_sequence(_sequence(value).element()).at_most(MAX_CERTIFICATES))
    if not certs:
        raise Malformed("a signing certificate attribute that names no certificate")
    return (CertificateId.read(_sequence(each), oid) for each in certs)


def _issuer_and_serial_number(issuer_serial: der.Element) -> bytes | None:
    """None for an issuer that is named in another way than as the certificate does."""
    members = issuer_serial.inside()
    issuer = members.inside().element()
    serial_number = members.element(der.INTEGER)
    return der.sequence(issuer.content, serial_number.der) if issuer.tag == DIRECTORY_NAME else None


def _sequence(element: der.Element) -> der.Reader:
    if element.tag != der.SEQUENCE:
        raise Malformed("an attribute's value is no sequence")
    return element.inside()
