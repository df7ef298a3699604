"""The rows of envelopes, each with the sealed line that `deliver` writes mailboxes from and believes recipients and label by."""

import hashlib

from portal.keys import intake
from portal.keys.sealing import context
from portal.mail import engine
from portal.mail.content import EnvelopeSummary, Submission
from portal.mail.directory import Party
from portal.mail.models import Envelope, Message
from portal.mail.services.plans import Plan


def envelopes_for(
    message: Message, submission: Submission, people: dict[str, Party], plans: list[Plan], made: list[engine.Made]
) -> list[Envelope]:
    """The rows for the objects made, each with what `deliver` needs for the mailboxes' lines."""
    addressed = [people[each].display_name for each in [*submission.to, *submission.cc, *submission.bcc]]
    rows = []
    for plan, each in zip(plans, made, strict=True):
        row = Envelope(
            message=message,
            kind=plan.kind,
            object_name=each.object_name,
            size=each.size,
            content_encryption=each.content_encryption,
            recipients=[user.id for user in plan.people],
            copies=[each.id for each in plan.recipients if each.id not in submission.to],
            outside=[each.address for each in plan.outside],
        )
        line = EnvelopeSummary(
            subject=submission.content.subject,
            attachments=bool(submission.uploads),
            from_name=message.originator.display_name,
            to_names=", ".join(addressed),
            addressed=addressed_digest(row),
        )
        sealed = intake.seal(line.to_json(), summary_context(row.id))
        row.summary, row.intake_key = sealed.blob, sealed.intake_key
        rows.append(row)
    return rows


def addressed_digest(envelope: Envelope) -> str:
    """Names originator, label and recipients of an envelope."""
    message = envelope.message
    who = message.originator_id or message.outside_sender
    parts = (who, message.label.der.hex(), envelope.kind, *envelope.recipients, *envelope.outside)
    return hashlib.sha256(context("addressed", *parts)).hexdigest()


def summary_context(envelope_id: str) -> bytes:
    return context("summary", envelope_id)
