"""SignedData built member by member, so that tests can break one rule at a time."""

from dataclasses import dataclass, field

from pki import NOW, certificate, private_key, signing_key

from secmail import der
from secmail.algorithms import AlgorithmIdentifier, signing
from secmail.cms import DATA, SIGNED_DATA
from secmail.cms.attributes import CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME, attribute

CONTENT = b"Content-Type: text/plain\r\n\r\nHello\r\n"


@dataclass
class Forged:
    """One signer of a SignedData. ``extra`` attributes are signed too; ``attributes`` replaces all of them, None leaves them out."""

    name: str = "ada"
    content: bytes = CONTENT
    content_type: str = DATA
    extra: tuple[bytes, ...] = ()
    attributes: list[bytes] | None = field(default_factory=list)
    unsigned: tuple[bytes, ...] = ()
    sid: bytes | None = None
    algorithm: AlgorithmIdentifier | None = None
    in_order: bool = True

    def signer_info(self) -> bytes:
        key, cert = signing_key(self.name), certificate(self.name)
        planned = signing(private_key(self.name).public_key())
        digest, algorithm = planned.digest, planned.identifier
        signed_attrs = b""
        to_sign = self.content
        if self.attributes is not None:
            attributes = self.attributes or [
                attribute(CONTENT_TYPE, der.oid(self.content_type)),
                attribute(MESSAGE_DIGEST, der.octets(digest.of(self.content))),
                attribute(SIGNING_TIME, der.time(NOW)),
                *self.extra,
            ]
            to_sign = der.set_of(attributes)
            travelling = sorted(attributes, reverse=not self.in_order)
            signed_attrs = der.tlv(der.context(0), *travelling)
        return der.sequence(
            der.integer(3 if self.sid else 1),
            self.sid or cert.issuer_and_serial_number,
            digest.identifier.der,
            signed_attrs,
            (self.algorithm or algorithm).der,
            der.octets(key.sign(to_sign, planned)),
            der.set_of(self.unsigned, der.context(1)) if self.unsigned else b"",
        )


def signed_data(*signers: Forged, certificates: tuple[str, ...] = ("ca",), detached: bool = False) -> bytes:
    """A SignedData of these signers, all over the content of the first."""
    digests = {signing(private_key(each.name).public_key()).digest.identifier.der for each in signers}
    bag = {certificate(name).der for name in (*certificates, *(each.name for each in signers))}
    content = b"" if detached else der.tlv(der.context(0), der.octets(signers[0].content))
    structure = der.sequence(
        der.integer(1),
        der.set_of(digests),
        der.sequence(der.oid(signers[0].content_type), content),
        der.set_of(bag, der.context(0)),
        der.set_of([each.signer_info() for each in signers]),
    )
    return content_info(SIGNED_DATA, structure)


def content_info(content_type: str, content: bytes) -> bytes:
    return der.sequence(der.oid(content_type), der.tlv(der.context(0), content))
