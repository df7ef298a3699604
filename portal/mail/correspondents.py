"""Whom outside to offer while somebody writes: those they are in touch with themselves, and no others."""

from portal.accounts.models import User
from portal.keys.selectors import certificates_outside
from portal.mail.models import Delivery, Outbound
from portal.mail.selectors import Mailbox

LATEST = 500  # messages that are looked at in each folder


def correspondents(user: User) -> list[str]:
    """Addresses outside to which mail can be encrypted now, and from or to which this person has mail they may read.

    That a certificate is known says that somebody here corresponds with its owner; who that is, concerns nobody else.
    """
    box = Mailbox(user)
    written_by = box.folder(Delivery.Folder.INBOX).values_list("envelope__message__outside_sender", flat=True)[:LATEST]
    sent = list(box.folder(Delivery.Folder.SENT).values_list("envelope__message_id", flat=True)[:LATEST])
    written_to = Outbound.objects.filter(envelope__message__in=sent).values_list("address", flat=True)
    return sorted(certificates_outside({each.lower() for each in (*written_by, *written_to) if each}))
