"""`manage.py backup FILE`: everything but the master key, while the portal runs."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from portal.operations import terminal
from portal.operations.backup import Refused, back_up
from portal.operations.terminal import say_waiting


class Command(BaseCommand):
    help = "Write a backup of database and sealed objects, while the portal runs. Never holds the master key: keep that elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="must not exist; appears when it is whole")
        parser.add_argument(
            "--wait", type=float, default=10.0, metavar="SECONDS", help="for a moment at which nothing is on its way (10)"
        )

    def handle(self, *args: object, file: Path, wait: float, **options: object) -> None:
        try:
            made = back_up(file=file.absolute(), wait=wait, actor=terminal.actor())
        except Refused as reason:
            raise CommandError(str(reason)) from None
        except OSError as reason:
            raise CommandError(f"{file}: {reason.strerror}") from None
        held = ", ".join(f"{count} {name}" for name, count in made.counts.items())
        self.stdout.write(f"{file}: {held}, as of {made.made_at}")
        say_waiting(self.stdout, made)
        if made.missing:
            raise CommandError(f"{file} is whole, but {len(made.missing)} objects that rows name are not in the storage any more")
