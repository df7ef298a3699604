"""What must go, goes: objects that no row names, uploads left behind, sessions that are over."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from portal.keys import intake, objects, sessions
from portal.keys.services.unlock import forget_old_failures
from portal.mail.models import Arrival, Draft, Envelope, Message, Upload
from portal.outbox.registry import Claimed

UNNAMED_FOR = timedelta(days=1)
ABANDONED_AFTER = timedelta(days=7)


def sweep(job: Claimed) -> Callable[[], None] | None:
    """Deletes objects that no row has named for a day. A crash between a commit and a deletion leaves nothing for ever."""
    sessions.end_expired()
    forget_old_failures()
    _abandoned_uploads().delete()
    _forgettable_arrivals().delete()
    old = list(objects.names_before(timezone.now() - UNNAMED_FOR))  # listed before the rows are read: what is named meanwhile is younger
    keep = named()
    for name in old:
        if name not in keep:
            objects.delete(name)  # asks about each: a backup may begin meanwhile
    return None


def rotate_intake_key(job: Claimed) -> Callable[[], None] | None:
    """A new intake key; old ones that nothing names lose their private half."""
    return lambda: intake.rotate() and None


def intake_keys_in_use() -> set[str]:
    """The intake keys that messages, envelopes, uploads or arrivals still name."""
    names: set[str] = set()
    for model in (Message, Envelope, Upload, Arrival):
        names.update(model.objects.exclude(intake_key="").values_list("intake_key", flat=True).distinct())
    return names


def named(database: str = DEFAULT_DB_ALIAS) -> set[str]:
    """The names of all objects that rows name."""
    names: set[str] = set()
    for model in (Draft, Envelope, Upload, Arrival):
        names.update(model.objects.using(database).values_list("object_name", flat=True))
    submitted = Message.objects.using(database).exclude(content_object="")
    names.update(submitted.values_list("content_object", flat=True))
    return names


def _forgettable_arrivals():
    """Senders try again for days (RFC 5321 section 4.5.4.1); what is in the mailboxes, and not given again for longer, needs no memory of repeats."""
    return Arrival.objects.filter(object_name="", arrived_at__lt=timezone.now() - settings.REPEATS_KNOWN_FOR)


def _abandoned_uploads():
    """Files dropped into a page whose draft was never saved."""
    old = Upload.objects.filter(uploaded_at__lt=timezone.now() - ABANDONED_AFTER)
    needed = Message.objects.filter(state=Message.State.SUBMITTED)
    return old.exclude(draft_id__in=Draft.objects.values("id")).exclude(draft_id__in=needed.values("id"))
