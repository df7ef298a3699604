"""Finding a path that is valid: RFC 5280 section 6.1 by the library, revocation and the rules for mail on top."""

import logging
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice, pairwise, takewhile
from typing import Any, TypeVar

from asn1crypto import core
from asn1crypto import x509 as asn1_x509
from pyhanko_certvalidator import ValidationContext, errors
from pyhanko_certvalidator.name_trees import (
    PKIXSubtrees,
    default_excluded_subtrees,
    default_permitted_subtrees,
    process_general_subtrees,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
    PKIXValidationParams,
)
from pyhanko_certvalidator.validate import async_validate_path

from ..certificates import Certificate, comparable_name
from ..certificates.asn1 import names_and_constraints
from ..errors import Malformed, SecmailError
from .addresses import forbidden_address
from .options import EMAIL_PROTECTION, PathOptions, PathVerdict, Purpose, Revocation, TrustStore
from .revocation import Evidence, Inquiry
from .signatures import signed_by, weaknesses
from .ways import Chain, Ways
from .words import day

# What is wrong comes back in verdicts. Its log lines are tracebacks and names from foreign certificates
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

MAX_PATHS = 20  # tried for one certificate; even a mesh of cross-certificates has few
# SHA-1 and short keys are read, and reported as weak; what is below is refused
WEAKEST = DisallowWeakAlgorithmsPolicy(frozenset({"md2", "md5"}), rsa_key_size_threshold=1024, dsa_key_size_threshold=1024)  # type: ignore[no-untyped-call]
MAX_SEARCHES = 2_000  # for issuers, for one message
MAX_STEPS = 500  # certificates in all paths that are tried for one message, each of which takes about a millisecond, more if it is long
MAX_VERIFICATIONS = 800  # of signatures by common keys, for one message; by RSA keys of 16,384 bits 25, which take 8 ms each
MAX_COMPARISONS = 20_000  # of a name with a name constraint, in one path
TOO_MANY = "there are too many certificates in the message to look at this one"
ANY_POLICY = "2.5.29.32.0"

Refusal = tuple[int, str]  # a rank, what is said first if there are several reasons, and the reason


def validate(
    certificate: Certificate,
    *,
    trust: TrustStore,
    at: datetime,
    intermediates: Iterable[Certificate] = (),
    purpose: Purpose = EMAIL_PROTECTION,
    options: PathOptions | None = None,
) -> PathVerdict:
    """Find a path from the certificate to a trust anchor that is valid at ``at`` (with a time zone).

    ``intermediates`` are candidates from anywhere. Pure but for the options' cache: equal arguments give equal verdicts, so they may be
    kept until ``valid_until``. Never raises for bad certificates.
    """
    return Paths(trust=trust, at=at, intermediates=intermediates, options=options or PathOptions()).validate(certificate, purpose)


class Paths:
    """What certificates are validated with; the candidates are looked at once, however many certificates a message has.

    ``steps`` is shared by all that belong to one message: each certificate in a path that is tried takes ``cost`` of them, and without any
    left no certificate is valid. So are ``verifications``, of which each signature takes as many as its key costs. Nor is any valid
    when something was left out because a limit was met (``complete``): it might have been who signed that one is revoked.
    """

    def __init__(
        self,
        *,
        trust: TrustStore,
        at: datetime,
        intermediates: Iterable[Certificate],
        options: PathOptions,
        steps: Iterator[int] | None = None,
        verifications: Iterator[int] | None = None,
        cost: int = 1,
    ) -> None:
        self.trust, self.at, self.options = trust, at, options
        self.steps = islice(iter(range(MAX_STEPS)) if steps is None else steps, 0, None, cost)
        self.verifications = iter(range(MAX_VERIFICATIONS)) if verifications is None else verifications
        self.searches = iter(range(MAX_SEARCHES))
        self.complete = True
        self._intermediates = intermediates
        self._verdicts: dict[tuple[Certificate, Purpose], PathVerdict] = {}

    def validate(
        self, certificate: Certificate, purpose: Purpose = EMAIL_PROTECTION, allowed: Callable[[Certificate], bool] | None = None
    ) -> PathVerdict:
        """As the function of this name. ``allowed`` says of each certificate below the trust anchor whether it may be in the path."""
        if allowed is not None:  # the verdict holds for this question only
            return _validated(self, certificate, purpose, list(filter(allowed, self.anchored)))
        cache = self.options.cache
        key = certificate, self.trust, self.options, purpose
        found = self._verdicts.get((certificate, purpose))
        if found is None and cache is not None:
            found = cache.find(key, self.at)
        if found is None:
            found = _validated(self, certificate, purpose, self.anchored)
            if cache is not None:
                cache.keep(key, found)
        self._verdicts[certificate, purpose] = found
        return found

    def may_verify(self, issuer: Certificate, times: int = 1) -> bool:
        """Whether so many signatures by this key may still be verified; they are taken off."""
        try:
            return self._take(self.verifications, issuer.verifying_cost * times)
        except SecmailError:  # no key that verifies anything
            return True

    def take_way(self, chain: Chain) -> bool:
        """Whether this way may still be tried: its steps are taken off, and what long keys and extensions cost beyond them."""
        steps, verifications = sum(each.validating_cost for each in chain), sum(each.verifying_cost - 1 for each in chain[1:])
        return self._take(self.steps, steps) and self._take(self.verifications, verifications)

    def may_search(self) -> bool:
        return self._take(self.searches, 1)

    @cached_property
    def anchored(self) -> list[Certificate]:
        return _anchored(self._intermediates, self.trust, self.may_verify)

    @cached_property
    def evidence(self) -> Evidence:
        return Evidence(self.options, dict.fromkeys((*self.trust.anchors, *self.anchored)), self.may_verify)

    def _take(self, budget: Iterator[int], count: int) -> bool:
        taken = sum(1 for _ in islice(budget, count)) == count
        self.complete = self.complete and taken
        return taken


