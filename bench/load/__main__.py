"""Load on two cores, the clients included: stored messages, people who read and write, and what comes of it.

    python -m bench.load                                            everything, on SQLite and PostgreSQL (make load)
    python -m bench.load run --only sqlite --seconds 30             a shorter look
    python -m bench.load cost --queries                             CPU and questions of one message, step by step, in this process
    python -m bench.load seed --data FOLDER --deliveries 100000     only fills the data folder of a portal that is set up
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.load.names import Crowd

if TYPE_CHECKING:
    from bench.load.runs import Run
    from bench.load.users import User
    from tests.postgres import Postgres
    from tests.stack import Stack

DATABASES = ("sqlite", "postgres")


def seed(chosen: argparse.Namespace) -> bool:
    """In a process of the portal: this one becomes one."""
    os.umask(0o077)
    if chosen.data is not None:
        os.environ["PORTAL_DATA"] = str(chosen.data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    if reason := _not_set_up():
        sys.exit(reason)
    from bench.load import seed

    crowd = Crowd(chosen.people, chosen.readers)
    if chosen.deliveries:
        print(seed.seed(chosen.deliveries, crowd=crowd, objects=chosen.objects, chance=chosen.seed), flush=True)
    if chosen.waiting:
        print(f"{seed.queue(chosen.waiting, crowd=crowd):,} ROUTINE messages wait for delivery", flush=True)
    return True


def _not_set_up() -> str:
    """Why there is no portal to fill, or empty."""
    from django.conf import settings
    from django.db import DatabaseError

    from portal.keys.models import Identity
    from portal.operations.snapshot import database_is_empty

    try:
        if not database_is_empty() and Identity.objects.exists():
            return ""
    except DatabaseError as trouble:
        return f"The database of the portal in {settings.DATA_DIR} can't be read: {' '.join(str(trouble).split())}."
    return f"There is no portal in {settings.DATA_DIR} yet: run manage.py setup there first."


def cost(chosen: argparse.Namespace) -> bool:
    """In this process, which becomes one of a portal of its own."""
    from tests import postgres

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    with contextlib.ExitStack() as cleanup:
        if chosen.postgres:
            server = cleanup.enter_context(postgres.Postgres())
            server.create("portal")
            os.environ["DATABASE_URL"] = server.url("portal")
        import django

        django.setup()
        from bench.load import cost

        print(cost.report(cost.measure(chosen.rounds), questions=chosen.queries), flush=True)
    return True


def run(chosen: argparse.Namespace) -> bool:
    """Whether every figure was reached, on each of the databases."""
    from bench.measuring import interpreter
    from tests import postgres

    print(interpreter())
    reached = True
    for database in chosen.only or DATABASES:
        if database == "postgres" and (reason := postgres.available()):
            print(f"{reason}: not run on PostgreSQL")
            continue
        with contextlib.ExitStack() as cleanup:
            server = cleanup.enter_context(postgres.Postgres()) if database == "postgres" else None
            folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="portal-load-")))
            print(f"\n=== {'PostgreSQL' if server else 'SQLite'} ===", flush=True)
            reached &= _measure(chosen, folder / "data", server)
    return reached


def _measure(chosen: argparse.Namespace, data: Path, server: "Postgres | None") -> bool:
    from bench.load import report, runs
    from bench.load.users import Pace, sign_in

    crowd, every = Crowd(chosen.people, chosen.readers), chosen.readers * chosen.writes / chosen.rate
    stack = runs.stack_in(data, server)
    print(runs.fill(stack, crowd, deliveries=chosen.deliveries, objects=chosen.objects), flush=True)
    with stack:
        users = sign_in(stack, crowd)
        found = runs.run(stack, users, Pace(every, writes=chosen.writes), chosen.seconds)
        print(f"\n{len(users)} people, each every {every:.2f} s: the inbox, one message opened, {chosen.writes} written, each to one other\n")
        print(report.of(found), flush=True)
        if chosen.curve:
            print(f"\n{report.CURVE}", flush=True)
            for workers, recipients, each in _curve(stack, users[: chosen.writers], chosen.curve):
                print(report.of_capacity(workers, recipients, each), flush=True)
        flashes = runs.flashes(stack, users[0], chosen.waiting)  # last, because draining what waits takes minutes
        print(f"\n{report.of_flashes(flashes)}", flush=True)
    return report.reached(found, flashes)


def _curve(stack: "Stack", users: "list[User]", seconds: float) -> "Iterator[tuple[int, int, Run]]":
    """Writers alone, as fast as they are answered."""
    from bench.load import runs
    from bench.load.users import Pace

    for workers in (1, 2):
        runs.restart(stack, BULK_CHILDREN=str(workers))
        for recipients in (1, 10, 100):
            yield workers, recipients, runs.run(stack, users, Pace(0.0, lists=0, opens=0, recipients=recipients), seconds)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="bench.load", description=(__doc__ or "").splitlines()[0])
    options.set_defaults(act=run)
    commands = options.add_subparsers()
    coster = commands.add_parser("cost", help="what one message costs")
    coster.set_defaults(act=cost)
    coster.add_argument("--rounds", type=int, default=5, help="of 20 messages each, after one that is not counted")
    coster.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    coster.add_argument("--queries", action="store_true", help="also every question and how often a step asks it")
    seeder, runner = commands.add_parser("seed", help="fill a data folder"), commands.add_parser("run", help="measure (the default)")
    seeder.set_defaults(act=seed)
    seeder.add_argument("--data", type=Path, help="the data folder (PORTAL_DATA)")
    seeder.add_argument("--seed", type=int, default=1)
    for each, waiting in ((seeder, 0), (runner, 12_000), (options, 12_000)):
        each.add_argument("--people", type=int, default=Crowd.people, help="accounts")
        each.add_argument("--readers", type=int, default=Crowd.readers, help="those of them who sign in and hold the stored messages")
        each.add_argument("--deliveries", type=int, default=100_000)
        each.add_argument("--objects", type=int, default=1000)
        each.add_argument("--waiting", type=int, default=waiting, help="ROUTINE messages that wait for delivery")
    for each in (runner, options):
        each.add_argument("--only", action="append", choices=DATABASES)
        each.add_argument("--seconds", type=float, default=180)
        each.add_argument("--rate", type=float, default=27, help="messages written a second, by all of them together")
        each.add_argument("--writes", type=int, default=5, help="messages each of them writes for each look at the inbox and each message opened")
        each.add_argument("--writers", type=int, default=8, help="for the curve")
        each.add_argument("--curve", type=float, default=20, help="seconds for each point of the curve, 0 for none")
    return options.parse_args()


if __name__ == "__main__":
    chosen = arguments()
    sys.exit(0 if chosen.act(chosen) else 1)
