"""S/MIME with Enhanced Security Services: signed, encrypted and labelled messages, as streams.

The engine computes and never does: no files, sockets, clock or settings. Keys, trust anchors and the time come in as arguments, content
comes in and goes out as streams, typed results come back, and every refusal is a ``SecmailError``.

Where to begin reading: ``wrap`` makes a message and ``unwrap`` opens one; both are short and name the steps. Beneath them

* ``cms`` has the two structures (``signed``, ``enveloped``) with their signers, recipients and attributes, over streams of BER (``ber``);
* ``mime`` reads and writes the entities around and inside;
* ``labels`` has security labels, clearances, policies and the access decision;
* ``certificates``, ``paths`` and ``keys`` say who is who; ``algorithms`` is the table of all that is emitted and accepted;
* ``der`` and ``streams`` are the ground: strict bytes in memory, and content that is never held whole.
"""

from secmail.algorithms import OWN_CAPABILITIES
from secmail.certificates import Certificate
from secmail.cms.attributes import ContentHints, EssAttributes, ReceiptRequest
from secmail.cms.recipients import Recipient
from secmail.cms.signers import RejectedSigner, VerifiedSigner
from secmail.errors import (
    BadCertificate,
    BadSignature,
    DecryptionError,
    LabelError,
    MailListLoop,
    Malformed,
    NotARecipient,
    ReceiptError,
    SecmailError,
    SignerMismatch,
    Unsupported,
    VerificationError,
)
from secmail.keys import DecryptionKey, SigningKey, SoftwareDecryptionKey, SoftwareSigningKey
from secmail.labels.label import SecurityLabel
from secmail.paths import PathVerdict, TrustStore
from secmail.streams import BytesSource, FileSource, Source
from secmail.unwrap import Author, EnvelopedLayer, SignedLayer, Unwrapped, unwrap
from secmail.wrap import Envelope, encrypt, enveloping, sign, signing, wrapping

__all__ = [
    "OWN_CAPABILITIES",
    "Author",
    "BadCertificate",
    "BadSignature",
    "BytesSource",
    "Certificate",
    "ContentHints",
    "DecryptionError",
    "DecryptionKey",
    "Envelope",
    "EnvelopedLayer",
    "EssAttributes",
    "FileSource",
    "LabelError",
    "MailListLoop",
    "Malformed",
    "NotARecipient",
    "PathVerdict",
    "ReceiptError",
    "ReceiptRequest",
    "Recipient",
    "RejectedSigner",
    "SecmailError",
    "SecurityLabel",
    "SignedLayer",
    "SignerMismatch",
    "SigningKey",
    "SoftwareDecryptionKey",
    "SoftwareSigningKey",
    "Source",
    "TrustStore",
    "Unsupported",
    "Unwrapped",
    "VerificationError",
    "VerifiedSigner",
    "encrypt",
    "enveloping",
    "sign",
    "signing",
    "unwrap",
    "wrapping",
]
