"""Ways from a certificate to a trust anchor, by names and key identifiers. Nothing of them is validated here.

The library has a search of its own, which computes anew at each step what names and keys it compares: in a mesh of cross-certificates that
took ten times as long as all validation.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import takewhile

from cryptography import x509
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.path import ValidationPath

from ..certificates import Certificate, comparable_name

MAX_LENGTH = 32  # certificates in a way; real ones have five

Chain = tuple[Certificate, ...]
Anchored = tuple[Certificate, CertTrustAnchor]  # an anchor as given and as the library has it


class Ways:
    """The ways to some anchors through known certificates, the shortest first.

    ``may_search`` is asked for each certificate that lengthens a way, because there are dead ends without number in a mesh.
    """

    def __init__(self, anchors: Iterable[Anchored], known: Iterable[Certificate], may_search: Callable[[], bool]) -> None:
        self._may_search = may_search
        self._anchors = dict(anchors)
        self._anchors_of: dict[Hashable, list[Anchored]] = defaultdict(list)
        for each, anchor in self._anchors.items():
            if _may_issue(each):
                self._anchors_of[comparable_name(each.subject_der)].append((each, anchor))
        self._known_of: dict[Hashable, list[Certificate]] = defaultdict(list)
        for each in known:
            if each not in self._anchors:
                self._known_of[comparable_name(each.subject_der)].append(each)
        self._found: dict[Certificate, tuple[list[Anchored], list[Certificate]]] = {}

    def of(self, certificate: Certificate) -> Iterator[tuple[ValidationPath, Chain]]:
        """Each in the form of the library and as certificates, the given one first and the trust anchor last."""
        own = self._anchors.get(certificate)
        if own is not None:
            yield ValidationPath(own, [], None), (certificate,)
            return
        waiting: deque[tuple[Chain, frozenset[Certificate]]] = deque([((certificate,), frozenset((certificate,)))])
        while waiting:
            chain, seen = waiting.popleft()
            between = [each.asn1 for each in reversed(chain[1:])]
            anchors, issuers = self._issuers(chain[-1])
            for each, anchor in anchors:
                yield ValidationPath(anchor, between, certificate.asn1), (*chain, each)
            if len(chain) < MAX_LENGTH - 1:
                longer = takewhile(lambda _: self._may_search(), (each for each in issuers if each not in seen))
                waiting += [((*chain, each), seen | {each}) for each in longer]

    def _issuers(self, certificate: Certificate) -> tuple[list[Anchored], list[Certificate]]:
        """The anchors and the other certificates that may have issued it."""
        found = self._found.get(certificate)
        if found is None:
            name = comparable_name(certificate.issuer_der)
            anchors = [(each, anchor) for each, anchor in self._anchors_of.get(name, ()) if _may_have_issued(each, certificate)]
            known = [each for each in self._known_of.get(name, ()) if _may_have_issued(each, certificate)]
            found = self._found[certificate] = anchors, known
        return found


def _may_issue(anchor: Certificate) -> bool:
    """RFC 5280 section 4.2.1.9: if in a version 3 certificate basic constraints are absent or do not say cA, "the certified public key MUST NOT
    be used to verify certificate signatures". Of others in a path the library asks that.
    """
    is_old = anchor.asn1["tbs_certificate"]["version"].native != "v3"
    return (anchor.is_authority or is_old) and anchor.may("key_cert_sign")


def _may_have_issued(issuer: Certificate, certificate: Certificate) -> bool:
    """RFC 5280 section 4.2.1.1: whether the authority key identifier, where there is one, names this key, and this certificate of it."""
    named = certificate.extension(x509.AuthorityKeyIdentifier)
    if named is None:
        return True
    key, own = named.key_identifier, issuer.subject_key_identifier
    if key and own and key != own:
        return False
    if named.authority_cert_issuer is None:
        return True
    names = [comparable_name(each.value.public_bytes()) for each in named.authority_cert_issuer if isinstance(each, x509.DirectoryName)]
    return comparable_name(issuer.issuer_der) in names and named.authority_cert_serial_number == issuer.serial_number
