"""``manage.py setup_demo``: a demo organisation with a security policy, people, keys and clearances."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from portal.mail import demo


class Command(BaseCommand):
    help = "Sets the portal up with a demo organisation. People who exist already are left as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("setup", organisation=demo.ORGANISATION)
        self.stdout.write("Making the demo organisation …")
        policy_xml = (settings.BASE_DIR / "portal" / "policy" / "demo-policy.xml").read_bytes()
        demo.create(policy_xml)
        self.stdout.write(f"{len(demo.PEOPLE)} people, each with two certificates. Sign-ins: manage.py demo_accounts")
