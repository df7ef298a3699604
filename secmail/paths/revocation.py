"""Whether a certificate of a path is revoked, by lists and answers whose signers are verified first: RFC 5280 section 6.3, RFC 6960."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..certificates import Certificate, comparable_name
from ..errors import Malformed, SecmailError
from . import crls
from .crls import RevocationList, read_list
from .ocsp import OcspResponse, read_response
from .options import PathOptions
from .signatures import signed_by
from .ways import Chain
from .words import ALL_REASONS, NO_REASONS, Revoked, Word, revoked

FindPaths = Callable[[Certificate, Certificate, datetime], Iterator[Chain]]
Standing = Callable[[Chain, Chain], bool]  # whether a path of who signed evidence makes it count about the first of another path


@dataclass(frozen=True)
class Status:
    """What all evidence says about one certificate; ``proven`` is that current evidence knows of no reason against it."""

    revoked: Revoked | None
    proven: bool


class Evidence:
    """The evidence that validations have in common, read once, and who signed it.

    ``known`` are certificates whose signatures lead to an anchor, and the anchors: those who may have signed evidence. ``may_verify`` says
    whether one more signature by a key may be verified: each authority of a name might have signed each list.
    """

    def __init__(self, options: PathOptions, known: Iterable[Certificate], may_verify: Callable[[Certificate], bool]) -> None:
        lists = list(_readable(options.crls, read_list))
        self.complete = [each for each in lists if not each.is_delta]
        self.responses = list(_readable(options.ocsps, read_response))
        self._deltas = [each for each in lists if each.is_delta]
        self._known, self._may_verify = list(known), may_verify
        self._named: dict[Hashable, list[Certificate]] = defaultdict(list)
        for each in self._known if lists else ():
            self._named[comparable_name(each.subject_der)].append(each)
        self._signed: dict[tuple[bytes, bytes], bool] = {}

    def list_signers(self, revocation_list: RevocationList) -> Iterator[list[Certificate]]:
        """RFC 5280 section 6.3.3 f and g: certificates of the list's issuer for a key that made the signature. Their paths are another question."""
        by_key: dict[bytes, list[Certificate]] = defaultdict(list)
        for each in self._named.get(revocation_list.issuer, ()):
            if each.may("crl_sign"):
                by_key[each.public_key_info].append(each)
        for signers in by_key.values():
            if self._has_signed(signers[0], revocation_list.data) and revocation_list.is_understood:
                yield signers

    def deltas(self, complete: RevocationList, signer: Certificate) -> list[RevocationList]:
        """RFC 5280 section 6.3.3 c and h: those that belong to a complete list, with the key that verified it."""
        return [
            each
            for each in self._deltas
            if crls.belongs(each, complete) and self._has_signed(signer, each.data) and each.is_understood
        ]

    def answerers(self, response: OcspResponse, issuer: Certificate) -> list[Certificate]:
        """RFC 6960 section 4.2.2.2: the issuer itself, or whom it issued a certificate with id-kp-OCSPSigning; an older one may have the same key."""
        if self._has_signed(issuer, response.data):
            return [issuer]
        candidates = dict.fromkeys((*response.certificates, *self._known))
        return [
            each
            for each in candidates
            if _is_responder(each, issuer) and self._has_signed(issuer, each.der) and self._has_signed(each, response.data)
        ]

    def _has_signed(self, issuer: Certificate, data: bytes) -> bool:
        key = issuer.public_key_info, data
        if key not in self._signed:
            self._signed[key] = self._may_verify(issuer) and signed_by(data, issuer)
        return self._signed[key]


@dataclass
class Inquiry:
    """What the evidence says in one validation. ``find_paths`` gives those from a certificate to a given anchor that are valid at a moment."""

    evidence: Evidence
    at: datetime
    is_hard: bool
    find_paths: FindPaths
    changes: list[datetime] = field(default_factory=list)
    _statuses: dict[Chain, Status | None] = field(default_factory=dict)

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
        for each in self.evidence.complete:
            direct = each.issuer == comparable_name(certificate.issuer_der)
            vouch, accuse = (_is_issuer, _is_issuer) if direct else (_is_near, _has_same_anchor)
            reasons = crls.scope(each, certificate)
            for signers in self.evidence.list_signers(each) if reasons else ():
                listed = crls.words(each, self.evidence.deltas(each, signers[0]), certificate, reasons)
                yield from self._weighed(listed, signers, chain, vouch, accuse)
        for response in self.evidence.responses:
            said = list(response.words(certificate, issuer))
            answerers = self.evidence.answerers(response, issuer) if said else []
            yield from self._weighed(said, answerers, chain, _has_same_anchor, _has_same_anchor)

    def _weighed(
        self, words: Iterable[Word], signers: Sequence[Certificate], chain: Chain, vouch: Standing, accuse: Standing
    ) -> Iterator[Word]:
        """The words as far as they count: to vouch for somebody a signer needs to be valid now; who could accuse then still does."""
        for word in words:
            now = max(self.at, word.issued)
            silent = word.revoked is None or word.revoked.since > self.at
            if silent and any(vouch(own, chain) for own in self._good_paths(signers, chain, now, proven=True)):
                yield word
            elif word.revoked is not None:
                moments = dict.fromkeys((now, word.issued))
                if any(accuse(own, chain) for each in moments for own in self._good_paths(signers, chain, each, proven=False)):
                    yield replace(word, reasons=NO_REASONS)

    def _good_paths(self, signers: Sequence[Certificate], chain: Chain, moment: datetime, *, proven: bool) -> Iterator[Chain]:
        """The valid paths of signers of evidence to the same anchor in which nobody is revoked, and (``proven``) it is known of whoever it must be."""
        for signer in sorted(signers, key=lambda each: each not in chain):
            if signer in chain[1:]:
                yield chain[chain.index(signer) :]
                continue
            unchecked = signer.extension(x509.OCSPNoCheck) is not None
            for own in self.find_paths(signer, chain[-1], moment):
                self.changes += [each.not_after for each in own if each.not_after > self.at]
                found = self.objection(own[1:] if unchecked else own)
                if found is None or (found[1] is None and not proven):
                    yield own


# Two authorities of one name are two. Each names those below it, so that who is meant is told by the names from the anchor down


def _is_issuer(own: Chain, chain: Chain) -> bool:
    """Whether it is a path of the issuer, by whatever keys and certificates it has of itself."""
    return _names(own) == _names(chain[1:])


def _is_near(own: Chain, chain: Chain) -> bool:
    """Whether who signed is named by an authority of the path. An indirect list of others may be that of a namesake, whom an authority with
    no say in the certificate made: RFC 5280 section 8 has it taken into account, and wants the same anchor "at a minimum".
    """
    names = _names(chain[1:])
    return _names(own)[1:] in {names[above:] for above in range(len(names) + 1)}


def _has_same_anchor(own: Chain, chain: Chain) -> bool:
    return own[-1] == chain[-1]


def _names(path: Chain) -> tuple[Hashable, ...]:
    """From the first certificate up, each once however many certificates follow each other in it."""
    return tuple(name for name, _ in groupby(comparable_name(each.subject_der) for each in path))


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
        )
    except SecmailError:
        return False
