"""What people do with messages in their mailbox."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor
from portal.mail.access import access_message
from portal.mail.models import Delivery
from portal.rows import change


def move(user: User, actor: Actor, delivery_ids: Iterable[str], folder: str) -> int:
    """To the bin, or back to where the message arrived. Returns how many were moved."""
    moved = 0
    for delivery_id in delivery_ids:
        with transaction.atomic():
            if access_message(user, delivery_id, Verb.MOVED, actor) is None:
                continue
            target = Delivery.Folder.BIN if folder == Delivery.Folder.BIN else F("arrived_in")
            moved += Delivery.objects.filter(id=delivery_id, owner=user).update(folder=target)
    return moved


def mark_read(user: User, delivery_id: str) -> None:
    change(Delivery, {"read_at": timezone.now()}, id=delivery_id, owner=user.id, read_at=None)


def mark_unread(user: User, delivery_ids: Iterable[str]) -> int:
    return Delivery.objects.filter(id__in=list(delivery_ids), owner=user).update(read_at=None)
