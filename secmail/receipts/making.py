"""Making a signed receipt (RFC 2634 section 2.4)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from secmail.certificates import Certificate
from secmail.cms.attributes import ContentHints, EssAttributes
from secmail.cms.recipients import Recipient
from secmail.cms.signed import SignedDataWriter
from secmail.envelope import ContentEncryptionChoice
from secmail.errors import ReceiptError, Unsupported
from secmail.keys import SigningKey
from secmail.receipts.owed import asking_signer, why_not_asked
from secmail.receipts.receipt import RECEIPT, Receipt, message_signature_digest
from secmail.streams import Writable
from secmail.unwrap import Unwrapped
from secmail.wrap import enveloping, pkcs7_entity, signing


def make_receipt(
    out: Writable,
    message: Unwrapped,
    *,
    signer: SigningKey,
    now: datetime,
    certificates: Iterable[Certificate] = (),
    encryption_certificate: Certificate | None = None,
    recipients: Sequence[Recipient | Certificate] = (),
    content_encryption: ContentEncryptionChoice = "auto",
) -> None:
    """Write the receipt for a message as a MIME entity; its other header fields are the caller's, as for ``wrapping``.

    With ``recipients`` it is encrypted, and signed once more around that (section 2.4 step 11). ``now`` becomes the signing time.
    Whether a receipt is owed is not asked here. ReceiptError if there is no verified request for one; Unsupported and ValueError as for
    ``wrapping``.
    """
    asking = asking_signer(message)
    request = asking.receipt_request if asking else None
    if asking is None or request is None:
        raise ReceiptError(why_not_asked(message) or "the message has no verified request for a receipt")
    certificates = tuple(certificates)
    receipt, digest = Receipt.of(asking, request), message_signature_digest(asking)

    def write_to(target: Writable) -> None:
        if not signer.certificate.can_sign:
            raise Unsupported("the signer's certificate is not for signing e-mail")
        with pkcs7_entity(target, "signed-receipt") as body:
            writer = SignedDataWriter(
                body,
                signer=signer,
                signing_time=now,
                certificates=certificates,
                encryption_certificate=encryption_certificate,
                attributes=EssAttributes(msg_sig_digest=digest),
                content_type=RECEIPT,
            )
            writer.write(receipt.to_der())
            writer.close()

    if not recipients:
        write_to(out)
        return
    hints = EssAttributes(content_hints=ContentHints(RECEIPT))
    with (
        signing(out, signer=signer, now=now, certificates=certificates, encryption_certificate=encryption_certificate, attributes=hints) as outside,
        enveloping(outside, recipients=recipients, content_encryption=content_encryption) as inside,
    ):
        write_to(inside)
