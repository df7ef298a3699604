"""What only a registrar may do, whichever way it is asked for."""

from portal.accounts.models import Role, RoleName
from portal.audit.services import SYSTEM, Actor
from portal.keys import engine


def check_registrar(actor: Actor) -> None:
    """The rule stands here too, not only at the page's door. Raises `NotUsable`."""
    if actor != SYSTEM and not Role.objects.filter(user=actor.person, name=RoleName.REGISTRAR).exists():
        raise engine.NotUsable("Only a registrar may do this.")
