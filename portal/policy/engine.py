"""Rows ↔ engine objects: the only file of this app that knows ``secmail``. DER and references come in, words and answers go out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from portal.policy.models import SecurityPolicy
from secmail import labels
from secmail.errors import LabelError, SecmailError
from secmail.labels import Classification, Decision, Rule, TagSet, text_colour

__all__ = ["Classification", "Decision", "Rule", "TagSet"]

_COLOUR = re.compile("#[0-9a-f]{6}")


class PolicyError(Exception):
    """What the policy or its officers do not allow; ``str()`` is a sentence for people."""


class LabelRefused(PolicyError):
    """No such label under the policy in force."""


class Words(NamedTuple):
    marking: str
    short_marking: str
    colour_class: str


@dataclass(frozen=True)
class Choice:
    """A category to choose. ``reference`` names it in forms, drafts and services: tag set, tag type and lacv."""

    reference: str
    name: str


@dataclass(frozen=True)
class Group:
    """A tag of the policy: categories that are decided on together, by its ``rule``."""

    legend: str
    rule: Rule
    maximum: int | None
    choices: tuple[Choice, ...]


@lru_cache(maxsize=32)
def spif(policy_id: str) -> labels.SecurityPolicy:
    """The policy of this row. Rows never change, so each process reads one once."""
    return labels.SecurityPolicy.from_xml(SecurityPolicy.objects.only("xml").get(id=policy_id).xml)


def read_policy(xml: bytes) -> labels.SecurityPolicy:
    """The policy in a SPIF; PolicyError with line and column if it is none, or has nothing to classify by."""
    try:
        policy = labels.SecurityPolicy.from_xml(xml)
    except SecmailError as error:
        raise PolicyError(_sentence(str(error))) from None
    if not policy.classifications:
        raise PolicyError("The policy has no classifications.")
    return policy


# Decisions


@dataclass(frozen=True)
class Standing:
    """What every decision about a person depends on: the policy in force, and the person's clearance if there is one."""

    policy_id: str | None = None
    clearance_id: str | None = None
    clearance_der: bytes | None = None
    valid_until: datetime | None = None
    disabled: bool = False  # the account, whatever the clearance

    def in_force(self, now: datetime) -> bool:
        """Whether time has run out for neither the clearance nor the policy."""
        ended = self.valid_until is not None and self.valid_until < now
        return not ended and (self.policy_id is None or spif(self.policy_id).in_force(now))


def decide(standing: Standing, label_der: bytes | None, now: datetime) -> Decision:
    """secmail's decision for the rows' bytes. What can't be read is refused like what is not there."""
    if standing.disabled:
        return Decision(False, "the account is disabled")
    policy = None if standing.policy_id is None else spif(standing.policy_id)
    return labels.decide(_label(label_der), _clearance(standing.clearance_der, standing.valid_until), policy, now)


def may_use(standing: Standing, classification: int, reference: str | None, now: datetime) -> bool:
    """Whether a person may have labels with this classification (and category), as far as these alone decide.

    The decision is asked about a label with nothing else on it, under the policy without the rules that demand or forbid
    company: the complete label has to meet those when it is made.
    """
    if standing.policy_id is None:
        return False
    policy = _without_company(standing.policy_id)
    try:
        label = labels.SecurityLabel(policy.oid, classification, None, _categories([reference] if reference else []))
    except (ValueError, TypeError):
        return False
    return labels.decide(label, _clearance(standing.clearance_der, standing.valid_until), policy, now).granted


@lru_cache(maxsize=32)
def _without_company(policy_id: str) -> labels.SecurityPolicy:
    policy, nothing = spif(policy_id), frozenset()
    alone = {"excluded_classes": nothing, "excluded_categories": nothing, "required": ()}

    def relaxed(tag: labels.SecurityTag) -> labels.SecurityTag:
        return replace(tag, minimum=0, categories=tuple(replace(each, **alone) for each in tag.categories))

    return replace(
        policy,
        classifications=tuple(replace(each, required=()) for each in policy.classifications),
        tag_sets=tuple(replace(each, tags=tuple(map(relaxed, each.tags))) for each in policy.tag_sets),
    )


def not_lower(new_der: bytes, old_der: bytes, policy_id: str) -> bool:
    """Whether the new label keeps out everybody whom the old one keeps out."""
    new, old = _label(new_der), _label(old_der)
    return new is not None and old is not None and labels.not_lower(spif(policy_id), new, old)


# Labels and clearances


def label_der(policy_id: str, classification: int, categories: Iterable[str], privacy_mark: str) -> bytes:
    """The label in DER. LabelRefused with the policy's reason if it may not exist."""
    policy = spif(policy_id)
    try:
        label = labels.SecurityLabel(policy.oid, classification, privacy_mark or None, _categories(categories))
    except (ValueError, TypeError):
        raise LabelRefused("The policy has no such classification or category.") from None
    reason = policy.invalid_reason(label)
    if reason is not None:
        raise LabelRefused(_sentence(reason))
    return label.to_der()


