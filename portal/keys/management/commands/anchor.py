"""Authorities that vouch for people outside, on a terminal: `anchor FILE`, `anchor --withdraw FINGERPRINT`, `anchor`."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from portal.audit.services import SYSTEM, Refused
from portal.keys import selectors
from portal.keys.models import Anchor
from portal.keys.services import add_anchor, withdraw_anchor


class Command(BaseCommand):
    help = "Show, add or withdraw authorities that vouch for people outside."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="the certificate of an authority, PEM or DER")
        parser.add_argument("--withdraw", metavar="FINGERPRINT", help="trust this authority no more")

    def handle(self, *args: object, file: Path | None, withdraw: str | None, **options: object) -> None:
        if file:
            try:
                self._done(add_anchor(actor=SYSTEM, data=file.read_bytes()))
            except OSError as error:
                raise CommandError(f"{file} can't be read: {error.strerror}") from None
        if withdraw:
            self._done(withdraw_anchor(actor=SYSTEM, fingerprint=withdraw.replace(":", "").lower()))
        for anchor in selectors.trusted():
            self.stdout.write(f"{anchor.fingerprint}  {anchor.not_after:%Y-%m-%d}  {anchor.subject}")

    def _done(self, outcome: Anchor | Refused) -> None:
        if isinstance(outcome, Refused):
            raise CommandError(outcome.reason)
