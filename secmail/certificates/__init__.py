"""What the engine and its callers want to know about a certificate; trust in it is decided in ``paths``.

``certificate`` is where it is made of bytes, and whose it is; it stands on ``key`` (the key and its uses) and ``encoded`` (members and
extensions). ``addresses`` and ``names`` say when two of them are the same, ``asn1`` is the view of the path library.
"""

from secmail.certificates.addresses import comparable_address, comparable_domain, normal_address
from secmail.certificates.asn1 import AUTHORITY_CLEARANCE_CONSTRAINTS
from secmail.certificates.certificate import Certificate
from secmail.certificates.names import comparable_name

__all__ = ["AUTHORITY_CLEARANCE_CONSTRAINTS", "Certificate", "comparable_address", "comparable_domain", "comparable_name", "normal_address"]