def _validated(paths: Paths, certificate: Certificate, purpose: Purpose, between: list[Certificate]) -> PathVerdict:
    """``between`` are those that may be in the path; who signed evidence may be anybody known."""
    trust, at, options = paths.trust, paths.at, paths.options
    try:
        certificate.checked().asn1  # noqa: B018 (errors come out here)
    except Malformed:
        return PathVerdict(False, "the certificate is malformed")
    unfit = _unfit(certificate, purpose)
    if unfit is not None:
        return PathVerdict(False, unfit)

    def paths_of_signer(signer: Certificate, anchor: Certificate, moment: datetime) -> Iterator[Chain]:
        return _valid_paths_to(signer, anchor, moment, paths)

    inquiry = Inquiry(paths.evidence, at, options.revocation is Revocation.HARD, paths_of_signer)
    parameters = _policy_parameters(options)
    refusals: list[Refusal] = []
    for path, chain in _paths(certificate, trust, between, paths):
        if _comparisons(chain) > MAX_COMPARISONS:
            refusals.append((2, "the path from the certificate to a trust anchor has too many name constraints"))
            continue
        invalid = _invalid(path, at, parameters)
        if invalid is not None and not all(signed_by(each.der, issuer, weak=True) for each, issuer in pairwise(chain)):
            # Two authorities of one name: what is wrong with the other one is said only if there is nothing else
            refusals.append((4, invalid[1]))
            continue
        # Revocation first: that a certificate is revoked matters more than that it also expired
        reasons = [_revoked(chain, inquiry), invalid, _not_for_mail(chain)]
        refusal = min((each for each in reasons if each is not None), default=None)
        if refusal is None and paths.complete:
            ends = [each.not_after for each in chain] + inquiry.changes
            # Without evidence nothing but the certificates' validity depends on the moment
            since = at if options.crls or options.ocsps else max(each.not_before for each in chain)
            return PathVerdict(True, "the certificate is valid", chain, min(ends), weaknesses(chain), since)
        refusals += [refusal] if refusal else []
    if not paths.complete:
        return PathVerdict(False, TOO_MANY)
    if refusals:
        return PathVerdict(False, min(refusals)[1])
    own = comparable_name(certificate.issuer_der) == comparable_name(certificate.subject_der)
    return PathVerdict(False, f"the certificate is {'self-signed and not' if own else 'not issued by anybody'} trusted here")


def _unfit(certificate: Certificate, purpose: Purpose) -> str | None:
    """RFC 8550 sections 4.4.2 and 4.4.4."""
    if not certificate.is_for_mail:
        return "the certificate is not for e-mail"
    fit = certificate.can_encrypt if purpose is Purpose.ENCRYPTION else certificate.can_sign
    return None if fit or purpose is Purpose.EMAIL_PROTECTION else f"the certificate is not for {purpose.value}"


def _policy_parameters(options: PathOptions) -> PKIXValidationParams:
    """RFC 5280 section 6.1.1: with policies asked for, at least one of them must hold for the whole path."""
    wanted = frozenset("any_policy" if each == ANY_POLICY else each for each in options.policies)
    return PKIXValidationParams(
        user_initial_policy_set=wanted or frozenset({"any_policy"}),
        initial_explicit_policy=options.explicit_policy or bool(wanted),
        initial_policy_mapping_inhibit=options.inhibit_policy_mapping,
        initial_any_policy_inhibit=options.inhibit_any_policy,
    )


# Finding paths


