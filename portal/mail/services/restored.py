"""What waits for its worker is sealed to an intake key, and no backup holds one: what a restore can still do with it.

A message that was not signed yet goes back to Drafts by itself (`seal` finds that its grant does not open). An envelope only lacks the line
for the mailboxes. `deliver` believes recipients and label of a row because that line, sealed, says the same; so the line is replaced only by
`restore`, which has the master key, and only for envelopes of which `backup` has seen that the old line said the same.
"""

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.keys import intake
from portal.keys.sealing import SealBroken
from portal.mail.content import EnvelopeSummary
from portal.mail.models import Arrival, Envelope, Message, Upload
from portal.mail.services.envelopes import addressed_digest, summary_context

SUBJECT = "(subject unknown: delivered after a restore)"
UNSIGNED, UNDELIVERED, ARRIVED, FILES = "unsigned", "undelivered", "arrived", "files of drafts"
QUEUED = (UNSIGNED, UNDELIVERED, ARRIVED)


def waiting(database: str = DEFAULT_DB_ALIAS) -> dict[str, int]:
    """How many rows name an intake key: messages not signed, envelopes not delivered, mail from outside, files of drafts."""
    rows = {
        UNSIGNED: Message.objects.exclude(intake_key=""),
        UNDELIVERED: _undelivered(database),
        ARRIVED: Arrival.objects.exclude(intake_key=""),
        FILES: Upload.objects.all(),
    }
    return {name: found.using(database).count() for name, found in rows.items()}


def addressed_as_sealed(database: str) -> list[str]:
    """The envelopes not delivered yet whose recipients and label are those they were sealed for. Worker only."""
    return [each.id for each in _undelivered(database) if _is_as_sealed(each)]


def seal_again(envelope_ids: list[str]) -> None:
    """Gives these envelopes a line that can be opened here, without the subject. Worker only."""
    for envelope in _undelivered(DEFAULT_DB_ALIAS).filter(id__in=envelope_ids):
        originator = envelope.message.originator
        people = User.objects.filter(id__in=envelope.recipients).values_list("display_name", flat=True)
        line = EnvelopeSummary(
            subject=SUBJECT,
            attachments=False,
            from_name=originator.display_name if originator else envelope.message.outside_sender,
            to_names=", ".join(people),
            addressed=addressed_digest(envelope),
        )
        sealed = intake.seal(line.to_json(), summary_context(envelope.id))
        Envelope.objects.filter(id=envelope.id).update(summary=sealed.blob, intake_key=sealed.intake_key)


def _undelivered(database: str) -> QuerySet[Envelope]:
    rows = Envelope.objects.using(database).filter(summary__isnull=False)
    return rows.select_related("message__originator", "message__label")


def _is_as_sealed(envelope: Envelope) -> bool:
    sealed = intake.Sealed(envelope.intake_key, envelope.summary or b"")
    try:
        line = EnvelopeSummary.from_json(intake.unseal(sealed, summary_context(envelope.id)))
    except SealBroken:
        return False
    return line.addressed == addressed_digest(envelope)
