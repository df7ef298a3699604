"""``manage.py setup``: what every installation needs before it serves. Repeating it changes nothing."""

from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import data_folder
from portal.keys.master import create_master_key_file
from portal.keys.services import set_up


class Command(BaseCommand):
    help = "Creates the data folder, the master key, the database tables, the portal's identity and its certification authority."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", default="Portal", help="name in the authority's certificate")

    def handle(self, *args: Any, organisation: str, **options: Any) -> None:
        try:
            data_folder.prepare()
            settings.SEALED_OBJECTS_DIR.mkdir(mode=0o770, exist_ok=True)
            made = create_master_key_file(settings.MASTER_KEY_FILE)
        except OSError as reason:
            raise CommandError(f"{reason.filename}: {reason.strerror}. PORTAL_DATA and MASTER_KEY_FILE must be where this user may write.") from None
        if settings.S3_BUCKET:
            default_storage.check()
        if made:
            self.stdout.write(
                f"Master key made: {settings.MASTER_KEY_FILE}. Keep a copy apart from the backups: without it nobody can sign in."
            )
        call_command("migrate", interactive=False, verbosity=0)
        set_up(organisation)
