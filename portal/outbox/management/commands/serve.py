"""`manage.py serve`: the whole portal, or some of its processes, under one supervisor (portal/supervisor.py)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from portal.supervisor import ROLES, Supervisor


class Command(BaseCommand):
    help = "Bring the database up to date and run the portal until Ctrl+C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", choices=ROLES, action="append", help="run this role alone (may be repeated)")
        parser.add_argument("--demo", action="store_true", help="fill an empty portal with people to try it with")

    def handle(self, *args: Any, **options: Any) -> None:
        Supervisor(roles=tuple(options["only"] or ROLES), demo=options["demo"]).serve()
