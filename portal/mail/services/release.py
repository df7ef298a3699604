"""Which labels may leave to which domain outside: a clearance for the domain, granted by a security officer. Without one nothing leaves."""

from collections.abc import Iterable

from django.db import transaction

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.mail.models import Release
from portal.mail.services.origins import ANY, DOMAIN
from portal.policy.selectors import marking_of_clearance
from portal.policy.services import PolicyError, check_officer, clearance_der


def release(*, actor: Actor, domain: str, classification: int, categories: Iterable[str] = ()) -> Release | Refused:
    """Lets what this classification and all it dominates, with these categories, allows leave to a domain ("*": any without its own row)."""
    domain = domain.strip().lower()
    with transaction.atomic():
        try:
            check_officer(actor)
            if domain != ANY and not DOMAIN.fullmatch(domain):
                raise PolicyError("That is not a domain. Write it as it stands in addresses after the @, or * for any other.")
            der = clearance_der(classification, categories)
        except PolicyError as error:
            return refuse(str(error), verb=Verb.RELEASE_GRANTED, actor=actor, kind="release", id=domain)
        row, _ = Release.objects.update_or_create(domain=domain, defaults={"clearance": der})
        label = marking_of_clearance(der)
        record(verb=Verb.RELEASE_GRANTED, actor=actor, kind="release", id=row.domain, label=label)
        return row


def end_release(*, actor: Actor, domain: str) -> Release | Refused:
    """Nothing leaves to this domain any more, not even what waits for the relay."""
    with transaction.atomic():
        row = Release.objects.select_for_update().filter(domain=domain.lower(), clearance__isnull=False).first()
        try:
            check_officer(actor)
            if row is None:
                raise PolicyError("Nothing is released to this domain.")
        except PolicyError as error:
            return refuse(str(error), verb=Verb.RELEASE_REVOKED, actor=actor, kind="release", id=domain)
        row.clearance = None
        row.save(update_fields=["clearance"])
        record(verb=Verb.RELEASE_REVOKED, actor=actor, kind="release", id=row.domain)
        return row
