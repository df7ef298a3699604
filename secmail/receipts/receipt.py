"""The Receipt (RFC 2634 section 2.8), and what of a verified signature it is about."""

from dataclasses import dataclass

from secmail import der
from secmail.algorithms import DIGESTS, Digest
from secmail.cms import attributes as attribute
from secmail.cms.attributes import Attributes, ReceiptRequest
from secmail.cms.signers import VerifiedSigner
from secmail.errors import Malformed

RECEIPT = "1.2.840.113549.1.9.16.1.1"


@dataclass(frozen=True)
class Receipt:
    """RFC 2634 section 2.8: names the SignerInfo that asked. ``content_type`` is a dotted OID."""

    content_type: str
    signed_content_identifier: bytes
    originator_signature_value: bytes

    def to_der(self) -> bytes:
        identifier, signature = der.octets(self.signed_content_identifier), der.octets(self.originator_signature_value)
        return der.sequence(der.integer(1), der.oid(self.content_type), identifier, signature)

    @classmethod
    def from_der(cls, data: bytes) -> "Receipt":
        """Malformed for anything but a Receipt of version 1."""
        members = der.read(data)
        if members.integer() != 1:
            raise Malformed("a receipt of a version other than 1")
        receipt = cls(members.oid(), members.octets(), members.octets())
        members.end()
        return receipt

    @classmethod
    def of(cls, signer: VerifiedSigner, request: ReceiptRequest) -> "Receipt":
        """Section 2.4 step 2: the receipt for what this signer signed."""
        return cls(signed_attribute(signer, attribute.CONTENT_TYPE).oid(), request.signed_content_identifier, signer.signature)


def signed_attribute(signer: VerifiedSigner, oid: str) -> der.Element:
    """An attribute that every verified signature with attributes has."""
    found = Attributes(der.read(signer.signed_attributes, der.SET), "signed").one(oid)
    if found is None:
        raise Malformed("a signature without signed attributes has no request for a receipt")
    return found


def digest_of(signer: VerifiedSigner) -> Digest:
    return next(each for each in DIGESTS.values() if each.name == signer.digest_algorithm)


def message_signature_digest(signer: VerifiedSigner) -> bytes:
    """Section 2.4 step 1.2: the digest of the DER of the signed attributes, from which the signature was made."""
    return digest_of(signer).of(signer.signed_attributes)
