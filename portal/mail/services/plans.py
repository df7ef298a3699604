"""For whom a message's envelopes are, decided once more, and under which certificates."""

from dataclasses import dataclass

from portal.accounts.models import User
from portal.keys.known import why_none
from portal.keys.models import Certificate
from portal.mail.content import Submission
from portal.mail.directory import Outside, Party, cleared, encryption_certificates
from portal.mail.models import Envelope, Message
from portal.mail.states import State
from portal.policy import selectors as policy
from portal.policy.access import Decision
from portal.rows import rows


class CannotSeal(Exception):
    """A reason, for the originator, why this message must not leave. The draft is kept."""


@dataclass(frozen=True)
class Plan:
    """One envelope to make: for whom, under which certificates."""

    kind: str
    recipients: list[Party]
    certificates: list[Certificate]

    @property
    def people(self) -> list[User]:
        return [each for each in self.recipients if isinstance(each, User)]

    @property
    def outside(self) -> list[Outside]:
        return [each for each in self.recipients if isinstance(each, Outside)]

    def certificate_of(self, who: Outside) -> Certificate:
        return next(each for each in self.certificates if each.user_id is None and each.address == who.address.lower())


def people_of(message: Message, submission: Submission) -> dict[str, Party]:
    """Originator and recipients by id, as they are now. The originator also if disabled: why they may not send is for `decide` to say."""
    ids = {message.originator_id, *submission.to, *submission.cc, *submission.bcc}
    people: dict[str, Party] = {each: Outside(each) for each in ids if "@" in each}
    found = rows(User, "SELECT * FROM accounts_user WHERE (is_active OR id = %s) AND id IN %s", message.originator_id, list(ids))
    people |= {user.id: user for user in found}
    if missing := ids - people.keys():
        raise CannotSeal(f"{len(missing)} of the people addressed can't be reached any more.")
    return people


def decide(message: Message, people: dict[str, Party]) -> None:
    """Again, with the clearances of this moment: they may have changed since the message was accepted, or sealed."""
    barred = policy.barred(message.originator, message.label, cleared((each.username, each) for each in people.values()))
    if reason := objection(message, barred.originator):
        raise CannotSeal(reason)
    if barred.names:
        raise CannotSeal(" ".join(barred.sentences))


def objection(message: Message, decision: Decision) -> str:
    """Why the originator may not send this message any more, by the decision about them; empty if they may.

    Refused is final: what comes back, a clearance or an account, does not send by itself what its originator was told did not leave.
    """
    if message.state == State.REFUSED:
        return message.reason or "It was refused."
    return "" if decision.granted else f"You may no longer send this message: {decision.reason}."


def plans_for(message: Message, submission: Submission, people: dict[str, Party]) -> list[Plan]:
    certificates = encryption_certificates(list(people.values()))
    without = sorted((each for each in people.values() if each.id not in certificates), key=lambda one: one.username)
    reasons = [why_none(each.address) for each in without if isinstance(each, Outside)]
    if here := [each.username for each in without if isinstance(each, User)]:
        reasons.append(f"There is no valid encryption key for {', '.join(here)}.")
    if reasons:
        raise CannotSeal(" ".join(reasons))
    named = [people[each] for each in dict.fromkeys([*submission.to, *submission.cc])]
    here, outside = ([each for each in named if isinstance(each, kind)] for kind in (User, Outside))
    plans = [Plan(Envelope.Kind.SHARED, here, _for(certificates, [message.originator, *here]))]
    if outside:
        plans.append(Plan(Envelope.Kind.OUTSIDE, outside, _for(certificates, outside)))
    plans += [Plan(Envelope.Kind.BCC, [people[each]], _for(certificates, [people[each]])) for each in submission.bcc]
    return plans


def _for(certificates: dict[str, Certificate], users: list[Party]) -> list[Certificate]:
    return [certificates[each] for each in dict.fromkeys(user.id for user in users)]
