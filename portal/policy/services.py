"""Changes of policy, clearances and labels: check, change, audit, in one transaction each.

A refusal is returned, not raised: raising would take its audit event back together with the transaction.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from portal.accounts.models import Role, RoleName, User
from portal.audit.models import Verb
from portal.audit.services import SYSTEM, Actor, Refused, record, refuse
from portal.policy import engine, selectors
from portal.policy.engine import LabelRefused, PolicyError
from portal.policy.models import Clearance, Label, SecurityPolicy
from portal.rows import rows

__all__ = [
    "LabelRefused",
    "PolicyError",
    "Refused",
    "activate_policy",
    "check_officer",
    "clearance_der",
    "grant_clearance",
    "label_row",
    "received_label",
    "revoke_clearance",
    "row_of",
]


def activate_policy(*, actor: Actor, xml: bytes) -> SecurityPolicy | Refused:
    """Make the SPIF in ``xml`` the policy in force, as a new version, and read the words of its labels again from it.

    Decisions follow on the next question. Clearances under another policy OID then open nothing.
    """
    with transaction.atomic():
        try:
            check_officer(actor)
            spif = engine.read_policy(xml)
        except PolicyError as error:
            return refuse(str(error), verb=Verb.POLICY_ACTIVATED, actor=actor, kind="policy", id="")
        # The lock makes a second officer wait here and then count on from this version.
        SecurityPolicy.objects.select_for_update().filter(active=True).first()
        newest = SecurityPolicy.objects.aggregate(newest=Max("version"))["newest"] or 0
        SecurityPolicy.objects.filter(active=True).update(active=False)
        policy = SecurityPolicy.objects.create(
            version=newest + 1, oid=spif.oid, name=spif.name, xml=xml, activated_by=actor.name
        )
        _read_words_again(policy)
        record(verb=Verb.POLICY_ACTIVATED, actor=actor, kind="policy", id=policy.id, reason=f"{policy} ({policy.oid})")
        return policy


def _read_words_again(policy: SecurityPolicy) -> None:
    """Labels are signed and never change; the words for them are the policy's and may."""
    known = []
    for label in Label.objects.filter(policy__oid=policy.oid):
        try:
            words = engine.words(label.der, policy.id)
        except LabelRefused:
            continue
        label.policy, label.marking, label.short_marking, label.colour_class = policy, *words
        known.append(label)
    Label.objects.bulk_update(known, ["policy", "marking", "short_marking", "colour_class"], batch_size=500)


def grant_clearance(
    *,
    actor: Actor,
    user: User,
    classification: int,
    categories: Iterable[str] = (),
    valid_until: datetime | None = None,
) -> Clearance | Refused:
    """Give a person a clearance in place of any former one: ``classification``, all it dominates, and the categories.

    ``categories`` are references as ``officer.clearance_choices`` lists them. Nobody grants to himself: it takes two people
    to agree that one of them is cleared.
    """
    with transaction.atomic():
        try:
            check_officer(actor)
            if actor.person == user.pk:
                raise PolicyError("Nobody grants a clearance to himself: ask another security officer.")
            if valid_until is not None and valid_until <= timezone.now():
                raise PolicyError("A clearance can't end before it begins.")
            der = clearance_der(classification, categories)
        except PolicyError as error:
            return refuse(
                str(error), verb=Verb.CLEARANCE_GRANTED, actor=actor, kind="clearance", id="", about=user.username
            )
        _end_current(user)
        clearance = Clearance.objects.create(user=user, der=der, valid_until=valid_until, granted_by=actor.name)
        record(
            verb=Verb.CLEARANCE_GRANTED,
            actor=actor,
            kind="clearance",
            id=clearance.id,
            about=user.username,
            label=selectors.marking_of_clearance(der),
        )
        return clearance


def clearance_der(classification: int, categories: Iterable[str]) -> bytes:
    """A clearance under the policy in force: a classification, all it dominates, and the categories. PolicyError if it has them not."""
    policy_id = selectors.active_policy_id()
    if policy_id is None:
        raise PolicyError("There is no security policy yet.")
    return engine.clearance_der(policy_id, classification, categories)


def revoke_clearance(*, actor: Actor, user: User) -> Clearance | Refused:
    """Take a person's clearance away. It works on the next request and before the next decryption in any worker."""
    with transaction.atomic():
        try:
            check_officer(actor)
            clearance = _end_current(user)
            if clearance is None:
                raise PolicyError(f"{user.username} has no clearance.")
        except PolicyError as error:
            return refuse(
                str(error), verb=Verb.CLEARANCE_REVOKED, actor=actor, kind="clearance", id="", about=user.username
            )
        record(verb=Verb.CLEARANCE_REVOKED, actor=actor, kind="clearance", id=clearance.id, about=user.username)
        return clearance


def label_row(*, classification: int, categories: Iterable[str] = (), privacy_mark: str = "") -> Label:
    """The row of this label under the active policy; made if nobody used it yet. Works inside the caller's transaction.

    ``categories`` are references as the label picker posts them. LabelRefused if the policy's rules make it invalid.
    """
    label = selectors.unsaved_label(classification, categories, privacy_mark)
    columns = ("policy_id", "classification", "marking", "short_marking", "colour_class")
    # get_or_create takes the other's row if somebody makes the same label at the same moment
    row, _ = Label.objects.get_or_create(der=label.der, defaults={name: getattr(label, name) for name in columns})
    return row


def row_of(label: Label, *, categories: Iterable[str] = ()) -> Label:
    """`label_row` for a label that was worked out already: the policy is asked again only if nobody used it yet."""
    found = rows(Label, "SELECT * FROM policy_label WHERE der = %s", label.der)
    return found[0] if found else label_row(classification=label.classification, categories=categories)


def received_label(der: bytes) -> Label | None:
    """The row of a label that a signature has proven; None if its policy is not known here. Works inside the caller's transaction.

    LabelRefused if the policy is known and does not allow this label.
    """
    policy_id = selectors.active_policy_id()
    refusal = None if policy_id is None else engine.refusal_of(der, policy_id)
    if policy_id is None or refusal is None:
        return None
    if refusal:
        raise LabelRefused(refusal)
    words = engine.words(der, policy_id)
    row, _ = Label.objects.get_or_create(
        der=der, defaults={"policy_id": policy_id, "classification": engine.classification(der), **words._asdict()}
    )
    return row


def _end_current(user: User) -> Clearance | None:
    clearance = Clearance.objects.select_for_update().filter(user=user, revoked_at=None).first()
    if clearance is not None:
        clearance.revoked_at = timezone.now()
        clearance.save(update_fields=["revoked_at"])
    return clearance


def check_officer(actor: Actor) -> None:
    """The rule stands here too, not only at the page's door: whoever calls must hold the role at this moment. Raises PolicyError."""
    if actor != SYSTEM and not Role.objects.filter(user=actor.person, name=RoleName.SECURITY_OFFICER).exists():
        raise PolicyError("Only a security officer may do this.")
