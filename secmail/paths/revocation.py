"""Whether a certificate of a path is revoked, by lists and answers whose signers are verified first: RFC 5280 section 6.3, RFC 6960."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..certificates import Certificate, comparable_name
from ..errors import Malformed, SecmailError
from . import crls
from .crls import RevocationList, read_list
from .ocsp import OcspResponse, read_response
from .options import PathOptions, Revocation
from .signatures import signed_by
from .ways import Chain
from .words import ALL_REASONS, Revoked, Word, revoked

FindPaths = Callable[[Certificate, Certificate, datetime], Iterator[Chain]]


@dataclass(frozen=True)
class Status:
    """What all evidence says about one certificate; ``proven`` is that current evidence knows of no reason against it."""

    revoked: Revoked | None
    proven: bool


@dataclass
class Evidence:
    """The evidence of one validation. ``find_paths`` gives those from a certificate to a given anchor that are valid at a moment.

    ``known`` are certificates whose signatures lead to an anchor, and the anchors: those who may have signed evidence.
    """

    options: PathOptions
    at: datetime
    known: list[Certificate]
    find_paths: FindPaths
    changes: list[datetime] = field(default_factory=list)
    _statuses: dict[Chain, Status | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lists = list(_readable(self.options.crls, read_list))
        self._complete = [each for each in lists if not each.is_delta]
        self._deltas = [each for each in lists if each.is_delta]
        self._responses = list(_readable(self.options.ocsps, read_response))

    @property
    def is_hard(self) -> bool:
        return self.options.revocation is Revocation.HARD

    def objection(self, chain: Chain) -> tuple[Certificate, Revoked | None] | None:
        """The first certificate below the anchor, from there down, that is revoked, else that lacks the proof that is needed."""
        unproven = None
        for place in reversed(range(len(chain) - 1)):
            certificate, status = chain[place], self.status(chain[place:])
            if status.revoked is not None:
                return certificate, status.revoked
            if self.is_hard and not status.proven and unproven is None:
                unproven = certificate, None
        return unproven

    def status(self, chain: Chain) -> Status:
        """Of the first certificate; the others count, because whoever is in the path may speak of it."""
        if chain not in self._statuses:
            # Who signs a list that is about himself: PKITS 4.14.30 wants that to be taken at its word
            self._statuses[chain] = None
            self._statuses[chain] = self._judged(list(self._words(chain)), chain[0])
        return self._statuses[chain] or Status(None, True)

    def _judged(self, words: list[Word], certificate: Certificate) -> Status:
        for each in words:
            moments = each.issued, each.until, each.revoked.since if each.revoked else None
            self.changes += [moment for moment in moments if moment is not None and moment > self.at]
        silent = [each for each in words if each.revoked is None or each.revoked.since > self.at]
        current = [each for each in silent if each.is_current(self.at, certificate.not_after)]
        covered = frozenset().union(*(each.reasons for each in current))
        return Status(revoked(words, self.at), covered >= ALL_REASONS)

    def _words(self, chain: Chain) -> Iterator[Word]:
        certificate, issuer = chain[:2]
        for each in self._complete:
            signer = self._list_signer(each, chain)
            if signer is not None:
                yield from crls.words(each, self._deltas, certificate, signer)
        for response in self._responses:
            said = list(response.words(certificate, issuer))
            signers = self._answerers(response, issuer) if said else []
            yield from (each for each in said if any(self._may_say(each, signer, chain) for signer in signers))

    # Who may sign

    def _list_signer(self, revocation_list: RevocationList, chain: Chain) -> Certificate | None:
        """RFC 5280 section 6.3.3 f and g: the issuer, another certificate of it, or who the certificate names as CRL issuer."""
        certificate, issuer = chain[:2]
        named = [each for each in self.known if comparable_name(each.subject_der) == revocation_list.issuer]
        direct = comparable_name(certificate.issuer_der) == revocation_list.issuer
        for signer in dict.fromkeys((issuer, *named) if direct else named):
            if not signer.may("crl_sign") or not signed_by(revocation_list.data, signer):
                continue
            # Two authorities of one name are two: another certificate of the issuer has the same superior, or is by itself
            superiors = map(comparable_name, (issuer.issuer_der, issuer.subject_der))
            other = direct and signer not in chain
            if other and comparable_name(signer.issuer_der) not in superiors:
                continue
            if any(not other or _holder(_superior(each)) in map(_holder, chain[1:]) for each in self._good_paths(signer, chain, self.at)):
                return signer if revocation_list.is_understood else None
        return None

    def _answerers(self, response: OcspResponse, issuer: Certificate) -> list[Certificate]:
        """RFC 6960 section 4.2.2.2: the issuer itself, or whom it issued a certificate with id-kp-OCSPSigning; an older one may have the same key."""
        if signed_by(response.data, issuer):
            return [issuer]
        candidates = dict.fromkeys((*response.certificates, *self.known))
        return [each for each in candidates if _is_responder(each, issuer) and signed_by(response.data, each)]

    def _may_say(self, word: Word, signer: Certificate, chain: Chain) -> bool:
        """An old answer may still accuse, if its signer could then; to vouch for somebody he needs to be valid now."""
        moment = word.issued if word.revoked else max(self.at, word.issued)
        return any(self._good_paths(signer, chain, moment))

    def _good_paths(self, signer: Certificate, chain: Chain, moment: datetime) -> Iterator[Chain]:
        """The valid paths of a signer of evidence to the same anchor in which nobody is revoked."""
        if signer in chain[1:]:
            yield chain[chain.index(signer) :]
            return
        unchecked = signer.extension(x509.OCSPNoCheck) is not None
        for own in self.find_paths(signer, chain[-1], moment):
            self.changes += [each.not_after for each in own]
            if self.objection(own[1:] if unchecked else own) is None:
                yield own


def _superior(path: Chain) -> Certificate:
    """The next authority above the first certificate, whatever keys and certificates either of them has of itself."""
    others = (each for each in path[1:] if each.subject_der != path[0].subject_der and not each.asn1.self_issued)
    return next(others, path[-1])


def _holder(certificate: Certificate) -> Hashable:
    return comparable_name(certificate.subject_der), certificate.public_key_info


Read = TypeVar("Read")


def _readable(given: Iterable[bytes], read: Callable[[bytes], Read]) -> Iterator[Read]:
    for data in dict.fromkeys(given):
        with suppress(Malformed):
            yield read(data)


def _is_responder(certificate: Certificate, issuer: Certificate) -> bool:
    purposes = certificate.extension(x509.ExtendedKeyUsage)
    try:
        return (
            purposes is not None
            and ExtendedKeyUsageOID.OCSP_SIGNING in purposes
            and certificate.may("digital_signature")
            and comparable_name(certificate.issuer_der) == comparable_name(issuer.subject_der)
            and signed_by(certificate.der, issuer)
        )
    except SecmailError:
        return False
