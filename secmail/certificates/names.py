"""When two distinguished names are the same."""

from collections.abc import Hashable
from functools import lru_cache

from asn1crypto import x509 as asn1_x509

from secmail import der

MAX_ATTRIBUTES = 100  # of a name


@lru_cache(maxsize=4096)
def comparable_name(name: bytes) -> Hashable:
    """A form of a Name (DER) that is equal for names that are the same by RFC 5280 section 7.1: case and spaces of strings are folded.

    asn1crypto folds the strings. Its own form of a name keeps one attribute of each type in an RDN, and passes over what stands behind a value.
    """
    try:
        names = [sorted(map(_attribute, _set(rdn).at_most(MAX_ATTRIBUTES))) for rdn in der.read(name).at_most(MAX_ATTRIBUTES)]
    except Exception:  # asn1crypto lets whatever a hostile name provokes through; then only the same octets are the same
        return name
    return tuple(map(tuple, names))


def _set(rdn: der.Element) -> der.Reader:
    return der.read(rdn.der, der.SET)


def _attribute(encoded: der.Element) -> tuple[str, str]:
    members = der.read(encoded.der)
    kind, _ = members.oid(), members.element()
    members.end()
    return kind, asn1_x509.NameTypeAndValue.load(encoded.der).prepped_value  # type: ignore[no-untyped-call]
