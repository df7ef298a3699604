"""Addresses of certificates and of messages, and when two of them are the same."""

import unicodedata

MAX_DOMAIN = 255  # octets (RFC 1035 section 2.3.4); what is longer is no domain, and would take long to convert


def normal_address(address: str) -> str:
    """An address in the form in which two are compared: the domain in lower case, the local part as it is."""
    local, at, domain = address.rpartition("@")
    return local + at + domain.lower()


def comparable_address(address: str) -> str:
    """A form that is equal for equal addresses, whether the domain is written in U-labels or in A-labels (RFC 9598 section 4).

    Case is folded in ASCII only: outside of it, ``casefold`` makes "ß" and "ss" one, which are two mailboxes and two domains.
    """
    local, at, domain = address.rpartition("@")
    return local.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass") + at + comparable_domain(domain)


def comparable_domain(domain: str) -> str:
    """The domain in lower-case A-labels (RFC 5890); a final period counts for nothing."""
    folded = domain.removesuffix(".").lower()
    return folded if len(folded) > MAX_DOMAIN else ".".join(map(_a_label, folded.split(".")))


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
