"""Which labels mail from outside gets, by the domain it comes from: configured by the security officer."""

import re
from collections.abc import Sequence

from django.db import transaction

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.mail.models import Origin
from portal.policy.models import Label
from portal.policy.services import LabelRefused, PolicyError, check_officer, label_row

ANY = "*"
MOST = 200  # characters: what an audit event holds; the longest name that works in mail has 253, and hardly any has 100
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def origin_of(sender: str) -> Origin | None:
    """By the domain of the reverse path, or what holds for any other."""
    domain = sender.rpartition("@")[2].lower()
    found = {each.domain: each for each in Origin.objects.select_related("label", "provisional_label").filter(domain__in=[domain, ANY])}
    return found.get(domain) or found.get(ANY)


# A classification, and references of categories as the label picker posts them; None: such mail is refused
Wanted = tuple[int, Sequence[str]] | None


def set_origin(*, actor: Actor, domain: str, unlabelled: Wanted, encrypted: Wanted) -> Origin | Refused:
    """Which label unlabelled and which one encrypted mail from a domain ("*": from any other) gets."""
    domain = domain.strip().lower()
    with transaction.atomic():
        try:
            _check(actor, domain)
            label, provisional = _label("Mail without a label", unlabelled), _label("Encrypted mail", encrypted)
        except PolicyError as error:
            return refuse(str(error), verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id="")
        labels = {"label": label, "provisional_label": provisional}
        origin, _ = Origin.objects.update_or_create(domain=domain, defaults=labels)
        said = f"unlabelled mail: {label or 'refused'}; encrypted mail: {provisional or 'refused'}"
        record(verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id=domain, reason=said)
        return origin


def remove_origin(*, actor: Actor, domain: str) -> bool | Refused:
    """What holds for any other domain holds for this one, too. False if there was nothing of its own for it."""
    with transaction.atomic():
        try:
            _check(actor, domain)
        except PolicyError as error:
            return refuse(str(error), verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id="")
        removed, _ = Origin.objects.filter(domain=domain).delete()
        if removed:
            record(verb=Verb.ORIGIN_CHANGED, actor=actor, kind="origin", id=domain, reason="removed")
        return bool(removed)


def _check(actor: Actor, domain: str) -> None:
    check_officer(actor)
    if domain != ANY and (len(domain) > MOST or not DOMAIN.fullmatch(domain)):
        raise PolicyError("Write the domain as it stands in addresses after the @, or * for any other.")


def _label(of_what: str, wanted: Wanted) -> Label | None:
    """LabelRefused with the policy's reason for what it does not allow."""
    try:
        return None if wanted is None else label_row(classification=wanted[0], categories=wanted[1])
    except LabelRefused as refusal:
        raise LabelRefused(f"{of_what}: {refusal}") from None
