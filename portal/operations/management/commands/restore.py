"""`manage.py restore FILE`: a portal from a backup and its master key."""

import os
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.operations import terminal
from portal.operations.restore import Refused, restore

TO_DO = """
What is left to do:
  * start the portal: everybody has to sign in again;
  * if IDENTITY_FINGERPRINT is set on machines for the web, it is {fingerprint};
  * what was sent, read or changed after {made_at} is not here: tell people."""


class Command(BaseCommand):
    help = "Restore a portal from a backup, into an empty data folder that holds only the master key, or a database without tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--force", action="store_true", help="replace what is there (SQLite's file is put aside)")

    def handle(self, *args: object, file: Path, force: bool, **options: object) -> None:
        os.umask(settings.UMASK)
        try:
            manifest = restore(file=file, force=force, actor=terminal.actor())
        except Refused as reason:
            raise CommandError(str(reason)) from None
        except OSError as reason:
            raise CommandError(f"{reason.filename or file}: {reason.strerror}") from None
        held = ", ".join(f"{count} {name}" for name, count in manifest.counts.items())
        self.stdout.write(f"restored: {held}, as of {manifest.made_at}")
        terminal.say_waiting(self.stdout, manifest)
        self.stdout.write(TO_DO.format(fingerprint=manifest.fingerprint, made_at=manifest.made_at))
