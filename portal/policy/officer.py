"""What the security officer's pages show: the policy in force, and who holds what."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from portal.accounts import selectors as accounts
from portal.accounts.models import User
from portal.policy import engine
from portal.policy.engine import Classification, Rule, TagSet
from portal.policy.models import Clearance, SecurityPolicy
from portal.policy.selectors import CategoryGroup, active_policy_id, whole_groups


@dataclass(frozen=True)
class ClearanceRow:
    """One person on the list. ``marking`` is empty without a clearance under the policy in force; ``ended``: its time is over."""

    person: User
    marking: str
    clearance: Clearance | None
    ended: bool


@dataclass(frozen=True)
class ClearancePage:
    rows: list[ClearanceRow]
    next: str  # the user name after which the next page begins; "" on the last page


def clearance_page(*, search: str = "", after: str = "") -> ClearancePage:
    """Everybody by user name, a page at a time, with what each holds."""
    people = accounts.people(search=search, after=after)
    return ClearancePage(_clearance_rows(people.users), people.next)


def clearance_row(person: User) -> ClearanceRow:
    """The same for one person."""
    return _clearance_rows([person])[0]


def _clearance_rows(people: Sequence[User]) -> list[ClearanceRow]:
    policy_id, now = active_policy_id(), timezone.now()
    current = {each.user_id: each for each in Clearance.objects.filter(user__in=people, revoked_at=None)}
    rows = []
    for person in people:
        clearance = current.get(person.pk)
        marking = engine.clearance_marking(clearance.der, policy_id) if clearance and policy_id else ""
        ended = clearance is not None and clearance.valid_until is not None and clearance.valid_until < now
        rows.append(ClearanceRow(person, marking, clearance, ended))
    return rows


@dataclass(frozen=True)
class ClearanceChoices:
    """What may be granted under the policy in force."""

    classifications: list[Classification]
    groups: list[engine.Group]


def clearance_choices() -> ClearanceChoices:
    """Classifications and categories for the form; informative categories restrict nothing, so nobody holds them."""
    policy_id = active_policy_id()
    if policy_id is None:
        return ClearanceChoices([], [])
    groups = [each for each in engine.usable_groups(policy_id) if each.rule is not Rule.INFORMATIVE]
    return ClearanceChoices(list(engine.usable_classifications(policy_id)), groups)


@dataclass(frozen=True)
class LabelChoices:
    """What a label may have under the policy in force."""

    classifications: list[Classification]
    groups: list[CategoryGroup]


def label_choices() -> LabelChoices:
    """For labels that an officer sets: everything the policy has, informative categories, too."""
    policy_id = active_policy_id()
    return LabelChoices(list(engine.usable_classifications(policy_id)) if policy_id else [], whole_groups())


def held_choices(clearance: Clearance | None) -> dict[str, object]:
    """The initial values of the form: what the person holds now."""
    if clearance is None or not (held := holds(clearance.der)):
        return {}
    return held | {"valid_until": clearance.valid_until.date() if clearance.valid_until else None}


def holds(der: bytes) -> dict[str, object]:
    """What a clearance says under the policy in force, as values of the form."""
    policy_id = active_policy_id()
    if policy_id is None:
        return {}
    classification, categories = engine.clearance_holds(der, policy_id)
    return {"classification": classification, "categories": categories}


@dataclass(frozen=True)
class PolicySummary:
    """A version of the policy as the officer sees it: its row, its content, and the versions before it, newest first."""

    row: SecurityPolicy
    classifications: list[tuple[Classification, str]]
    tag_sets: tuple[TagSet, ...]
    earlier: list[SecurityPolicy]


def policy_summary() -> PolicySummary | None:
    row = SecurityPolicy.objects.defer("xml").filter(active=True).first()
    if row is None:
        return None
    spif = engine.spif(row.id)
    coloured = [(each, engine.colour_class(row.id, each.value)) for each in reversed(spif.classifications)]
    earlier = SecurityPolicy.objects.defer("xml").filter(active=False).order_by("-version")[:20]
    return PolicySummary(row, coloured, spif.tag_sets, list(earlier))
