"""Certification path validation, RFC 5280 section 6, at a given moment and with revocation evidence passed in.

``options`` has what goes in and comes out, ``ways`` finds paths, ``validation`` judges them. The library pyhanko-certvalidator does the algorithm of section
6.1; it is given everything and fetches nothing: no network, no clock, no trust list of the system. Revocation is ours (``revocation``
over ``crls`` and ``ocsp``): the library takes lists of whoever the same authority issued a certificate to, lets an older good answer
hide a newer revocation, and passes over a list whose delta is not at hand.
"""

from .options import EMAIL_PROTECTION, PathCache, PathOptions, PathVerdict, Purpose, Revocation, TrustStore
from .validation import MAX_STEPS, MAX_VERIFICATIONS, Paths, validate

__all__ = [
    "EMAIL_PROTECTION",
    "MAX_STEPS",
    "MAX_VERIFICATIONS",
    "PathCache",
    "PathOptions",
    "PathVerdict",
    "Paths",
    "Purpose",
    "Revocation",
    "TrustStore",
    "validate",
]
