"""Receipts that prove nothing: copied, of another message, of another signature, by somebody else. What was sent is ada's, for bob."""

from collections.abc import Callable
from functools import cache

from forge import Forged, signed_data
from layered import mime
from spoofs import standard

from secmail import Receipt, ReceiptRequest, der
from secmail.algorithms import SHA256, SHA384
from secmail.cms import DATA, attributes
from secmail.cms.attributes import attribute
from secmail.receipts import RECEIPT

REQUEST = ReceiptRequest(b"id", "all_receipts", ("ada@example.org",))
ASKING = attribute(attributes.RECEIPT_REQUEST, REQUEST.to_der())
RECEIPTS: dict[str, tuple[str, Callable[[], bytes]]] = {}


@cache
def asked(name: str = "ada", nonce: bytes = b"") -> tuple[bytes, bytes, bytes]:
    """A SignerInfo that asks for a receipt, its signed attributes and its signature value."""
    info = Forged(name, extra=(ASKING, *([attribute("1.2.3.4", der.octets(nonce))] if nonce else []))).signer_info()
    members = der.read(info)
    members.integer(), members.element(), members.element()
    signed_attributes = der.tlv(der.SET, members.element(der.context(0)).content)
    members.element()
    return info, signed_attributes, members.octets()


def sent() -> bytes:
    return mime(_signed_data_of(asked()[0]))


def _signed_data_of(info: bytes) -> bytes:
    class Kept(Forged):
        def signer_info(self) -> bytes:
            return info

    return signed_data(Kept())


def receipt(signer: str = "bob", *, of=None, digest: bytes | None = None, signed_type=RECEIPT, change=None, **changes) -> bytes:
    """A receipt for what was sent; every part may be another one."""
    _, signed_attributes, signature = of or asked()
    values = {"content_type": DATA, "signed_content_identifier": b"id", "originator_signature_value": signature} | changes
    content = Receipt(**values).to_der()
    content = change(content) if change else content
    said = attribute(attributes.MSG_SIG_DIGEST, der.octets(SHA256.of(signed_attributes) if digest is None else digest))
    return mime(signed_data(Forged(signer, content=content, content_type=signed_type, extra=(said,) if digest != b"" else ())), f"{signer}@example.org", "signed-receipt")


def refused(name: str, rule: str, build: Callable[[], bytes]) -> None:
    RECEIPTS[name] = rule, build


MATCHING = "RFC 2634 section 2.6: contentType, signedContentIdentifier and originatorSignatureValue are those of the original"
refused("of_another_message", MATCHING, lambda: receipt(of=asked(nonce=b"other")))
refused("of_another_signer", MATCHING, lambda: receipt(of=asked("rita")))
refused("of_another_content_type", MATCHING, lambda: receipt(content_type=RECEIPT))
refused("of_another_identifier", MATCHING, lambda: receipt(signed_content_identifier=b"other"))
refused("of_no_identifier", MATCHING, lambda: receipt(signed_content_identifier=b""))
refused("of_a_signature_cut_off", MATCHING, lambda: receipt(originator_signature_value=asked()[2][:-1]))
refused("of_no_signature", MATCHING, lambda: receipt(originator_signature_value=b""))

DIGEST = "RFC 2634 section 2.6: msgSigDigest is the digest of the signed attributes of the original, by its own algorithm"
refused("without_the_digest", DIGEST, lambda: receipt(digest=b""))
refused("digest_of_another_message", DIGEST, lambda: receipt(digest=SHA256.of(asked(nonce=b"other")[1])))
refused("digest_by_the_algorithm_of_the_receipts_signer", DIGEST, lambda: receipt(digest=SHA384.of(asked()[1])))
refused("digest_of_the_signature", DIGEST, lambda: receipt(digest=SHA256.of(asked()[2])))
refused("digest_of_the_travelling_attributes", DIGEST, lambda: receipt(digest=SHA256.of(der.tlv(der.context(0), der.read(asked()[1], der.SET).rest()))))

SIGNER = "RFC 2634 section 2.6: the signature of the receipt is verified"
refused("by_a_stranger", SIGNER, lambda: receipt("mallory"))
refused("by_an_expired_certificate", SIGNER, lambda: receipt("expired"))
refused("by_a_certificate_for_encryption", SIGNER, lambda: receipt("gwen"))


@cache
def _receipt_by_bob_info() -> bytes:
    _, signed_attributes, signature = asked()
    content = Receipt(DATA, b"id", signature).to_der()
    return Forged("bob", content=content, content_type=RECEIPT, extra=(attribute(attributes.MSG_SIG_DIGEST, der.octets(SHA256.of(signed_attributes))),)).signer_info()


def _copied_onto(content: bytes) -> bytes:
    class Copied(Forged):
        def signer_info(self) -> bytes:
            return _receipt_by_bob_info()

    return mime(signed_data(Copied("bob", content=content, content_type=RECEIPT)), "bob@example.org", "signed-receipt")


refused("copied_onto_other_content", SIGNER, lambda: _copied_onto(Receipt(DATA, b"id", asked(nonce=b"other")[2]).to_der()))
refused("digest_of_other_content", SIGNER, lambda: mime(signed_data(Forged("bob", content=Receipt(DATA, b"id", asked()[2]).to_der(), content_type=RECEIPT, attributes=[*standard(b"other", RECEIPT, SHA384), attribute(attributes.MSG_SIG_DIGEST, der.octets(SHA256.of(asked()[1])))])), "bob@example.org"))

FORM = "RFC 2634 section 2.8: a receipt is content of the type id-ct-receipt and of version 1"
refused("as_data", FORM, lambda: receipt(signed_type=DATA))
refused("with_surplus_bytes", FORM, lambda: receipt(change=lambda content: content + b"\0"))
refused("of_version_2", FORM, lambda: receipt(change=lambda content: content.replace(der.integer(1), der.integer(2), 1)))
refused("the_message_itself", FORM, sent)
