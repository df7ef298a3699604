"""SignerInfo (RFC 5652 section 5.3): made over signed attributes, and read without believing any of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from secmail import der
from secmail.algorithms import AlgorithmIdentifier, SigningAlgorithm
from secmail.certificates import Certificate, comparable_name
from secmail.cms.attributes import Attributes, Place
from secmail.errors import Malformed
from secmail.keys import SigningKey

SIGNED_ATTRS, UNSIGNED_ATTRS = der.context(0), der.context(1)
SUBJECT_KEY_IDENTIFIER = der.context(0, constructed=False)


def signer_info(key: SigningKey, algorithm: SigningAlgorithm, attributes: bytes) -> bytes:
    """A SignerInfo over signed attributes, which are a DER SET OF Attribute."""
    return der.sequence(
        der.integer(1),
        key.certificate.issuer_and_serial_number,
        algorithm.digest.identifier.der,
        der.tlv(SIGNED_ATTRS, der.read(attributes, der.SET).rest()),
        algorithm.identifier.der,
        der.octets(key.sign(attributes, algorithm)),
    )


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
        if element.tag != der.SEQUENCE:
            raise Malformed("a SignerInfo is a sequence")
        members = element.inside()
        members.integer()
        sid, digest_algorithm = members.element(), AlgorithmIdentifier.read(members)
        signed_attrs = members.optional(SIGNED_ATTRS)
        signature_algorithm, signature = AlgorithmIdentifier.read(members), members.octets()
        unsigned_attrs = members.optional(UNSIGNED_ATTRS)
        members.end()
        return cls(sid, digest_algorithm, signed_attrs, signature_algorithm, signature, unsigned_attrs)

    def attributes(self, place: Place) -> Attributes:
        """Those of one place; Malformed if one stands there that must not."""
        found = self.signed_attrs if place == "signed" else self.unsigned_attrs
        return Attributes(found.inside() if found else der.Reader(b""), place)

    def certificates_in(self, certificates: Sequence[Certificate]) -> list[Certificate]:
        """Those that the signer identifier names, each once: a key that was certified again has several of one key identifier.

        Issuers are compared as encoded, then as RFC 5280 section 7.1 does: programs write a name in another type of string than it came in.
        """
        different = dict.fromkeys(certificates)
        if self.sid.tag == SUBJECT_KEY_IDENTIFIER:
            return [each for each in different if each.subject_key_identifier == self.sid.content]
        if found := [each for each in different if each.issuer_and_serial_number == self.sid.der]:
            return found
        if self.sid.tag != der.SEQUENCE:
            return []
        members = self.sid.inside()
        issuer, serial_number = comparable_name(members.element().der), members.integer()
        members.end()
        return [each for each in different if each.serial_number == serial_number and comparable_name(each.issuer_der) == issuer]
