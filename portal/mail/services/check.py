"""The check: what would happen if a draft were sent now. It changes nothing; `submit` asks it first, and a page while somebody writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from portal.accounts.models import User
from portal.keys.known import Known, shown
from portal.keys.models import Certificate
from portal.mail.content import DraftContent
from portal.mail.directory import Recipient, cleared, encryption_certificates, resolve
from portal.mail.models import Upload
from portal.mail.services import problems
from portal.mail.services.drafts import uploads_of
from portal.outbox.models import Precedence
from portal.policy import selectors as policy
from portal.policy import services as policy_services
from portal.policy.models import Label

MOST_RECIPIENTS = 500  # more are a mail list's work


@dataclass(frozen=True)
class Person:
    """A chip: who was typed, whether mail can be encrypted for them, whether they may read the label chosen.

    `address` is that of somebody outside, else empty.
    """

    typed: str
    name: str
    known: bool
    has_key: bool
    may_read: bool
    address: str = ""
    certificate: Known | None = None  # what mail for somebody outside is encrypted with

    @property
    def lacks_certificate(self) -> bool:
        return bool(self.address) and not self.has_key


@dataclass(frozen=True)
class Check:
    """What would happen if this were sent now."""

    originator: User
    people: list[Person]
    problems: list[str]
    sentence: str
    naming_typed: list[str] = field(default_factory=list)  # those of the problems that repeat what was typed
    label: Label | None = None
    to: list[Recipient] = field(default_factory=list)
    cc: list[Recipient] = field(default_factory=list)
    bcc: list[Recipient] = field(default_factory=list)
    typed: list[tuple[str, object]] = field(default_factory=list)  # everybody, as the policy is asked about them
    classification: int | None = None
    files: list[Upload] = field(default_factory=list)

    @cached_property
    def choices(self) -> list[policy.LabelChoice]:
        """The classifications to choose from, looked up only for a page that shows them."""
        return policy.label_choices(self.originator, self.typed)

    @cached_property
    def groups(self) -> list[policy.CategoryGroup]:
        return policy.category_groups(self.originator, self.typed, self.classification)

    @property
    def lacking(self) -> list[str]:
        """Addresses outside without a certificate."""
        return [each.address for each in self.people if each.lacks_certificate]

    @property
    def certificates(self) -> list[Known]:
        """What mail to people outside is encrypted with."""
        return [each.certificate for each in self.people if each.certificate]

    @property
    def can_send(self) -> bool:
        return not self.problems


def check(originator: User, draft_id: str, content: DraftContent, more: Sequence[Upload] = ()) -> Check:
    """Looks at a draft as `submit` would, changing nothing: recipients, keys, label, size. `more` are files still to come."""
    to, cc, bcc = resolve(content.to), resolve(content.cc), resolve(content.bcc)
    everybody = once([*to, *cc, *bcc])
    if len(everybody) > MOST_RECIPIENTS:
        too_many = f"{len(everybody)} recipients are too many: {MOST_RECIPIENTS} is the most."
        return Check(originator, people=[], problems=[too_many], sentence=too_many)
    typed = cleared((each.typed, each.party) for each in everybody)
    with_keys = encryption_certificates([each.party for each in everybody if each.party] + [originator])
    label, label_problems = _label(content)
    barred = policy.barred(originator, label, typed) if label else None
    blocked = barred.sentences if barred else []
    naming_typed = problems.unknown(everybody) + problems.without_certificate(everybody, with_keys)
    found = naming_typed + problems.of_recipients(everybody, with_keys, originator) + label_problems + blocked
    found += problems.of_answer(originator, draft_id, label)
    envelopes = len(everybody) - len(once([*to, *cc])) + 1
    files = [*uploads_of(originator.id, draft_id), *more]
    found += problems.of_content(content, files, envelopes=envelopes)
    return Check(
        originator,
        people=_people(everybody, with_keys, label, barred.names if barred else frozenset()),
        problems=found,
        naming_typed=naming_typed + blocked,
        sentence=_sentence(everybody, label, content) if not found else found[0],
        label=label,
        to=to,
        cc=cc,
        bcc=bcc,
        typed=typed,
        classification=content.classification,
        files=files,
    )


def _people(
    everybody: Iterable[Recipient], with_keys: dict[str, Certificate], label: Label | None, barred: frozenset[str]
) -> list[Person]:
    return [
        Person(
            typed=each.typed,
            name=each.party.display_name if each.party else each.typed,
            known=each.party is not None,
            has_key=each.party is not None and each.party.id in with_keys,
            may_read=label is not None and each.typed not in barred,
            address=each.outside.address if each.outside else "",
            certificate=shown(with_keys[each.outside.id]) if each.outside and each.outside.id in with_keys else None,
        )
        for each in everybody
    ]


def _label(content: DraftContent) -> tuple[Label | None, list[str]]:
    if content.classification is None:
        return None, ["Choose a security label: nothing is sent without one."]
    try:
        return policy.unsaved_label(content.classification, content.categories), []
    except policy_services.LabelRefused as refusal:
        return None, [str(refusal)]


def _sentence(everybody: list[Recipient], label: Label | None, content: DraftContent) -> str:
    names = [each.party.username for each in everybody if each.party]
    shown = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
    if len(names) > 4:
        shown = f"{', '.join(names[:3])} and {len(names) - 3} more"
    precedence = Precedence(min(content.precedence, content.copy_precedence))
    urgency = f", precedence {precedence.label.upper()}" if precedence < Precedence.ROUTINE else ""
    return f"Signed by you, encrypted for {shown}, label {label.marking if label else ''}{urgency}."


def once(recipients: list[Recipient]) -> list[Recipient]:
    """Each person once, also who is named in several fields."""
    seen: dict[str, Recipient] = {}
    for each in recipients:
        seen.setdefault(each.party.id if each.party else each.typed.casefold(), each)
    return list(seen.values())
