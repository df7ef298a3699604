"""``manage.py demo_accounts``: the demo's sign-ins, for people or (``--json``) for scripts."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.mail import demo


class Command(BaseCommand):
    help = "Prints the demo sign-ins of this installation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list of user, password, clearance and roles")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        accounts = demo.accounts_on_file()
        if not accounts:
            raise CommandError("There is no demo in this data folder. manage.py setup_demo makes one.")
        self.stdout.write(_as_json(accounts) if json else _as_table(accounts))


def _as_json(accounts: list[demo.DemoAccount]) -> str:
    return json.dumps([asdict(each) for each in accounts], indent=1)


def _as_table(accounts: list[demo.DemoAccount]) -> str:
    rows = [("user", "password", "clearance", "roles")]
    rows += [(each.user, each.password, each.clearance or "none", ", ".join(each.roles)) for each in accounts]
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
