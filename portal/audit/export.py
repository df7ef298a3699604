"""Events as files for other tools: CSV for spreadsheets, JSON lines for programs. Both are made as they are sent."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO

from portal.audit.leaf import rfc3339
from portal.audit.models import Event

COLUMNS = (
    "when", "name", "role", "verb", "kind", "object_id", "about", "label", "outcome", "reason", "correlation", "address",
    "process", "session", "person", "id",
)  # fmt: skip
# With one of these in front a spreadsheet takes a text for a formula and runs it (the full-width ones in East Asian
# editions); names and reasons come from people.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
LINES_AT_ONCE = 500


def as_csv(events: Iterable[Event]) -> Iterator[str]:
    """A line of column names, then one line per event; texts that would run as a formula get an apostrophe in front."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for number, event in enumerate(events, start=1):
        writer.writerow(
            _harmless(rfc3339(event.at) if column == "when" else getattr(event, column)) for column in COLUMNS
        )
        if number % LINES_AT_ONCE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def as_json_lines(events: Iterable[Event]) -> Iterator[bytes]:
    """The leaf of each event exactly as it was written, one per line: what a proof is later checked against."""
    lines: list[bytes] = []
    for event in events:
        lines.append(event.leaf)
        if len(lines) == LINES_AT_ONCE:
            yield b"\n".join(lines) + b"\n"
            lines = []
    if lines:
        yield b"\n".join(lines) + b"\n"


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
