"""Certification path validation, RFC 5280 section 6, at a given moment and with revocation evidence passed in.

pyhanko-certvalidator does the algorithm. It is given everything and fetches nothing: no network, no clock, no trust list of the
system. Revocation is judged here on top, because the library looks at a CRL only if the certificate says where to fetch one.
"""

import enum
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any, TypeVar

from asn1crypto import crl, ocsp, x509
from pyhanko_certvalidator import ValidationContext, errors
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    FreshnessReqType,
    PKIXValidationParams,
)
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator
from pyhanko_certvalidator.validate import async_validate_path

from . import der
from .certificates import Certificate
from .errors import Malformed

# What is wrong comes back in verdicts. Its log lines are tracebacks and names from foreign certificates
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

MAX_PATHS = 20  # tried for one certificate; even a mesh of cross-certificates has few
NEVER_STALE = timedelta(days=36_525)
ANY_POLICY = "2.5.29.32.0"


class Purpose(enum.Enum):
    """What the certificate's key is to be used for."""

    EMAIL_PROTECTION = "e-mail"
    SIGNATURE = "signing e-mail"
    ENCRYPTION = "encrypting e-mail"


EMAIL_PROTECTION = Purpose.EMAIL_PROTECTION


class Revocation(enum.Enum):
    """How much evidence is needed that no certificate of the path is revoked."""

    SOFT = "evidence counts where there is some, however old: revoked stays revoked"
    HARD = "every certificate below the trust anchor needs evidence that is current"


@dataclass(frozen=True)
class TrustStore:
    """The trust anchors. Their own validity and path length hold as in any certificate of the path."""

    anchors: tuple[Certificate, ...]

    def __init__(self, anchors: Iterable[Certificate]) -> None:
        object.__setattr__(self, "anchors", tuple(dict.fromkeys(anchors)))

    @cached_property
    def trust_anchors(self) -> tuple[CertTrustAnchor, ...]:
        """The same in the form of the library. Malformed if one is no certificate."""
        return tuple(
            CertTrustAnchor(
                anchor.asn1,
                TrustQualifiers(
                    max_path_length=anchor.asn1.max_path_length,
                    valid_from=anchor.not_before,
                    valid_until=anchor.not_after,
                ),
            )
            for anchor in self.anchors
        )


@dataclass(frozen=True)
class PathVerdict:
    """Whether the certificate may be relied on for the purpose, and why not as a clause for people ("the certificate …").

    ``chain`` is the valid path, the certificate first and the trust anchor last; empty if there is none. Until ``valid_until`` (aware)
    the verdict stands unless new evidence comes: the end of the shortest validity or the next update of the evidence given.
    """

    valid: bool
    reason: str
    chain: tuple[Certificate, ...] = ()
    valid_until: datetime | None = None

    def __bool__(self) -> bool:
        return self.valid


def validate(
    certificate: Certificate,
    *,
    trust: TrustStore,
    at: datetime,
    intermediates: Iterable[Certificate] = (),
    purpose: Purpose = EMAIL_PROTECTION,
    options: "PathOptions | None" = None,
) -> PathVerdict:
    """Find a path from the certificate to a trust anchor that is valid at ``at`` (with a time zone).

    ``intermediates`` are candidates from anywhere. Pure but for the options' cache: equal arguments give equal verdicts, so they may be
    kept until ``valid_until``. Never raises for bad certificates.
    """
    options = options or PathOptions()
    key = certificate, trust, options, purpose
    kept = options.cache.find(key, at) if options.cache is not None else None
    if kept is not None:
        return kept
    verdict = _validated(certificate, trust=trust, at=at, intermediates=intermediates, purpose=purpose, options=options)
    if options.cache is not None:
        options.cache.keep(key, at, verdict)
    return verdict


def _validated(
    certificate: Certificate,
    *,
    trust: TrustStore,
    at: datetime,
    intermediates: Iterable[Certificate],
    purpose: Purpose,
    options: "PathOptions",
) -> PathVerdict:
    try:
        leaf = certificate.asn1
    except Malformed:
        return PathVerdict(False, "the certificate is malformed")
    unfit = _unfit(certificate, purpose)
    if unfit is not None:
        return PathVerdict(False, unfit)
    known = _anchored(intermediates, trust)
    lists = _authentic(_parsed(options.crls, _crl), [each.asn1 for each in (*trust.anchors, *known)])
    responses = list(_parsed(options.ocsps, _ocsp))
    evidence = ValidationContext(
        trust_roots=trust.trust_anchors,
        other_certs=[each.asn1 for each in known],
        moment=at,
        crls=lists,
        ocsps=responses,
        revinfo_policy=_evidence_policy(options.revocation),
        time_tolerance=timedelta(0),
    )
    found = _run(_valid_path(leaf, evidence, options.revocation, _policy_parameters(options)))
    if isinstance(found, str):
        return PathVerdict(False, found)
    originals = {id(each.asn1): each for each in (*trust.anchors, *known, certificate)}
    chain = tuple(originals[id(each)] for each in reversed(list(found)))
    ends = [each.not_after for each in chain]
    ends += [update for update in _next_updates(lists, responses) if update > at]
    return PathVerdict(True, "the certificate is valid", chain, min(ends))


