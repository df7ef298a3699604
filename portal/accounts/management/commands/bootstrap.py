"""``manage.py bootstrap``: one-time links for the first administrator, security officer and registrar."""

from argparse import ArgumentParser
from itertools import count

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from portal.accounts import selectors, services
from portal.accounts.models import RoleName, User
from portal.audit.services import SYSTEM, Refused

# Three people, because nobody may make accounts, clear them and hold their keys (duties.py).
FIRST = (
    (RoleName.ADMINISTRATOR, "administrator"),
    (RoleName.SECURITY_OFFICER, "officer"),
    (RoleName.REGISTRAR, "registrar"),
)


class Command(BaseCommand):
    help = (
        "Print one-time invitation links for the first administrator, security officer and registrar. Who opens a link"
        f" chooses the password; it counts once and for {services.INVITATION_LIFE.days} days."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--again", action="store_true", help="also if an administrator with keys is there: names get a number"
        )
        parser.add_argument(
            "--base-url", default=_base_url(), help="how people reach the portal (default: %(default)s)"
        )
        for role, name in FIRST:
            option = role.value.replace("_", "-")
            parser.add_argument(f"--{option}", default=name, metavar="NAME", help=f"user name (default: {name})")

    def handle(self, *, again: bool, base_url: str, **names: str) -> None:
        if selectors.has_joined_administrator() and not again:
            raise CommandError(
                "There is an administrator with keys already, who can invite people on the page Administration."
                " Use --again only if that person is out of reach; the new links are on record."
            )
        for role, _ in FIRST:
            user, token = _invite(names[role.value], role)
            link = base_url.rstrip("/") + reverse("keys:accept", args=[token])
            self.stdout.write(f"{role.label} ({user.username}):\n  {link}\n")
        self.stdout.write(
            f"Each link counts once, for {services.INVITATION_LIFE.days} days. Hand them over in private."
        )


def _invite(name: str, role: RoleName) -> tuple[User, str]:
    """A new link for the person of this name who has not joined yet, or for a new person of the next free name."""
    username = name
    for number in count(2):
        waiting = User.objects.filter(username=username).first()
        if waiting is None:
            break
        if not waiting.joined_at and waiting.is_active and role in waiting.role_names:
            return waiting, _or_fail(services.invite_again(actor=SYSTEM, user=waiting))
        username = f"{name}{number}"
    return _or_fail(
        services.invite(
            actor=SYSTEM,
            username=username,
            display_name=role.label,
            address=f"{username}@{settings.MAIL_DOMAIN}",
            roles={role.value},
        )
    )


def _or_fail(answer):
    if isinstance(answer, Refused):
        raise CommandError(answer.reason)
    return answer


def _base_url() -> str:
    if settings.TLS_IN_FRONT:
        return f"https://{settings.ALLOWED_HOSTS[0]}"
    return f"http://{settings.HOST}:{settings.PORT}"
