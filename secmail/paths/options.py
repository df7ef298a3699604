"""What a path is validated for and with, and what comes out."""

import enum
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Lock

from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers

from ..certificates import Certificate, comparable_name


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
    """The trust anchors (RFC 5280 section 6.1.1 d). Their own validity, path length and name constraints hold as in any
    certificate of the path; one that is no authority is trusted for itself only."""

    anchors: tuple[Certificate, ...]

    def __init__(self, anchors: Iterable[Certificate]) -> None:
        object.__setattr__(self, "anchors", tuple(dict.fromkeys(anchors)))

    @cached_property
    def trust_anchors(self) -> tuple[tuple[tuple[Certificate, CertTrustAnchor], ...], ...]:
        """Each with its form for the library, in sets of which none has a name with the same key twice: it would see one of them.

        Malformed if one is no certificate.
        """
        sets: list[dict[object, tuple[Certificate, CertTrustAnchor]]] = []
        for anchor in self.anchors:
            holder = comparable_name(anchor.subject_der), anchor.public_key_info
            free = next((each for each in sets if holder not in each), None)
            if free is None:
                sets.append(free := {})
            free[holder] = anchor, _trust_anchor(anchor)
        return tuple(tuple(each.values()) for each in sets)


def _trust_anchor(anchor: Certificate) -> CertTrustAnchor:
    length = anchor.asn1.max_path_length
    return CertTrustAnchor(
        anchor.asn1,
        # The length for attribute authorities limits nothing here; the library fails over one that is absent where the other one is given
        TrustQualifiers(max_path_length=length, max_aa_path_length=length, valid_from=anchor.not_before, valid_until=anchor.not_after),
    )


@dataclass(frozen=True)
class PathVerdict:
    """Whether the certificate may be relied on for the purpose, and why not as a clause for people ("the certificate …").

    ``chain`` is the valid path, the certificate first and the trust anchor last; empty if there is none. Until ``valid_until`` (aware)
    the verdict stands unless new evidence comes: the end of the shortest validity or the next update of the evidence given. It stands from
    ``valid_since``: where evidence was given the moment asked about, else the beginning of the latest validity. ``weaknesses``
    (for people) name algorithms and keys of the path that are accepted, and no longer strong.
    """

    valid: bool
    reason: str
    chain: tuple[Certificate, ...] = ()
    valid_until: datetime | None = None
    weaknesses: tuple[str, ...] = ()
    valid_since: datetime | None = None

    def __bool__(self) -> bool:
        return self.valid


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
    same certificate, anchors, evidence, policies and purpose, from its ``valid_since`` until its ``valid_until``.
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

    def keep(self, key: object, verdict: PathVerdict) -> None:
        if not verdict.valid or verdict.valid_since is None or verdict.valid_until is None:
            return
        with self._lock:
            self._verdicts[key] = verdict.valid_since, verdict.valid_until, verdict
            while len(self._verdicts) > self._size:
                self._verdicts.popitem(last=False)
