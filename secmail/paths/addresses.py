"""Name constraints on all addresses a certificate speaks for: RFC 5280 section 4.2.1.10, RFC 9598 section 5."""

from cryptography import x509

from ..certificates import Certificate, comparable_address, comparable_domain


def forbidden_address(chain: tuple[Certificate, ...]) -> str | None:
    """The first address of a path's first certificate that an authority of the path may not give.

    RFC 5280 applies constraints on rfc822Name to the subject's emailAddress only where there is no subject alternative name, and to no
    SmtpUTF8Mailbox at all. All three are believed here, so they hold for all three.
    """
    for authority in chain[1:]:
        constraints = authority.extension(x509.NameConstraints)
        if constraints is None:
            continue
        permitted, excluded = (_mailboxes(each) for each in (constraints.permitted_subtrees, constraints.excluded_subtrees))
        for address in chain[0].emails:
            # An empty constraint means nothing by RFC 5280 and everybody to some; it permits nobody
            if (permitted and not any(_within(address, each) for each in permitted)) or any(
                not each or _within(address, each) for each in excluded
            ):
                return address
    return None


def _mailboxes(subtrees: list[x509.GeneralName] | None) -> list[str]:
    return [each.value for each in subtrees or () if isinstance(each, x509.RFC822Name)]


def _within(address: str, constraint: str) -> bool:
    """"a particular mailbox, all addresses at a particular host, or all mailboxes in a domain" (which begins with a period)."""
    if "@" in constraint:
        return comparable_address(address) == comparable_address(constraint)
    domain, wanted = comparable_domain(address.rpartition("@")[2]), comparable_domain(constraint)
    return domain.endswith(wanted) if wanted.startswith(".") else domain == wanted
