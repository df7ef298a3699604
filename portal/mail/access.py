"""The one door to a message. Views, workers and downloads all come through here; it decides, writes the audit event, and says yes or no."""

from dataclasses import dataclass

from django.db import transaction

from portal.accounts.models import User
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.mail.models import Delivery
from portal.policy.access import decide_for


@dataclass(frozen=True)
class Access:
    """A delivery that this person may use for this purpose, now."""

    delivery: Delivery


def access_message(user: User, delivery_id: str, purpose: Verb, actor: Actor) -> Access | None:
    """The delivery, if it is in this person's mailbox and the clearance allows its label; else None. `purpose` is the audit's verb.

    An absent id takes the same path as one that is not for this clearance: the same queries, one event, and no way to
    tell them apart.
    """
    delivery = (
        Delivery.objects.select_related("label", "provisional_label", "envelope__message").filter(id=delivery_id).first()
    )
    decision = decide_for(user, *(delivery.labels if delivery else [None]))
    own = delivery is not None and delivery.owner_id == user.id
    granted = own and decision.granted
    reason = decision.reason if own else "not in this person's mailbox" if delivery else "no such message"
    with transaction.atomic():
        record(
            verb=purpose,
            actor=actor,
            kind="delivery",
            id=delivery_id,
            label=delivery.label.marking if delivery else "",
            outcome=Outcome.GRANTED if granted else Outcome.REFUSED,
            reason="" if granted else reason,
            correlation=delivery.envelope.message_id if delivery else "",
        )
    return Access(delivery) if delivery and granted else None
