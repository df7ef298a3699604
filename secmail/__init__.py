"""S/MIME with Enhanced Security Services: signed, encrypted and labelled messages, as streams.

The engine computes and never does: no files, sockets, clock or settings. Keys, trust anchors and the time come in as arguments, content
comes in and goes out as streams, typed results come back, and every refusal is a ``SecmailError``.

Where to begin reading: ``wrap`` makes a message and ``unwrap`` opens one; both are short and name the steps. Beneath them

* ``envelope`` chooses how a message is encrypted;
* ``layers`` has what a message may consist of, ``peeling`` takes them off, ``verdict`` says what they prove, ``inspection`` shows what is written
  without believing it;
* ``receipts`` and ``maillist`` stand on these: signed receipts, and the agent that expands a mail list;
* ``cms`` has the two structures (``signed``, ``enveloped``) with their signers (read in ``signer_info``, judged in ``verifying``), recipients and
  attributes, over streams of BER (``ber``);
* ``mime`` reads and writes the entities around and inside;
* ``labels`` has security labels, clearances, policies and the access decision;
* ``certificates``, ``paths`` and ``keys`` say who is who, ``containers`` reads the files they come in (PEM, PKCS#7, PKCS#12); ``algorithms``
  is the table of all that is emitted and accepted;
* ``der`` and ``streams`` are the ground: strict bytes in memory, and content that is never held whole; ``pem`` takes armour off; ``errors`` is the tree of refusals.

``cli`` is the command line over all of this, and the only part that opens files. ``docs/engine.md`` has ten examples.
"""

from secmail.algorithms import OWN_CAPABILITIES
from secmail.certificates import Certificate
from secmail.cms.attributes import ContentHints, EssAttributes, ReceiptRequest
from secmail.cms.countersign import countersign
from secmail.cms.ess import ContentReference, GeneralNames, MLData, MLReceiptPolicy
from secmail.cms.recipients import Recipient
from secmail.cms.signers import RejectedSigner, VerifiedSigner
from secmail.cms.summary import RecipientSummary
from secmail.envelope import Envelope
from secmail.errors import (
    BadCertificate,
    BadSignature,
    DecryptionError,
    LabelError,
    MailListError,
    MailListLoop,
    Malformed,
    NotARecipient,
    ReceiptError,
    SecmailError,
    SignerMismatch,
    Unsupported,
    VerificationError,
)
from secmail.inspection import Inspection, inspect_message
from secmail.keys import (
    BareKey,
    DecryptionKey,
    Password,
    SecretKey,
    SigningKey,
    SoftwareDecryptionKey,
    SoftwareSigningKey,
    load_private_key,
)
from secmail.labels.label import SecurityLabel
from secmail.layers import CompressedLayer, DataLayer, DigestedLayer, EnvelopedLayer, Layer, SignedLayer
from secmail.maillist import Expansion, MailList, expand
from secmail.paths import PathCache, PathOptions, PathVerdict, TrustStore
from secmail.receipts import (
    Receipt,
    ReceiptCheck,
    ReceiptDecision,
    ReceiptMatches,
    check_receipt,
    make_receipt,
    receipt_owed,
)
from secmail.streams import BytesSource, FileSource, Source
from secmail.unwrap import Unwrapped, unwrap
from secmail.verdict import Author
from secmail.wrap import compressing, encrypt, enveloping, send_certificates, sign, signing, triple_wrapping, wrapping

__all__ = [
    "OWN_CAPABILITIES",
    "Author",
    "BadCertificate",
    "BadSignature",
    "BareKey",
    "BytesSource",
    "Certificate",
    "CompressedLayer",
    "ContentHints",
    "ContentReference",
    "DataLayer",
    "DecryptionError",
    "DecryptionKey",
    "DigestedLayer",
    "Envelope",
    "EnvelopedLayer",
    "EssAttributes",
    "Expansion",
    "FileSource",
    "GeneralNames",
    "Inspection",
    "LabelError",
    "Layer",
    "MLData",
    "MLReceiptPolicy",
    "MailList",
    "MailListError",
    "MailListLoop",
    "Malformed",
    "NotARecipient",
    "Password",
    "PathCache",
    "PathOptions",
    "PathVerdict",
    "Receipt",
    "ReceiptCheck",
    "ReceiptDecision",
    "ReceiptError",
    "ReceiptMatches",
    "ReceiptRequest",
    "Recipient",
    "RecipientSummary",
    "RejectedSigner",
    "SecmailError",
    "SecretKey",
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
    "check_receipt",
    "compressing",
    "countersign",
    "encrypt",
    "enveloping",
    "expand",
    "inspect_message",
    "load_private_key",
    "make_receipt",
    "receipt_owed",
    "send_certificates",
    "sign",
    "signing",
    "triple_wrapping",
    "unwrap",
    "wrapping",
]