@dataclass(frozen=True)
class PathOptions:
    """What paths are validated with beside anchors and the moment.

    ``crls`` and ``ocsps`` are evidence as DER; what of it is malformed or does not belong here is passed over. The inputs c, d, e and f
    of RFC 5280 section 6.1.1: ``policies`` (OIDs) is the user-initial-policy-set, and naming any asks for a path that is valid under
    one of them; ``explicit_policy`` asks for a path that is valid under some policy; the other two switch policy mappings and
    anyPolicy off. ``cache`` holds verdicts made earlier.
    """

    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    policies: frozenset[str] = frozenset()
    explicit_policy: bool = False
    inhibit_policy_mapping: bool = False
    inhibit_any_policy: bool = False
    revocation: Revocation = Revocation.SOFT
    cache: "PathCache | None" = field(default=None, compare=False)


class PathCache:
    """Path verdicts that still stand, owned by the caller and safe to share between threads.

    Only valid ones are kept: what is invalid now may be valid with another certificate or at another time. One is used again for the
    same certificate, anchors, evidence, policies and purpose, from the moment it was made for until its ``valid_until``.
    """

    def __init__(self, size: int = 20_000) -> None:
        self._size, self._lock = size, Lock()
        self._verdicts: OrderedDict[object, tuple[datetime, datetime, PathVerdict]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._verdicts)

    def find(self, key: object, at: datetime) -> PathVerdict | None:
        with self._lock:
            since, until, verdict = self._verdicts.get(key, (at, at, None))
            if verdict is None or not since <= at < until:
                return None
            self._verdicts.move_to_end(key)
            return verdict

    def keep(self, key: object, at: datetime, verdict: PathVerdict) -> None:
        if not verdict.valid or verdict.valid_until is None:
            return
        with self._lock:
            self._verdicts[key] = at, verdict.valid_until, verdict
            while len(self._verdicts) > self._size:
                self._verdicts.popitem(last=False)


def _unfit(certificate: Certificate, purpose: Purpose) -> str | None:
    """RFC 8550 sections 4.4.2 and 4.4.4."""
    purposes = certificate.asn1.extended_key_usage_value
    if purposes is not None and not {"email_protection", "any_extended_key_usage"} & set(purposes.native):
        return "the certificate is not for e-mail"
    fit = certificate.can_encrypt if purpose is Purpose.ENCRYPTION else certificate.can_sign
    return None if fit or purpose is Purpose.EMAIL_PROTECTION else f"the certificate is not for {purpose.value}"


# Evidence


@lru_cache(maxsize=64)
def _crl(data: bytes) -> crl.CertificateList:
    return der.load(crl.CertificateList, data, lambda loaded: loaded.issuer.hashable)


@lru_cache(maxsize=256)
def _ocsp(data: bytes) -> ocsp.OCSPResponse:
    # There need not be an answer, or a basic one
    return der.load(ocsp.OCSPResponse, data, lambda loaded: loaded.response_data["responses"].native)


Evidence = TypeVar("Evidence")


def _parsed(given: Iterable[bytes], read: Callable[[bytes], Evidence]) -> Iterator[Evidence]:
    for data in given:
        try:
            yield read(bytes(data))
        except Malformed:
            continue


def _next_updates(lists: Sequence[crl.CertificateList], responses: Sequence[ocsp.OCSPResponse]) -> Iterator[datetime]:
    updates = [each["tbs_cert_list"]["next_update"].native for each in lists]
    updates += [
        single["next_update"].native for response in responses for single in response.response_data["responses"]
    ]
    return (update for update in updates if update is not None)


def _evidence_policy(revocation: Revocation) -> CertRevTrustPolicy:
    """When evidence is fresh enough, and what its own signers need."""
    if revocation is Revocation.HARD:
        # A list newer than ``at`` says when each certificate was revoked, so it serves for earlier moments too
        return CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True)
    # An old list proves nothing good, but what it lists is revoked
    return CertRevTrustPolicy(
        NO_REVOCATION, freshness=NEVER_STALE, freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION
    )


def _policy_parameters(options: PathOptions) -> PKIXValidationParams:
    """RFC 5280 section 6.1.1: with policies asked for, at least one of them must hold for the whole path."""
    wanted = frozenset("any_policy" if each == ANY_POLICY else each for each in options.policies)
    return PKIXValidationParams(
        user_initial_policy_set=wanted or frozenset({"any_policy"}),
        initial_explicit_policy=options.explicit_policy or bool(wanted),
        initial_policy_mapping_inhibit=options.inhibit_policy_mapping,
        initial_any_policy_inhibit=options.inhibit_any_policy,
    )


# Paths


