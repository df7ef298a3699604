"""Whether a certificate of a path is revoked, by lists and answers whose signers are verified first: RFC 5280 section 6.3, RFC 6960."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..certificates import Certificate
from ..errors import Malformed, SecmailError
from . import crls
from .crls import RevocationList, read_list
from .ocsp import OcspResponse, read_response
from .options import PathOptions, Revocation
from .signatures import comparable, signed_by
from .ways import Chain
from .words import ALL_REASONS, Revoked, Word, revoked

FindPath = Callable[[Certificate, Certificate, datetime], Chain | None]


@dataclass(frozen=True)
class Status:
    """What all evidence says about one certificate; ``proven`` is that current evidence knows of no reason against it."""

    revoked: Revoked | None
    proven: bool


@dataclass
class Evidence:
    """The evidence of one validation. ``find_path`` gives a path from a certificate to a given anchor that is valid at a moment.

    ``known`` are certificates whose signatures lead to an anchor, and the anchors: those who may have signed evidence.
    """

    options: PathOptions
    at: datetime
    known: list[Certificate]
    find_path: FindPath
    changes: list[datetime] = field(default_factory=list)
    _statuses: dict[tuple[Certificate, Certificate, Certificate], Status | None] = field(default_factory=dict)

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
        for certificate, issuer in reversed(list(pairwise(chain))):
            status = self.status(certificate, issuer, chain)
            if status.revoked is not None:
                return certificate, status.revoked
            if self.is_hard and not status.proven and unproven is None:
                unproven = certificate, None
        return unproven

    def status(self, certificate: Certificate, issuer: Certificate, chain: Chain) -> Status:
        key = certificate, issuer, chain[-1]
        if key not in self._statuses:
            # Who signs a list that is about himself: PKITS 4.14.30 wants that to be taken at its word
            self._statuses[key] = None
            self._statuses[key] = self._judged(list(self._words(certificate, issuer, chain)), certificate)
        return self._statuses[key] or Status(None, True)

    def _judged(self, words: list[Word], certificate: Certificate) -> Status:
        for each in words:
            moments = each.issued, each.until, each.revoked.since if each.revoked else None
            self.changes += [moment for moment in moments if moment is not None and moment > self.at]
        silent = [each for each in words if each.revoked is None or each.revoked.since > self.at]
        current = [each for each in silent if each.is_current(self.at, certificate.not_after)]
        covered = frozenset().union(*(each.reasons for each in current))
        return Status(revoked(words, self.at), covered >= ALL_REASONS)

    def _words(self, certificate: Certificate, issuer: Certificate, chain: Chain) -> Iterator[Word]:
        for each in self._complete:
            signer = self._list_signer(each, certificate, issuer, chain)
            if signer is not None:
                yield from crls.words(each, self._deltas, certificate, signer)
        for response in self._responses:
            said = list(response.words(certificate, issuer))
            signer = self._answerer(response, issuer) if said else None
            if signer is not None:
                yield from (each for each in said if self._may_say(each, signer, chain))

    # Who may sign

    def _list_signer(
        self, revocation_list: RevocationList, certificate: Certificate, issuer: Certificate, chain: Chain
    ) -> Certificate | None:
        """RFC 5280 section 6.3.3 f and g: the issuer, another certificate of it, or who the certificate names as CRL issuer."""
        named = [each for each in self.known if comparable(each.subject_der) == revocation_list.issuer]
        direct = comparable(certificate.issuer_der) == revocation_list.issuer
        for signer in dict.fromkeys((issuer, *named) if direct else named):
            if not signer.may("crl_sign") or not signed_by(revocation_list.data, signer):
                continue
            # Two authorities of one name are two: another certificate of the issuer has the same superior, or is by itself
            superiors = map(comparable, (issuer.issuer_der, issuer.subject_der))
            if direct and signer not in chain and comparable(signer.issuer_der) not in superiors:
                continue
            if self._is_in_good_standing(signer, chain, self.at):
                return signer if revocation_list.is_understood else None
        return None

    def _answerer(self, response: OcspResponse, issuer: Certificate) -> Certificate | None:
        """RFC 6960 section 4.2.2.2: the issuer itself, or whom it issued a certificate with id-kp-OCSPSigning."""
        responders = (each for each in (*response.certificates, *self.known) if _is_responder(each, issuer))
        return next((each for each in (issuer, *responders) if signed_by(response.data, each)), None)

    def _may_say(self, word: Word, signer: Certificate, chain: Chain) -> bool:
        """An old answer may still accuse, if its signer could then; to vouch for somebody he needs to be valid now."""
        moment = word.issued if word.revoked else max(self.at, word.issued)
        return self._is_in_good_standing(signer, chain, moment)

    def _is_in_good_standing(self, signer: Certificate, chain: Chain, moment: datetime) -> bool:
        """Whether a signer of evidence has a valid path to the same anchor and is not revoked."""
        if signer in chain[1:]:
            return True
        own = self.find_path(signer, chain[-1], moment)
        if own is None:
            return False
        self.changes += [each.not_after for each in own]
        unchecked = signer.extension(x509.OCSPNoCheck) is not None
        return self.objection(own[1:] if unchecked else own) is None


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
            and comparable(certificate.issuer_der) == comparable(issuer.subject_der)
            and signed_by(certificate.der, issuer)
        )
    except SecmailError:
        return False
