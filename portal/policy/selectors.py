"""What the label picker offers and says, and what the frame and the style sheet need.

The picker answers only about labels that the originator may use, and for somebody unknown exactly as for somebody without
clearance: it is no way to find out who exists or who holds what above one's own clearance.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.policy import access, engine
from portal.policy.engine import Classification, Decision, LabelRefused, Rule, Standing
from portal.policy.models import Label, SecurityPolicy
from portal.policy.stylesheet import stylesheet_version
from portal.rows import rows


@dataclass(frozen=True)
class Outsider:
    """Somebody outside: what may be sent to them is decided by the clearance of their domain (DER), if it has one."""

    clearance_der: bytes | None


# The name as it was typed, and who that is, if anybody
Recipients = Sequence[tuple[str, User | Outsider | None]]

HOW = {
    Rule.RESTRICTIVE: "A reader needs every one of these.",
    Rule.PERMISSIVE: "A reader needs any one of these.",
    Rule.INFORMATIVE: "Keeps nobody out.",
}


@dataclass(frozen=True)
class LabelChoice:
    """A classification the originator may use. ``blocked_by`` says who may not read it, or is empty."""

    classification: int
    name: str
    colour_class: str
    blocked_by: str


@dataclass(frozen=True)
class CategoryChoice:
    """A category the originator may use; ``reference`` is what forms and services name it by."""

    reference: str
    name: str
    blocked_by: str


@dataclass(frozen=True)
class CategoryGroup:
    """Categories decided on together; ``rule`` is restrictive, permissive or informative, ``how`` the same in words."""

    legend: str
    rule: str
    how: str
    choices: list[CategoryChoice]


def label_choices(originator: User, recipients: Recipients = ()) -> list[LabelChoice]:
    """The classifications the originator may use, lowest first, each with who of the recipients may not read it."""
    asked = _Asked.about(originator, recipients)
    return [
        LabelChoice(
            each.value,
            each.name,
            engine.colour_class(asked.policy_id, each.value),
            _sentence(asked.may_not_use(each.value), each.name),
        )
        for each in asked.classifications()
    ]


def category_groups(
    originator: User, recipients: Recipients = (), classification: int | None = None
) -> list[CategoryGroup]:
    """What the originator may put beside a classification (the lowest he may use, if none is given).

    Recipients who may not read the classification are not named again with each category.
    """
    asked = _Asked.about(originator, recipients)
    usable = [each.value for each in asked.classifications()]
    if classification is None and usable:
        classification = usable[0]
    if classification not in usable:
        return []
    named = set(asked.may_not_use(classification))
    others = replace(asked, recipients=[each for each in asked.recipients if each[0] not in named])
    groups = (_category_group(others, classification, group) for group in engine.usable_groups(asked.policy_id))
    return [group for group in groups if group.choices]


def _category_group(asked: "_Asked", classification: int, group: engine.Group) -> CategoryGroup:
    usable = {each.reference for each in group.choices if asked.originator_may_use(classification, each.reference)}
    # Of a permissive tag one is enough, so whoever holds one may add the others for his readers.
    shown = (
        group.choices
        if group.rule is Rule.PERMISSIVE and usable
        else [c for c in group.choices if c.reference in usable]
    )
    choices = []
    for each in shown:
        kept_out = asked.may_not_use(classification, each.reference) if each.reference in usable else []
        what = f"{each.name} alone" if group.rule is Rule.PERMISSIVE else each.name
        choices.append(CategoryChoice(each.reference, each.name, _sentence(kept_out, what)))
    return CategoryGroup(group.legend, group.rule.value, _how(group), choices)


def whole_groups() -> list[CategoryGroup]:
    """All categories that a label may have under the policy in force, for officers: nobody's clearance limits them."""
    policy_id = active_policy_id()
    groups = engine.usable_groups(policy_id) if policy_id else ()
    return [
        CategoryGroup(group.legend, group.rule.value, _how(group), [CategoryChoice(each.reference, each.name, "") for each in group.choices])
        for group in groups
    ]


def _how(group: engine.Group) -> str:
    return HOW[group.rule] + ("" if group.maximum is None else f" {group.maximum} at most.")


def blocked_recipients(
    originator: User, wanted: Label | tuple[int, Iterable[str]], recipients: Recipients
) -> list[str]:
    """Why this label can't be sent to all these recipients, as sentences; none if it can.

    ``wanted`` is a label or (classification, references of categories).
    """
    asked = _Asked.about(originator, recipients)
    if not isinstance(wanted, Label):
        if not asked.originator_may_use(wanted[0]):
            return ["You may not use this label."]
        try:
            wanted = unsaved_label(*wanted)
        except LabelRefused as refused:
            return [str(refused)]
    return asked.barred(wanted, recipients).sentences


@dataclass(frozen=True)
class Barred:
    """Whom a label keeps out. Where the originator may not use it, that is all that is said, and `names` are all recipients."""

    originator: Decision
    names: frozenset[str]  # as typed
    sentences: list[str]


def barred(originator: User, label: Label, recipients: Recipients) -> Barred:
    """Who of these may not read what has this label, in one look at what they hold."""
    return _Asked.about(originator, recipients).barred(label, recipients)