def clearance_der(policy_id: str, classification: int, categories: Iterable[str]) -> bytes:
    """A clearance for a classification, all it dominates, and the categories. PolicyError if the policy has them not."""
    policy = spif(policy_id)
    try:
        chosen = _categories(categories)
        clearance = labels.Clearance(policy.oid, labels.dominated(policy, classification), chosen)
    except (ValueError, TypeError, LabelError):
        raise PolicyError("The policy has no such classification or category.") from None
    if any(policy.category(each) is None for each in chosen):
        raise PolicyError("The policy has no such classification or category.")
    return clearance.to_der()


def refusal_of(der: bytes, policy_id: str) -> str | None:
    """Why a label that came with a message is not valid, as a sentence; "" if it is. None for a label of a policy that is not known here."""
    policy, label = spif(policy_id), _label(der)
    ours = None if label is None else policy.translated(label)
    if ours is None:
        return None
    reason = policy.invalid_reason(ours)
    return "" if reason is None else _sentence(reason)


def words(der: bytes, policy_id: str) -> Words:
    """How the policy shows the label. LabelRefused if it does not know what is on it."""
    policy, label = spif(policy_id), labels.SecurityLabel.from_der(der)
    try:
        marking, short = labels.marking(label, policy), labels.short_marking(label, policy)
    except LabelError as error:
        raise LabelRefused(_sentence(str(error))) from None
    ours = policy.translated(label)
    return Words(marking, short, colour_class(policy_id, ours.classification if ours else None))


def clearance_marking(der: bytes, policy_id: str) -> str:
    """A clearance in the words of the policy, the highest classification standing for all it dominates.

    Empty if it can't be read or belongs to another policy: then it opens nothing.
    """
    policy, clearance = spif(policy_id), _clearance_under(policy_id, der)
    if clearance is None:
        return ""
    held = [each.value for each in policy.classifications if each.value in clearance.class_list]
    if not held or labels.dominated(policy, held[-1]) != clearance.class_list:
        return labels.clearance_marking(clearance, policy)
    known = [each for each in clearance.known_categories if policy.category(each)]
    return labels.marking(labels.SecurityLabel(policy.oid, held[-1], None, tuple(known)), policy)


def clearance_holds(der: bytes, policy_id: str) -> tuple[int | None, list[str]]:
    """The highest classification of a clearance and the references of its categories, for the officer's form."""
    clearance = _clearance_under(policy_id, der)
    if clearance is None:
        return None, []
    held = [each.value for each in spif(policy_id).classifications if each.value in clearance.class_list]
    return (held[-1] if held else None), [_reference(each) for each in sorted(clearance.known_categories)]


def _clearance_under(policy_id: str, der: bytes) -> labels.Clearance | None:
    clearance = _clearance(der, None)
    return clearance if clearance is not None and clearance.policy == spif(policy_id).oid else None


def label_references(der: bytes) -> list[str]:
    """The references of a label's categories, for the picker."""
    return [_reference(each) for each in sorted(labels.SecurityLabel.from_der(der).known_categories)]


def classification(der: bytes) -> int | None:
    """The classification of a label, None if it has none or can't be read."""
    label = _label(der)
    return label.classification if label else None


# What a policy offers


def usable_classifications(policy_id: str) -> Iterator[Classification]:
    """What new labels and clearances may have, lowest first."""
    return (each for each in spif(policy_id).classifications if not each.obsolete)


def usable_groups(policy_id: str) -> Iterator[Group]:
    """The tags of the policy with the categories that are still in use."""
    for tag in spif(policy_id).tags:
        usable = tuple(Choice(_reference(each.category), each.name) for each in tag.categories if not each.obsolete)
        if usable:
            yield Group(tag.name, tag.rule, tag.maximum, usable)


def colour_class(policy_id: str, classification: int | None) -> str:
    """The class that the policy's style sheet gives this classification; "" without one."""
    if classification is None:
        return ""
    return f"label-{_version(policy_id)}-{classification}"


@lru_cache(maxsize=32)
def _version(policy_id: str) -> int:
    return SecurityPolicy.objects.values_list("version", flat=True).get(id=policy_id)


def colours(policy_id: str) -> Iterator[tuple[str, str, str]]:
    """(class, colour, colour of text on it) of each classification that has one.

    The colours were checked when the policy was read; they go into a style sheet, so they are checked where they leave.
    """
    for each in spif(policy_id).classifications:
        if each.colour is not None and _COLOUR.fullmatch(each.colour):
            yield colour_class(policy_id, each.value), each.colour, text_colour(each.colour)


@lru_cache(maxsize=4096)
def _label(der: bytes | None) -> labels.SecurityLabel | None:
    try:
        return None if der is None else labels.SecurityLabel.from_der(der)
    except (SecmailError, ValueError):
        return None


@lru_cache(maxsize=4096)
def _clearance(der: bytes | None, valid_until: datetime | None) -> labels.Clearance | None:
    try:
        return None if der is None else replace(labels.Clearance.from_der(der), not_after=valid_until)
    except (SecmailError, ValueError):
        return None


def _reference(category: labels.Category) -> str:
    return f"{category.tag_set}/{category.tag_type:d}/{category.value}"


def _categories(references: Iterable[str]) -> tuple[labels.Category, ...]:
    """ValueError for what is no reference."""
    parts = (reference.split("/") for reference in references)
    return tuple(
        labels.Category(tag_set, labels.TagType(int(tag_type)), int(value)) for tag_set, tag_type, value in parts
    )


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
