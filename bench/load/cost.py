"""What one message costs, step by step: CPU and questions to the database, in one process and without Celery. Needs Django.

A round posts some messages as a browser with scripts does, then works as a pump does until nothing is left: all are sealed, then all delivered.
Who gets them looks at the inbox as often, the whole page, and opens as many messages, each a piece of a page.
"""

import io
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.core.management import call_command
from django.db import connection
from django.test import Client

from bench.load.members import enrol
from bench.load.names import username
from bench.load.users import OPENED, ROW
from portal.accounts.models import random_id
from portal.mail import demo
from portal.mail.models import Message
from portal.mail.states import State
from portal.outbox import services as outbox

ROUND = 20
READING = ("inbox", "open")
FORM = {"text": "What is written here is not long. " * 20, "classification": "3", "precedence": "4", "copy_precedence": "4"}


@dataclass
class Phase:
    """One kind of step, as often as it was taken."""

    seconds: list[float] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    texts: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def measured(self) -> Iterator[None]:
        asked: list[str] = []
        with connection.execute_wrapper(_noting(asked)):
            began = time.process_time()
            yield
            self.seconds.append(time.process_time() - began)
        self.queries.append(len(asked))
        self.texts.update(asked)

    def __str__(self) -> str:
        return f"{1000 * sum(self.seconds) / len(self.seconds):6.1f} ms  {sum(self.queries) / len(self.queries):5.1f} queries"


def _noting(asked: list[str]):
    def note(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    return note


def prepare() -> tuple[Client, Client]:
    """A portal with two people who are signed in, one to write and one to read; in the data folder of the settings."""
    call_command("setup_demo", stdout=io.StringIO())
    enrol(2)
    passwords = {each.user: each.password for each in demo.accounts_on_file()}
    writer, reader = browsers = Client(headers={"host": "127.0.0.1"}), Client(headers={"host": "127.0.0.1"})
    for number, browser in enumerate(browsers):
        browser.post("/sign-in/", {"username": username(number), "password": passwords[username(number)]}, secure=True)
    return writer, reader


def measure(rounds: int) -> dict[str, Phase]:
    """Rounds of messages to one other person; the first is not counted, because what a process reads once is read in it."""
    (writer, reader), phases = prepare(), {}
    for number in range(rounds + 1):
        phases = {name: Phase() for name in ("submit", *READING)} if number <= 1 else phases
        for _ in range(ROUND):
            with phases["submit"].measured():
                _post(writer)
        _work(phases)
        _read(reader, phases)
    undelivered = Message.objects.exclude(state=State.DELIVERED).count()
    if undelivered:
        raise RuntimeError(f"{undelivered} messages were not delivered")
    return phases


def _post(browser: Client) -> None:
    fields = FORM | {"to": username(1), "cc": "", "bcc": "", "subject": f"Load {random_id()[:8]}"}
    answer = browser.post(f"/mail/drafts/{random_id()}/send", fields, headers={"HX-Request": "true"}, secure=True)
    if answer.status_code != 200:
        raise RuntimeError(f"not accepted: {answer.status_code}")


def _read(reader: Client, phases: dict[str, Phase]) -> None:
    for _ in range(ROUND):
        with phases["inbox"].measured():
            page = reader.get("/mail/inbox/", secure=True).content
    for _, row in ROW.findall(page)[:ROUND]:
        with phases["open"].measured():
            piece = reader.get(f"/mail/inbox/{row.decode()}/", headers={"HX-Request": "true"}, secure=True).content
        if OPENED not in piece:
            raise RuntimeError("not opened")


def _work(phases: dict[str, Phase]) -> None:
    """As `run_ready`, each job with the claim of the next."""
    job = outbox.claim()
    while job is not None:
        with phases.setdefault(job.kind, Phase()).measured():
            job = outbox.run(job, outbox.take)


def report(phases: dict[str, Phase], *, questions: bool) -> str:
    lines = [f"{name:8} {phase}" for name, phase in phases.items()]
    sending = sum(sum(phase.seconds) for name, phase in phases.items() if name not in READING) / len(phases["submit"].seconds)
    lines.append(f"{'sending':8} {1000 * sending:6.1f} ms")
    if questions:
        for name, phase in phases.items():
            lines += ["", name, *(f"  {count / len(phase.seconds):5.2f}  {sql[:400]}" for sql, count in phase.texts.most_common())]
    return "\n".join(lines)
