"""Keys, certificates and revocation lists: the only part of this app that knows the engine."""

from portal.keys.engine.outside import (
    NotUsable,
    Standing,
    Usable,
    Vouching,
    authority_certificate,
    objection,
    public_key,
    read_certificates,
    standing,
    usable_certificate,
)
from portal.keys.engine.own import (
    Issuer,
    NewKey,
    certificate_view,
    issue,
    new_authority,
    new_p256,
    pem,
    pkcs12_file,
)
from portal.keys.engine.revocation import ListView, is_newer, revocation_list
from secmail import Certificate

__all__ = [
    "Certificate",
    "Issuer",
    "ListView",
    "NewKey",
    "NotUsable",
    "Standing",
    "Usable",
    "Vouching",
    "authority_certificate",
    "certificate_view",
    "is_newer",
    "issue",
    "new_authority",
    "new_p256",
    "objection",
    "pem",
    "pkcs12_file",
    "public_key",
    "read_certificates",
    "revocation_list",
    "standing",
    "usable_certificate",
]
