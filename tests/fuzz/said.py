"""What the signatures of the seeds say: one of every ESS attribute. A mutant that nobody signed again can say nothing else."""

from datetime import UTC, datetime

from layered import LABEL, POLICY
from pki import NOW, certificate

from secmail import (
    ContentHints,
    ContentReference,
    EssAttributes,
    GeneralNames,
    MLData,
    MLReceiptPolicy,
    ReceiptRequest,
    SecurityLabel,
    der,
)
from secmail.labels import Category, TagType

CATEGORIES = tuple(Category(f"{POLICY}.{number}", kind, number) for number, kind in enumerate(TagType))
FULL_LABEL = SecurityLabel(POLICY, 3, "ACME — confidential", CATEGORIES)
REQUEST = ReceiptRequest(b"identifier", ("bob@example.org", "carl@example.org"), ("ada@example.org",))
ADDITION = MLReceiptPolicy("in_addition_to", (GeneralNames.of("x@example.org"),))
HISTORY = (
    MLData(certificate("list").issuer_and_serial_number, NOW, ADDITION),
    MLData(der.octets(bytes(20)), datetime(2051, 1, 1, tzinfo=UTC), MLReceiptPolicy("none")),
)
ESS = EssAttributes(
    FULL_LABEL,
    REQUEST,
    b"identifier",
    ContentHints("1.2.840.113549.1.7.1", "a description"),
    ContentReference("1.2.840.113549.1.7.1", b"identifier", bytes(8)),
    (SecurityLabel("1.2.3", 1), LABEL),
    HISTORY,
    bytes(32),
)
