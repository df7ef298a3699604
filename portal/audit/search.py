"""An auditor's question, and how the database is led to its answer.

Every filter has an index together with the time, so one filter alone is a walk along its index. With two or more the
database has to begin with one of them, and SQLite without statistics often takes the wrong one (verb "opened" has a
tenth of all events, a person a two-hundredth). So we look how many events each filter has, up to a limit and within the
times asked for, begin with the rarest, and hide the others from the planner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from portal.audit.models import Event, Verb, microseconds

PROBED = 5_000

# Questions that auditors ask about several verbs at once, as values of the filter "Kind".
GROUPS: dict[str, tuple[str, tuple[Verb, ...]]] = {
    "all_sign_ins": (
        "All sign-ins and sessions",
        (Verb.SIGNED_IN, Verb.SIGN_IN_FAILED, Verb.SIGNED_OUT, Verb.SESSION_EXPIRED),
    ),
    "all_people": (
        "All changes to people and roles",
        (
            Verb.INVITED, Verb.INVITATION_ACCEPTED, Verb.ROLE_GIVEN, Verb.ROLE_TAKEN,
            Verb.USER_DISABLED, Verb.USER_ENABLED,
        ),
    ),
    "all_keys_and_clearances": (
        "All changes to keys, clearances and policy",
        (
            Verb.CLEARANCE_GRANTED, Verb.CLEARANCE_REVOKED, Verb.POLICY_ACTIVATED, Verb.KEY_ISSUED, Verb.KEY_IMPORTED,
            Verb.KEY_EXPORTED, Verb.KEY_REVOKED, Verb.PASSWORD_CHANGED, Verb.RECOVERY_USED,
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """What the auditor asks for. Empty means any; ``since`` is included, ``until`` is not."""

    user: str = ""
    concerning: str = ""
    message: str = ""
    kind: str = ""
    outcome: str = ""
    label: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> dict[str, str]:
        """The filter as the query string of its page; two equal filters give equal dictionaries."""
        return {
            # As the browser's date and time control writes it; the page says that it is UTC.
            field.name: f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if isinstance(value, datetime) else value
            for field in fields(self)
            if (value := getattr(self, field.name))
        }

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.query().items()) or "everything"


@dataclass(frozen=True)
class Walk:
    """One walk along an index: the events that ``begin`` finds, of which those count that have all of ``also``."""

    begin: QuerySet[Event]
    also: Mapping[str, str]

    @property
    def events(self) -> QuerySet[Event]:
        """The matching events, without an order."""
        # COALESCE changes no value; an index of the bare column is of no use for it, and that is the purpose.
        return self.begin.filter(*(Exact(Coalesce(column, Value("")), value) for column, value in self.also.items()))


def walks(filter: Filter) -> list[Walk]:
    """The walks whose events together are those of the filter; more than one for several kinds.

    One walk per verb, because an index gives the events of one verb in the order of time, but those of several only
    after sorting all of them.
    """
    if filter.kind in GROUPS:
        return [_walk(filter, {"verb": verb.value}) for verb in GROUPS[filter.kind][1]]
    return [_walk(filter, {"verb": filter.kind})]


def _walk(filter: Filter, more: Mapping[str, str]) -> Walk:
    equal = {
        "correlation": filter.message,
        "about": filter.concerning,
        "name": filter.user,
        "label": filter.label,
        "outcome": filter.outcome,
    } | more
    wanted = {column: value for column, value in equal.items() if value}
    events = Event.objects.all()
    if filter.since:
        events = events.filter(at__gte=microseconds(filter.since))
    if filter.until:
        events = events.filter(at__lt=microseconds(filter.until))
    if len(wanted) < 2:
        return Walk(events.filter(**wanted), {})
    # values("at"): in the index, so that counting reads no row.
    rarest = min(wanted, key=lambda column: events.filter(**{column: wanted[column]}).values("at")[:PROBED].count())
    return Walk(events.filter(**{rarest: wanted.pop(rarest)}), wanted)
