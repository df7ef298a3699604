"""The one place that asks for a person: may he read what has this label?

There is no branch for any role: an administrator or superuser without clearance reads nothing. What a person holds and which
policy is in force are read from the database each time, so a change works on the next question in any process; only answers
are remembered, under the ids of the clearance and of the policy version, neither of which ever changes.
"""

from collections.abc import Collection
from functools import lru_cache

from django.utils import timezone

from portal.accounts.models import User
from portal.policy import engine
from portal.policy.engine import Decision, Standing
from portal.policy.models import Clearance, Label, SecurityPolicy
from portal.rows import rows

__all__ = ["Decision", "decide_for", "decide_for_all", "decide_for_domain", "readable_labels", "standing", "standings"]


def decide_for(user: User, label: Label | None, *also: Label) -> Decision:
    """Whether this person may read, write or receive what has this label, now, and why (not). Where there are several, all must allow it."""
    held, now = standing(user), timezone.now()
    decisions = [engine.decide(held, each and each.der, now) for each in (label, *also)]
    return next((each for each in decisions if not each.granted), decisions[0])


def decide_for_all(users: Collection[User], label: Label) -> dict[str, Decision]:
    """`decide_for` each of many people, by id, in one query."""
    held, now = standings([user.pk for user in users]), timezone.now()
    return {user.pk: engine.decide(held.get(user.pk, Standing()), label.der, now) for user in users}


def decide_for_domain(clearance_der: bytes | None, label: Label) -> Decision:
    """Whether what has this label may be sent to a domain outside whose clearance is this (None: it has none), now, and why (not)."""
    policy = SecurityPolicy.objects.filter(active=True).values_list("id", flat=True).first()
    return engine.decide(Standing(policy, clearance_der=clearance_der), label.der, timezone.now())


def readable_labels(user: User, held: Standing | None = None) -> frozenset[str]:
    """Ids of all labels this person may read now, for querysets to filter by. Asks once for each distinct label.

    `held` is what this person holds, if that was asked a moment ago for the same page.
    """
    now, held = timezone.now(), held or standing(user)
    answers = _answers(held.clearance_id, held.policy_id, held.in_force(now))
    ids = frozenset(Label.objects.values_list("id", flat=True))
    new = [label_id for label_id in ids if label_id not in answers]  # other threads may be adding to the answers
    for label_id, der in Label.objects.filter(id__in=new).values_list("id", "der"):
        answers[label_id] = engine.decide(held, der, now).granted
    return frozenset(label_id for label_id in ids if answers.get(label_id))


@lru_cache(maxsize=512)
def _answers(clearance_id: str | None, policy_id: str | None, in_force: bool) -> dict[str, bool]:
    """The answers this process remembers, by label id. Ids are random, so none comes back after a rollback."""
    return {}


def standing(user: User) -> Standing:
    """What this person holds at this moment. Somebody unknown to the database holds nothing."""
    return standings([user.pk]).get(user.pk, Standing())


def standings(user_ids: Collection[str]) -> dict[str, Standing]:
    """The same for many people, in one query. Disabled people hold nothing."""
    found = rows(
        Clearance,
        """
        SELECT held.*, person.id AS person, person.is_active AS active,
               (SELECT id FROM policy_securitypolicy WHERE active) AS policy
        FROM accounts_user person LEFT JOIN policy_clearance held ON held.user_id = person.id AND held.revoked_at IS NULL
        WHERE person.id IN %s
        """,
        list(user_ids),
    )
    return {each.person: Standing(each.policy, each.id, each.der, each.valid_until) if each.active else Standing(each.policy, disabled=True) for each in found}
