"""The access decision: may the holder of this clearance read what carries this label? It is made here and nowhere else.

ITU-T X.841 and SDN.801 with the policy from a SPIF. Refused is the default: every way that does not pass every check ends there.
"""

from dataclasses import dataclass
from datetime import datetime

from .clearance import Clearance
from .label import SecurityLabel
from .policy import Rule, SecurityPolicy


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether access is granted, and why as a sentence for people.

    The sentence tells nothing that someone without the clearance does not know by asking: at most a classification by name,
    never a category. ``if decide(...)`` means what it seems to.
    """

    granted: bool
    reason: str

    def __bool__(self) -> bool:
        return self.granted


def decide(
    label: SecurityLabel | None, clearance: Clearance | None, policy: SecurityPolicy | None, now: datetime
) -> Decision:
    """Decide on the label under the policy at ``now``, which needs a time zone.

    Pure and total: it never raises, and whatever it is given that is not a label, a clearance and a policy is refused.
    """
    try:
        refusal = _refusal(label, clearance, policy, now)
    except Exception:  # default deny also covers what should be impossible
        refusal = "the label could not be judged"
    return (
        Decision(True, "the clearance includes all that the label requires")
        if refusal is None
        else Decision(False, refusal)
    )


def _refusal(label: object, clearance: object, policy: object, now: object) -> str | None:  # noqa: PLR0911 (one per check)
    """Why not; None if nothing speaks against it. The label is looked at before any clearance."""
    if not isinstance(policy, SecurityPolicy):
        return "there is no security policy to decide by"
    if not isinstance(now, datetime) or now.utcoffset() is None:
        return "the time of the decision is not known"
    if not policy.in_force(now):
        return "the security policy is not in force"
    if not isinstance(label, SecurityLabel):
        return "there is no security label"
    ours = policy.translated(label)
    if ours is None:
        return "the label belongs to a security policy that is not known here"
    if policy.invalid_reason(ours) is not None:
        return "the label is not valid under its security policy"
    if not isinstance(clearance, Clearance):
        return "there is no clearance"
    return _beyond(ours, clearance, policy, now)


def _beyond(label: SecurityLabel, clearance: Clearance, policy: SecurityPolicy, now: datetime) -> str | None:
    """What of a valid label the clearance does not include."""
    if clearance.policy != policy.oid:
        return "the clearance belongs to another security policy"
    if not clearance.valid_at(now):
        return "the clearance is not valid at this time"
    classification = policy.classification(label.classification)
    if classification is not None and classification.value not in clearance.class_list:
        return f"the clearance does not include {classification.name}"
    held, required = clearance.known_categories, label.known_categories
    for tag in policy.tags:
        of_label = tag.of(required)
        if tag.rule is Rule.RESTRICTIVE and not of_label <= held:
            return "the clearance does not include all that the label requires"
        if tag.rule is Rule.PERMISSIVE and of_label and not of_label & held:
            return "the label releases this only to others"
    return None