def answer_label(originator: User, quoted: Label, recipients: Recipients) -> Label | None:
    """The label an answer starts with: that of what it quotes, if the originator and all recipients may have it."""
    return None if blocked_recipients(originator, quoted, recipients) else quoted


def not_lower(new: Label, old: Iterable[Label]) -> Decision:
    """The high-water mark: whether a message with the label ``new`` may quote or carry what has the labels ``old``."""
    policy_id = active_policy_id()
    for each in old:
        if policy_id is None or not engine.not_lower(new.der, each.der, policy_id):
            return Decision(False, f"{new.marking} is lower than what is quoted or attached: {each.marking}.")
    return Decision(True, "The label is as high as all that is quoted or attached.")


def unsaved_label(classification: int, categories: Iterable[str] = (), privacy_mark: str = "") -> Label:
    """The label as a row that is not in the database, to look at before anything is decided. LabelRefused if invalid.

    ``categories`` are references as the picker posts them.
    """
    policy_id = active_policy_id()
    if policy_id is None:
        raise LabelRefused("There is no security policy yet.")
    der = engine.label_der(policy_id, classification, categories, privacy_mark)
    return Label(policy_id=policy_id, der=der, classification=classification, **engine.words(der, policy_id)._asdict())


def category_references(label: Label) -> list[str]:
    """The references of a label's categories, to mark them in the picker."""
    return engine.label_references(label.der)


def clearance_marking(user: User, held: Standing | None = None) -> str:
    """What the frame shows beside a person's name; empty without a clearance that holds now. `held`, if that was asked already."""
    held = held or access.standing(user)
    if held.clearance_der is None or held.policy_id is None or not held.in_force(timezone.now()):
        return ""
    return engine.clearance_marking(held.clearance_der, held.policy_id)


def marking_of_clearance(der: bytes) -> str:
    """A clearance in the words of the policy in force; empty if it opens nothing under it."""
    policy_id = active_policy_id()
    return engine.clearance_marking(der, policy_id) if policy_id else ""


def stylesheet_url(policy_id: str | None) -> str:
    """Where the colours of labels are under this policy; empty before there is one."""
    version = stylesheet_version(policy_id)
    return reverse("policy:stylesheet", args=[version]) if version else ""


def active_policy_id() -> str | None:
    """The row of the policy in force, None before the set-up."""
    found = rows(SecurityPolicy, "SELECT id FROM policy_securitypolicy WHERE active")
    return found[0].id if found else None


@dataclass(frozen=True)
class _Asked:
    """One question of the picker: what everybody concerned holds, read in one query, at one time."""

    policy_id: str
    originator: Standing
    recipients: list[tuple[str, Standing]]
    now: datetime

    @classmethod
    def about(cls, originator: User, recipients: Recipients) -> "_Asked":
        held = access.standings({originator.pk, *(person.pk for _, person in recipients if isinstance(person, User))})
        mine = held.get(originator.pk, Standing())

        def standing(person: User | Outsider | None) -> Standing:
            if isinstance(person, User):
                return held.get(person.pk, Standing(mine.policy_id))
            return Standing(mine.policy_id, clearance_der=person.clearance_der if person else None)

        theirs = [standing(person) for _, person in recipients]
        # without its id the same clearance is the same standing, whoever has it: asked about once
        alike = [replace(each, clearance_id=None) for each in theirs]
        names = [name for name, _ in recipients]
        return cls(mine.policy_id or "", mine, list(zip(names, alike, strict=True)), timezone.now())

    def classifications(self) -> list[Classification]:
        known = engine.usable_classifications(self.policy_id) if self.policy_id else ()
        return [each for each in known if self.originator_may_use(each.value)]

    def originator_may_use(self, classification: int, reference: str | None = None) -> bool:
        return engine.may_use(self.originator, classification, reference, self.now)

    def barred(self, label: Label, recipients: Recipients) -> Barred:
        originator = engine.decide(self.originator, label.der, self.now)
        if not originator.granted:
            return Barred(originator, frozenset(name for name, _ in recipients), ["You may not use this label."])
        outside = {name for name, person in recipients if isinstance(person, Outsider)}
        names = self.may_not_read(label.der)
        sentences = [f"{name} may not {'be sent' if name in outside else 'read'} {label.marking}." for name in names]
        return Barred(originator, frozenset(names), sentences)

    def may_not_use(self, classification: int, reference: str | None = None) -> list[str]:
        return self._refused(lambda held: engine.may_use(held, classification, reference, self.now))

    def may_not_read(self, der: bytes) -> list[str]:
        return self._refused(lambda held: engine.decide(held, der, self.now).granted)

    def _refused(self, ask: Callable[[Standing], bool]) -> list[str]:
        """The names of those for whom the answer is no."""
        answers = {held: ask(held) for held in {held for _, held in self.recipients}}
        return [name for name, held in self.recipients if not answers[held]]


def _sentence(names: Sequence[str], what: str) -> str:
    """ "bob, carol and dave may not read SECRET"; empty for nobody."""
    if not names:
        return ""
    *others, last = names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} others"]
    return f"{', '.join(others)} and {last} may not read {what}" if others else f"{last} may not read {what}"
