"""Which labels mail from outside gets, by the domain it comes from: configured by the security officer."""

import re

from django.db import transaction

from portal.accounts.models import Role, RoleName
from portal.audit.models import Verb
from portal.audit.services import SYSTEM, Actor, Refused, record, refuse
from portal.mail.models import Origin
from portal.policy.models import Label

ANY = "*"
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def origin_of(sender: str) -> Origin | None:
    """By the domain of the reverse path, or what holds for any other."""
    domain = sender.rpartition("@")[2].lower()
    found = {each.domain: each for each in Origin.objects.select_related("label", "provisional_label").filter(domain__in=[domain, ANY])}
    return found.get(domain) or found.get(ANY)


def set_origin(*, actor: Actor, domain: str, label: Label | None, provisional_label: Label | None) -> Origin | Refused:
    """What unlabelled and what encrypted mail from a domain ("*": from any other) is labelled with; None: it is refused."""
    domain = domain.strip().lower()
    with transaction.atomic():
        if reason := _why_not(actor, domain):
            return refuse(reason, verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id="")
        labels = {"label": label, "provisional_label": provisional_label}
        origin, _ = Origin.objects.update_or_create(domain=domain, defaults=labels)
        said = "; ".join(f"{name}: {each.marking if each else 'refused'}" for name, each in (("unlabelled", label), ("encrypted", provisional_label)))
        record(verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id=domain[:200], reason=said)
        return origin


def remove_origin(*, actor: Actor, domain: str) -> bool | Refused:
    """What holds for any other domain holds for this one, too. False if there was nothing of its own for it."""
    with transaction.atomic():
        if reason := _why_not(actor, domain):
            return refuse(reason, verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id="")
        removed, _ = Origin.objects.filter(domain=domain).delete()
        if removed:
            record(verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id=domain[:200], reason="removed")
        return bool(removed)


def _why_not(actor: Actor, domain: str) -> str:
    if actor != SYSTEM and not Role.objects.filter(user=actor.person, name=RoleName.SECURITY_OFFICER).exists():
        return "Only a security officer may do this."
    if domain != ANY and (len(domain) > 255 or not DOMAIN.fullmatch(domain)):
        return "That is not a domain. Write it as it stands in addresses after the @, or * for any other."
    return ""
