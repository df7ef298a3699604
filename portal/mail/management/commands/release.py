"""Which labels may leave to which domain, on a terminal: `release DOMAIN SECRET`, `release DOMAIN --end`, `release`."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from portal.audit.services import SYSTEM, Refused
from portal.mail.models import Release
from portal.mail.services.release import end_release, release
from portal.policy.officer import clearance_choices
from portal.policy.selectors import marking_of_clearance


class Command(BaseCommand):
    help = "Show or change what may be sent to domains outside. Without a release nothing is sent there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domain", nargs="?", help='a domain outside, or "*" for all that are not named')
        parser.add_argument("classification", nargs="?", help="the highest classification, by its name")
        parser.add_argument("--category", action="append", default=[], help="a category that may be sent, by its name")
        parser.add_argument("--end", action="store_true", help="nothing may be sent there any more")

    def handle(self, *args: object, domain: str | None, classification: str | None, **options: object) -> None:
        if domain and options["end"]:
            self._done(end_release(actor=SYSTEM, domain=domain))
        elif domain and classification:
            value, references = _chosen(classification, options["category"])
            self._done(release(actor=SYSTEM, domain=domain, classification=value, categories=references))
        elif domain:
            raise CommandError("name a classification, or --end")
        for row in Release.objects.order_by("domain"):
            allowed = marking_of_clearance(row.clearance) if row.clearance else ""
            self.stdout.write(f"{row.domain:40} {allowed or 'nothing'}")

    def _done(self, outcome: Release | Refused) -> None:
        if isinstance(outcome, Refused):
            raise CommandError(outcome.reason)


def _chosen(classification: str, categories: list[str]) -> tuple[int, list[str]]:
    choices = clearance_choices()
    classes = {each.name.casefold(): each.value for each in choices.classifications}
    known = {choice.name.casefold(): choice.reference for group in choices.groups for choice in group.choices}
    try:
        return classes[classification.casefold()], [known[each.casefold()] for each in categories]
    except KeyError as unknown:
        raise CommandError(f"the policy has no {unknown}") from None