def _anchored(candidates: Iterable[Certificate], trust: TrustStore) -> list[Certificate]:
    """Those candidates whose signatures lead to a trust anchor.

    Messages bring up to 200 certificates along, and the number of ways through them grows without bound if anybody can add to them.
    """
    by_issuer: dict[str, list[Certificate]] = {}
    for candidate in dict.fromkeys(candidates):
        with suppress(Malformed):
            by_issuer.setdefault(candidate.asn1.issuer.hashable, []).append(candidate)
    kept: list[Certificate] = []
    issuers = [anchor.asn1 for anchor in trust.anchors]
    while issuers:
        issuer = issuers.pop()
        waiting = by_issuer.pop(issuer.subject.hashable, [])
        issued = [each for each in waiting if _signed(each.asn1, issuer)]
        # The rest is left for another issuer of the same name
        by_issuer[issuer.subject.hashable] = [each for each in waiting if each not in issued]
        kept += issued
        issuers += [each.asn1 for each in issued if each.asn1.ca]
    return kept


def _authentic(lists: Iterable[crl.CertificateList], known: Iterable[x509.Certificate]) -> list[crl.CertificateList]:
    """Those lists that a certificate of their issuer's name verifies.

    pyhanko-certvalidator 0.33 takes a list unverified if it meets it while validating the list's own issuer.
    """
    by_name: dict[str, list[x509.Certificate]] = {}
    for each in known:
        by_name.setdefault(each.subject.hashable, []).append(each)
    return [each for each in lists if any(_signed(each, issuer) for issuer in by_name.get(each.issuer.hashable, ()))]


def _signed(document: x509.Certificate | crl.CertificateList, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the signature; nothing else about the issuer is looked at."""
    signed, _, signature = (document[index] for index in range(3))
    try:
        DefaultSignatureValidator().validate_signature(
            signature.native, signed.dump(), issuer.public_key, document["signature_algorithm"]
        )
    except Exception:  # the library lets whatever a hostile key provokes through
        return False
    return True


async def _valid_path(
    leaf: x509.Certificate, evidence: ValidationContext, revocation: Revocation, policies: PKIXValidationParams
) -> ValidationPath | str:
    """The first valid path, or why there is none, as far as a person can do something about it."""
    # Without revocation: that is judged by ``_revoked``
    rules = ValidationContext(
        trust_manager=evidence.path_builder.trust_manager,
        certificate_registry=evidence.certificate_registry,
        moment=evidence.moment,
        revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
        time_tolerance=timedelta(0),
    )
    refusals: list[tuple[int, str]] = []
    try:
        async for path in evidence.path_builder.async_build_paths_lazy(leaf):
            # Revocation first: that a certificate is revoked matters more than that it also expired
            reasons = [await _revoked(path, evidence, revocation), await _invalid(path, rules, policies)]
            found = min((each for each in reasons if each is not None), default=None)
            if found is None:
                return path
            refusals.append(found)
            if len(refusals) == MAX_PATHS:
                break
    except errors.PathBuildingError:
        return (
            f"the certificate is {'self-signed and not' if leaf.self_issued else 'not issued by anybody'} trusted here"
        )
    return min(refusals)[1]


async def _invalid(
    path: ValidationPath, rules: ValidationContext, policies: PKIXValidationParams
) -> tuple[int, str] | None:
    """Why a path is not valid by RFC 5280, with a rank: what is said first if there are several reasons."""
    try:
        await async_validate_path(rules, path, policies)
    except errors.ExpiredError as error:
        return 1, f"{_which(error.is_ee_cert)} expired on {_day(error.expired_dt)}"
    except errors.NotYetValidError as error:
        return 1, f"{_which(error.is_ee_cert)} is not valid before {_day(error.valid_from)}"
    except errors.DisallowedAlgorithmError as error:
        return 2, f"{_which(error.is_ee_cert)} is signed with an algorithm or key that is no longer secure"
    except errors.ValidationError as error:
        return 2, f"the path from the certificate to a trust anchor breaks a rule: {error}"
    except Exception:  # the library lets whatever a hostile certificate provokes through
        return 2, "the certificate can't be checked"
    return None


async def _revoked(path: ValidationPath, evidence: ValidationContext, revocation: Revocation) -> tuple[int, str] | None:
    """What the evidence says against a certificate of the path, from the trust anchor down."""
    certificates = list(path.iter_certs(include_root=False))
    unproven = None
    for certificate in certificates:
        which = _which(certificate is certificates[-1])
        good = False
        for verify in (verify_ocsp_response, verify_crl):
            try:
                await verify(certificate, path, evidence)
                good = True
            except errors.RevokedError as error:
                return 0, f"{which} was revoked on {_day(error.revocation_dt)} ({error.reason.human_friendly})"
            except Exception:  # noqa: S112 (no evidence, too old, hostile: all the same, it proves nothing)
                continue
        if not good and unproven is None and revocation is Revocation.HARD:
            unproven = 3, f"there is no current word on whether {which} is revoked"
    return unproven


def _which(is_leaf: bool) -> str:
    return "the certificate" if is_leaf else "a certificate of its issuer"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


Result = TypeVar("Result")


def _run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run what never waits, because nothing is fetched; so no event loop is needed, and a running one is no obstacle."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    coroutine.close()
    raise RuntimeError("path validation waits for something")
