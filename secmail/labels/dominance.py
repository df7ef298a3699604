"""Comparing classifications, clearances and labels: what an officer grants, what all may have, what a reply has to carry.

The hierarchy serves only here. The access decision itself asks whether a classification is in the class list, not how high it is.
"""

from collections.abc import Iterable
from datetime import datetime

from ..errors import LabelError
from .categories import Category
from .clearance import Clearance
from .label import SecurityLabel
from .policy import Classification, Rule, SecurityPolicy


def dominated(policy: SecurityPolicy, classification: int) -> frozenset[int]:
    """The class list an officer grants with a classification: itself and all below it, obsolete ones left out.

    LabelError if the policy does not know the classification.
    """
    highest = policy.classification(classification)
    if highest is None:
        raise LabelError("the policy has no such classification")
    return frozenset({highest.value}) | {
        each.value for each in policy.classifications if each.hierarchy < highest.hierarchy and not each.obsolete
    }


def meet(policy: SecurityPolicy, clearances: Iterable[Clearance | None], now: datetime) -> Classification | None:
    """The highest classification that all the clearances include at ``now`` (with a time zone).

    None if there is none, and also for no clearances at all: nobody is not everybody. A person without a clearance is None.
    """
    everybody = list(clearances)
    common = set(_usable(policy)) if everybody else set()
    for clearance in everybody:
        if clearance is None or clearance.policy != policy.oid or not clearance.valid_at(now):
            return None
        common &= clearance.class_list
    return max(
        (each for each in policy.classifications if each.value in common), key=lambda each: each.hierarchy, default=None
    )


def _usable(policy: SecurityPolicy) -> Iterable[int]:
    return (each.value for each in policy.classifications if not each.obsolete)


def not_lower(policy: SecurityPolicy, new: SecurityLabel, old: SecurityLabel) -> bool:
    """Whether everybody kept out by ``old`` is kept out by ``new``. False if either is invalid or unknown to the policy."""
    mine, theirs = policy.translated(new), policy.translated(old)
    if mine is None or theirs is None or policy.invalid_reason(mine) or policy.invalid_reason(theirs):
        return False
    return _covers_classification(policy, mine, theirs) and _covers_categories(policy, mine, theirs)


def _covers_classification(policy: SecurityPolicy, new: SecurityLabel, old: SecurityLabel) -> bool:
    high, low = policy.classification(new.classification), policy.classification(old.classification)
    # Two of the same rank keep different people out
    return high == low or (high is not None and low is not None and high.hierarchy > low.hierarchy)


def _covers_categories(policy: SecurityPolicy, new: SecurityLabel, old: SecurityLabel) -> bool:
    for tag in policy.tags:
        mine, theirs = tag.of(new.known_categories), tag.of(old.known_categories)
        if tag.rule is Rule.RESTRICTIVE and not theirs <= mine:
            return False
        # Released to fewer is stricter, released without any restriction is not
        if tag.rule is Rule.PERMISSIVE and theirs and not (mine and mine <= theirs):
            return False
    return True


def high_water_mark(policy: SecurityPolicy, labels: Iterable[SecurityLabel]) -> SecurityLabel:
    """The lowest label that is not lower than any of these, for a message that quotes or attaches all of them.

    The highest classification, all restrictive and informative categories, and of permissive ones those that all releases share.
    LabelError if a label is invalid or unknown, or no valid label is high enough; ValueError for no labels.
    """
    quoted = [policy.translated(label) for label in labels]
    known = [label for label in quoted if label is not None]
    if not quoted:
        raise ValueError("a high-water mark needs labels")
    if len(known) != len(quoted) or any(policy.invalid_reason(label) for label in known):
        raise LabelError("what is quoted has a label that is not valid under the security policy")
    mark = SecurityLabel(policy.oid, _highest(policy, known), None, tuple(_joined(policy, known)))
    reason = policy.invalid_reason(mark)
    if reason is not None:
        raise LabelError(f"no label is high enough for all that is quoted: {reason}")
    if not all(not_lower(policy, mark, label) for label in known):
        raise LabelError("no label is high enough for all that is quoted: it is released to different people")
    return mark


def _highest(policy: SecurityPolicy, labels: Iterable[SecurityLabel]) -> int | None:
    ranks = {each.value: each.hierarchy for each in policy.classifications}
    values = [label.classification for label in labels if label.classification is not None]
    return max(values, key=ranks.__getitem__, default=None)


def _joined(policy: SecurityPolicy, labels: list[SecurityLabel]) -> Iterable[Category]:
    for tag in policy.tags:
        chosen = [found for label in labels if (found := tag.of(label.known_categories))]
        if chosen:
            yield from frozenset.intersection(*chosen) if tag.rule is Rule.PERMISSIVE else frozenset.union(*chosen)
