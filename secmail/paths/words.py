"""What a piece of evidence says about one certificate, and what several say together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import ReasonFlags

Reasons = frozenset[ReasonFlags]

ALL_REASONS: Reasons = frozenset(ReasonFlags) - {ReasonFlags.unspecified, ReasonFlags.remove_from_crl}
NO_REASONS: Reasons = frozenset()
FOR_PEOPLE = {
    ReasonFlags.key_compromise: "its key was compromised",
    ReasonFlags.ca_compromise: "the key of its issuer was compromised",
    ReasonFlags.affiliation_changed: "its holder's affiliation changed",
    ReasonFlags.superseded: "it was replaced",
    ReasonFlags.cessation_of_operation: "it is no longer needed",
    ReasonFlags.certificate_hold: "it is suspended",
    ReasonFlags.privilege_withdrawn: "a privilege was withdrawn",
    ReasonFlags.aa_compromise: "the key of an attribute authority was compromised",
}


@dataclass(frozen=True)
class Revoked:
    """Since when (aware) and why a certificate is revoked."""

    since: datetime
    reason: ReasonFlags

    def __str__(self) -> str:
        """The rest of the sentence "the certificate was …"."""
        why = FOR_PEOPLE.get(self.reason)
        return f"revoked on {day(self.since)}" + (f" ({why})" if why else "")


@dataclass(frozen=True)
class Word:
    """What one list or answer, issued at a time and good until another (None: unsaid), says; ``reasons`` are those it knows of."""

    issued: datetime
    until: datetime | None
    revoked: Revoked | None
    reasons: Reasons = ALL_REASONS

    def is_current(self, at: datetime, not_after: datetime) -> bool:
        """Whether silence in it proves something about ``at``: it was in force then, or is newer.

        Not if it was issued after the certificate's end: revoked certificates leave the list then (RFC 5280 section 3.3).
        """
        in_force = self.until is not None and self.issued <= at <= self.until
        return in_force or at <= self.issued <= not_after


def revoked(words: Iterable[Word], at: datetime) -> Revoked | None:
    """The revocation that counts at ``at``, however old the word: what is revoked stays so, unless a newer word ends a suspension."""
    said = list(words)
    silent = [each.issued for each in said if each.revoked is None and ReasonFlags.certificate_hold in each.reasons]
    lifted = max((issued for issued in silent if issued <= at), default=None)
    for each in said:
        if each.revoked is None or each.revoked.since > at:
            continue
        held = each.revoked.reason is ReasonFlags.certificate_hold
        if not held or lifted is None or lifted <= each.issued:
            return each.revoked
    return None


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
