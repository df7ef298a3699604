"""How the audit pages behave with many events: time and query plan of each question.

    PORTAL_DATA=/tmp/bench .venv/bin/python bench/audit_pages.py 1000000

Fills an empty database (kept for the next run in the same folder) with a year of made-up events of 200 people, then asks
what the pages ask, cold caches aside, and prints the median of five.
"""

# ruff: noqa: E402 - Django has to be set up before models are imported
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from portal.audit import selectors
from portal.audit.export import as_csv, as_json_lines
from portal.audit.leaf import leaf_bytes
from portal.audit.models import Event, Outcome, Verb, microseconds
from portal.audit.search import Filter
from portal.audit.selectors import Cursor
from portal.audit.services import Actor, record

END = datetime(2026, 6, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
PEOPLE = [f"person{number:03}" for number in range(200)]
LABELS = ["UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET", "SECRET REL TO UK, FR", "CONFIDENTIAL ATOMAL"]
LIFE = [Verb.SUBMITTED, Verb.SIGNED, Verb.ENCRYPTED, Verb.DELIVERED, Verb.OPENED, Verb.DOWNLOADED]
OTHER = [Verb.SIGNED_IN, Verb.SIGNED_OUT, Verb.SIGN_IN_FAILED, Verb.AUDIT_VIEWED]
RARE = [Verb.CLEARANCE_GRANTED, Verb.KEY_ISSUED, Verb.ROLE_GIVEN, Verb.INVITED]


def made_up(count: int) -> Iterator[Event]:
    """Events in the order of time: four fifths belong to messages, one in fifty is a refusal, one in five hundred rare."""
    chance, start = random.Random(7), microseconds(END - YEAR)  # noqa: S311 - figures, not keys
    step = microseconds(END) - start
    message = label = ""
    for number in range(count):
        if number % 6 == 0:
            message, label = f"{chance.getrandbits(128):032x}", chance.choice(LABELS)
        in_message = chance.random() < 0.8
        verb = chance.choice(LIFE if in_message else OTHER) if chance.random() > 0.002 else chance.choice(RARE)
        refused = chance.random() < 0.02
        who = chance.randrange(len(PEOPLE))
        event = Event(
            id=f"{chance.getrandbits(128):032x}",
            at=start + step * number // count,
            person=f"{who:032x}", name=PEOPLE[who], role="", session=f"{chance.getrandbits(128):032x}",
            address="192.0.2.7", process="web", verb=verb.value, kind="message" if in_message else "user",
            object_id=message if in_message else f"{who:032x}", about=chance.choice(PEOPLE) if in_message else "",
            label=label if in_message else "", outcome=Outcome.REFUSED.value if refused else Outcome.GRANTED.value,
            reason="not cleared for this label" if refused else "", correlation=message if in_message else "",
        )  # fmt: skip
        event.leaf = leaf_bytes(event)
        yield event


def fill(count: int) -> None:
    call_command("migrate", verbosity=0)
    there = Event.objects.count()
    if there:
        print(f"{there:,} events are there already")
        return
    began, rows, batch = time.perf_counter(), 0, []
    for event in made_up(count):
        batch.append(event)
        if len(batch) == 20_000:
            Event.objects.bulk_create(batch, batch_size=500)
            rows, batch = rows + len(batch), []
            print(f"\r{rows:,}", end="", flush=True)
    Event.objects.bulk_create(batch, batch_size=500)
    print(f"\rfilled {count:,} in {time.perf_counter() - began:.0f} s")


def measure(words: str, ask: Callable[[], object]) -> None:
    """The median time of five, and how the database finds the rows."""
    times = []
    for _ in range(5):
        with CaptureQueriesContext(connection) as queries:
            began = time.perf_counter()
            ask()
            times.append(time.perf_counter() - began)
    print(f"{statistics.median(times) * 1000:9.1f} ms  {words}")
    if connection.vendor == "sqlite":
        for query in queries:
            print(f"              {plan(query['sql'])}")


def plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return "; ".join(row[-1] for row in cursor.fetchall())


def write(count: int) -> None:
    """What record() costs: one event per transaction, as most acts have it."""
    began = time.perf_counter()
    for _ in range(count):
        with transaction.atomic():
            record(verb=Verb.OPENED, actor=Actor(name="bench"), kind="message", id="m", label="SECRET", correlation="m")
    each = (time.perf_counter() - began) / count
    print(f"{each * 1000:9.2f} ms  record(), one per transaction")


def main(count: int) -> None:
    fill(count)
    size = Path(settings.DATABASES["default"]["NAME"])
    if size.exists():
        print(f"{size.stat().st_size / Event.objects.count():.0f} bytes per event on disk, indexes included")
    middle = Event.objects.order_by("at").values_list("at", "id")[count // 2]
    message = Event.objects.exclude(correlation="").order_by("-at").values_list("correlation", flat=True)[0]
    questions = {
        "everything": Filter(),
        "one person": Filter(user="person007"),
        "concerning one person": Filter(concerning="person007"),
        "one message": Filter(message=message),
        "one kind": Filter(kind="opened"),
        "rare kinds": Filter(kind="all_keys_and_clearances"),
        "frequent kinds": Filter(kind="all_sign_ins"),
        "refusals": Filter(outcome="refused"),
        "granted": Filter(outcome="granted"),
        "one label": Filter(label="SECRET"),
        "one day in the middle": Filter(since=END - YEAR / 2, until=END - YEAR / 2 + timedelta(days=1)),
        "one person's refusals": Filter(user="person007", outcome="refused"),
        "one person, one kind, one label": Filter(user="person007", kind="opened", label="SECRET"),
        "one label, one frequent kind": Filter(label="SECRET", kind="opened"),
        "one label, a rare kind it never has": Filter(label="SECRET", kind="key_issued"),
        "one label, frequent kinds it never has": Filter(label="SECRET", kind="all_sign_ins"),
        "nothing (two that never meet)": Filter(user="person007", kind="sign_in_failed", label="SECRET"),
    }
    for words, question in questions.items():
        print(f"\n{words}")
        measure("first page", lambda question=question: selectors.page(question))
        measure("page from the middle", lambda question=question: selectors.page(question, Cursor(*middle)))
        measure("counts for the chart", lambda question=question: selectors.hourly(question))
    print("\nthe rest of the page")
    measure("life line", lambda: selectors.life_line(message))
    measure("names", lambda: selectors.distinct("name"))
    measure("labels", lambda: selectors.distinct("label"))
    began = time.perf_counter()
    selectors.total(END + timedelta(days=1))
    print(f"{(time.perf_counter() - began) * 1000:9.1f} ms  total, first time in a process")
    measure("total, afterwards", lambda: selectors.total(END + timedelta(days=1)))
    for words, lines in (("CSV", as_csv), ("JSON lines", as_json_lines)):
        began = time.perf_counter()
        length = sum(len(piece) for piece in lines(selectors.export(Filter(user="person007"), END)))
        events = Event.objects.filter(name="person007").count()
        print(f"{events / (time.perf_counter() - began):9,.0f} events a second exported as {words} ({length:,} bytes)")
    write(200)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
