"""A second opinion: the ASN.1 types of ESS and S/MIME for asn1crypto, which decodes in the tests what ``secmail`` has encoded."""

# ruff: noqa: RUF012

from asn1crypto import algos, cms, core, x509

# Receipts and content attributes, RFC 2634 sections 2.7 to 2.11


class SequenceOfGeneralNames(core.SequenceOf):
    _child_spec = x509.GeneralNames


class AllOrFirstTier(core.Integer):
    _map = {0: "all_receipts", 1: "first_tier_recipients"}


class ReceiptsFrom(core.Choice):
    _alternatives = [
        ("all_or_first_tier", AllOrFirstTier, {"implicit": 0}),
        ("receipt_list", SequenceOfGeneralNames, {"implicit": 1}),
    ]


class ReceiptRequest(core.Sequence):
    _fields = [
        ("signed_content_identifier", core.OctetString),
        ("receipts_from", ReceiptsFrom),
        ("receipts_to", SequenceOfGeneralNames),
    ]


class ContentHints(core.Sequence):
    _fields = [("content_description", core.UTF8String, {"optional": True}), ("content_type", core.ObjectIdentifier)]


# S/MIME attributes, RFC 8551 section 2.5


class SMIMECapabilities(core.SequenceOf):
    _child_spec = algos.AnyAlgorithmIdentifier


class SMIMEEncryptionKeyPreference(core.Choice):
    _alternatives = [
        ("issuer_and_serial_number", cms.IssuerAndSerialNumber, {"implicit": 0}),
        ("recipient_key_id", cms.RecipientKeyIdentifier, {"implicit": 1}),
        ("subject_key_identifier", core.OctetString, {"implicit": 2}),
    ]