def _anchored(candidates: Iterable[Certificate], trust: TrustStore, may_verify: Callable[[Certificate], bool]) -> list[Certificate]:
    """Those candidates whose signatures lead to a trust anchor.

    Messages bring up to 200 certificates along, and the number of ways through them grows without bound if anybody can add to them.
    """
    by_issuer: dict[Hashable, list[Certificate]] = {}
    for candidate in dict.fromkeys(candidates):
        with suppress(Malformed):
            by_issuer.setdefault(comparable_name(candidate.checked().issuer_der), []).append(candidate)
    kept: list[Certificate] = []
    issuers = list(trust.anchors)
    while issuers:
        issuer = issuers.pop()
        waiting = by_issuer.pop(comparable_name(issuer.subject_der), [])
        issued = [each for each in waiting if may_verify(issuer) and signed_by(each.der, issuer, weak=True)]
        # The rest is left for another issuer of the same name
        by_issuer[comparable_name(issuer.subject_der)] = [each for each in waiting if each not in issued]
        kept += filter(_is_readable, issued)
        issuers += [each for each in issued if each.is_authority]
    return kept


def _is_readable(certificate: Certificate) -> bool:
    """By the library, too; asked last, because it takes longer than to verify."""
    try:
        return certificate.asn1 is not None
    except Malformed:
        return False


def _paths(certificate: Certificate, trust: TrustStore, known: list[Certificate], within: Paths) -> Iterator[tuple[ValidationPath, Chain]]:
    """The ways from the certificate to an anchor, as many as may be tried; nothing of them is validated."""
    ways = (each for anchors in trust.trust_anchors for each in Ways(anchors, known, within.may_search).of(certificate))
    return takewhile(lambda way: within.take_way(way[1]), islice(ways, MAX_PATHS))


def _valid_paths_to(signer: Certificate, anchor: Certificate, at: datetime, within: Paths) -> Iterator[Chain]:
    """Paths of somebody who signed evidence to one anchor; their certificates are not looked up in other evidence here."""
    left = MAX_PATHS
    for path, chain in _paths(signer, TrustStore([anchor]), within.anchored, within):
        left -= 1
        if _invalid(path, at, PKIXValidationParams()) is None:
            yield chain
    if not left:
        within.complete = False


def _comparisons(chain: Chain) -> int:
    """How many times a name is compared with a name constraint."""
    names, constraints = map(sum, zip(*(names_and_constraints(each.asn1) for each in chain), strict=True))
    return names * constraints


def _rules(at: datetime) -> ValidationContext:
    return ValidationContext(
        trust_roots=(),
        moment=at,
        revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
        time_tolerance=timedelta(0),
        algorithm_usage_policy=WEAKEST,
    )


# Judging one


def _revoked(chain: Chain, inquiry: Inquiry) -> Refusal | None:
    found = inquiry.objection(chain)
    if found is None:
        return None
    certificate, revoked = found
    which = _which(certificate is chain[0])
    return (0, f"{which} was {revoked}") if revoked else (3, f"there is no current word on whether {which} is revoked")


def _invalid(path: ValidationPath, at: datetime, policies: PKIXValidationParams) -> Refusal | None:
    """Why a path is not valid by RFC 5280 section 6.1."""
    try:
        _run(async_validate_path(_rules(at), path, _constrained(policies, path)))
    except errors.ExpiredError as error:
        return 1, f"{_which(error.is_ee_cert)} expired on {day(error.expired_dt)}"
    except errors.NotYetValidError as error:
        return 1, f"{_which(error.is_ee_cert)} is not valid before {day(error.valid_from)}"
    except errors.DisallowedAlgorithmError as error:
        return 2, f"{_which(error.is_ee_cert)} is signed with an algorithm or key that is no longer secure"
    except errors.ValidationError as error:
        return 2, f"the path from the certificate to a trust anchor breaks a rule: {error}"
    except Exception:  # the library lets whatever a hostile certificate provokes through
        return 2, "the certificate can't be checked"
    return None


def _constrained(policies: PKIXValidationParams, path: ValidationPath) -> PKIXValidationParams:
    """With the name constraints of the anchor itself, as RFC 5937 section 3.2 takes them."""
    constraints = path.first.name_constraints_value
    if constraints is None:
        return policies
    return replace(
        policies,
        initial_permitted_subtrees=default_permitted_subtrees() | _subtrees(constraints["permitted_subtrees"]),
        initial_excluded_subtrees=default_excluded_subtrees() | _subtrees(constraints["excluded_subtrees"]),
    )


def _subtrees(member: asn1_x509.GeneralSubtrees | core.Void) -> PKIXSubtrees:
    return process_general_subtrees(member) if isinstance(member, asn1_x509.GeneralSubtrees) else {}


def _not_for_mail(chain: Chain) -> Refusal | None:
    """What RFC 5280 leaves open for authorities: an extended key usage limits what they issue, name constraints every address."""
    if not all(each.is_for_mail for each in chain[1:-1]):
        return 2, "a certificate of its issuer is not for e-mail"
    if forbidden_address(chain):
        return 2, "the certificate names an address that its issuer may not give"
    return None


def _which(is_leaf: bool) -> str:
    return "the certificate" if is_leaf else "a certificate of its issuer"


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
