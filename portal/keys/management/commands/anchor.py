"""Authorities that vouch for people outside, on a terminal: `anchor FILE`, `anchor --withdraw FINGERPRINT`, `anchor --crl FILE`, `anchor`."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from portal.audit.services import SYSTEM, Refused
from portal.keys import selectors
from portal.keys.models import Anchor, RevocationList
from portal.keys.services import add_anchor, add_revocation_list, withdraw_anchor


class Command(BaseCommand):
    help = "Show, add or withdraw authorities that vouch for people outside; take their revocation lists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="the certificate of an authority, PEM or DER")
        parser.add_argument("--withdraw", metavar="FINGERPRINT", help="trust this authority no more")
        parser.add_argument("--crl", metavar="FILE", type=Path, help="a revocation list of one of them, PEM or DER")

    def handle(self, *args: object, file: Path | None, withdraw: str | None, crl: Path | None = None, **options: object) -> None:
        if file:
            self._done(add_anchor(actor=SYSTEM, data=_read(file)))
        if crl:
            self._done(add_revocation_list(actor=SYSTEM, data=_read(crl)))
        if withdraw:
            self._done(withdraw_anchor(actor=SYSTEM, fingerprint=withdraw.replace(":", "").lower()))
        lists = selectors.lists_by_anchor()
        for anchor in selectors.trusted():
            self.stdout.write(f"{anchor.fingerprint}  {anchor.not_after:%Y-%m-%d}  {anchor.subject}")
            for each in lists.get(anchor.fingerprint, []):
                until = f", next by {each.next_update:%Y-%m-%d %H:%MZ}" if each.next_update else ""
                self.stdout.write(f"    revocation list of {each.this_update:%Y-%m-%d %H:%MZ}{until}, {each.entries} revoked")

    def _done(self, outcome: Anchor | RevocationList | Refused) -> None:
        if isinstance(outcome, Refused):
            raise CommandError(outcome.reason)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from None
