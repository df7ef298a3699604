"""What became of messages, counted in the database: what is missing, what is there twice, what nobody names."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields

from tests.stack import Stack

LIFE = ("submitted", "signed", "encrypted", "delivered")
LIFE_ABROAD = ("submitted", "signed", "encrypted", "encrypted", "relayed")  # encrypted for the originator, and for those outside
FOLDERS = ("inbox", "sent")
KINDS = ("seal", "accept", "deliver", "relay")


@dataclass(frozen=True)
class Ledger:
    """Everything but `leftovers` must be 0."""

    lost: int  # mailboxes without the message
    twice: int  # deliveries too many
    events_missing: int
    events_doubled: int
    objects_missing: int
    not_done: int  # jobs of messages that are anything but done
    leftovers: int  # objects that no row names: the sweeper's, whosever they were

    @property
    def clean(self) -> bool:
        return not any((self.lost, self.twice, self.events_missing, self.events_doubled, self.objects_missing, self.not_done))

    def __add__(self, other: "Ledger") -> "Ledger":
        sums = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        return Ledger(**sums | {"leftovers": max(self.leftovers, other.leftovers)})

    def __str__(self) -> str:
        return (
            f"{self.lost} lost, {self.twice} delivered twice, {self.events_missing} audit events missing, {self.events_doubled} doubled, "
            f"{self.objects_missing} objects missing, {self.not_done} jobs not done, {self.leftovers} objects left to the sweeper"
        )


def ledger(stack: Stack, message_ids: Iterable[str], *, life: tuple[str, ...] = LIFE, folders: tuple[str, ...] = FOLDERS) -> Ledger:
    """How these messages stand: each must have these events, each as often as it is given, and lie once in one mailbox of each of these folders."""
    ids = set(message_ids)
    deliveries = Counter({
        (message, folder): count
        for message, folder, count in stack.query(
            "SELECT e.message_id, d.arrived_in, count(*) FROM mail_delivery d JOIN mail_envelope e ON e.id = d.envelope_id GROUP BY e.message_id, d.arrived_in"
        )
        if message in ids
    })
    events = Counter({
        (message, verb): count
        for message, verb, count in stack.query("SELECT correlation, verb, count(*) FROM audit_event GROUP BY correlation, verb")
        if message in ids
    })
    expected = Counter(life)
    envelopes = [row for row in stack.query("SELECT object_name, id, message_id, kind FROM mail_envelope") if row[2] in ids]
    named = {envelope for _, envelope, *_ in envelopes}
    ways = {way for way, envelope in stack.query("SELECT id, envelope_id FROM mail_outbound") if envelope in named}
    jobs = stack.query(f"SELECT target, state FROM outbox_job WHERE kind IN {KINDS}")  # noqa: S608 - words of ours
    return Ledger(
        lost=sum(not deliveries[each, folder] for each in ids for folder in folders),
        twice=sum(count - 1 for count in deliveries.values()) + len(envelopes) - len({(message, kind) for *_, message, kind in envelopes}),
        events_missing=sum(max(0, count - events[each, verb]) for each in ids for verb, count in expected.items()),
        events_doubled=sum(max(0, count - expected[verb]) for (_, verb), count in events.items()),
        objects_missing=sum(not (stack.data / "objects" / name).is_file() for name, *_ in envelopes),
        not_done=sum(state != "done" for target, state in jobs if target in ids | named | ways),
        leftovers=len(unnamed(stack)),
    )


def unnamed(stack: Stack) -> set[str]:
    """The objects (and half-written ones) that no row names."""
    folder = stack.data / "objects"
    there = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    columns = [(f"mail_{each}", "object_name") for each in ("draft", "envelope", "upload", "arrival")] + [("mail_message", "content_object")]
    return there - {name for table, column in columns for (name,) in stack.query(f"SELECT {column} FROM {table}")}  # noqa: S608 - names of columns

