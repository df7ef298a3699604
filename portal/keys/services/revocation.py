"""Revocation lists of trust anchors, which a registrar or the operator's timer brings."""

from django.db import transaction
from django.utils import timezone

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.keys import engine, selectors
from portal.keys.models import RevocationList
from portal.keys.services.outside import one_after_the_other
from portal.keys.services.registrar import check_registrar


def add_revocation_list(*, actor: Actor, data: bytes) -> RevocationList | Refused:
    """Takes the list in a file in the place of the one before, if a trust anchor signed it and it is not older.

    It counts from the next question on, in every process. The same list again changes nothing.
    """
    with transaction.atomic():
        try:
            check_registrar(actor)
            view = engine.revocation_list(data, [bytes(each.der) for each in selectors.trusted()], timezone.now())
            one_after_the_other()
            before = RevocationList.objects.filter(fingerprint=view.issuer, scope=view.scope).first()
            if before is not None and before.der == view.der:
                return before
            if before is not None and not engine.is_newer(view.der, before.der):
                raise engine.NotUsable("A newer list of this authority is known already.")
        except engine.NotUsable as reason:  # on record without what the file says: it may be any file
            refuse("not usable", verb=Verb.REVOCATION_LIST_ADDED, actor=actor, kind="anchor", id="")
            return Refused(str(reason))
        if before is not None:
            before.delete()
        row = _keep(actor, view)
        record(verb=Verb.REVOCATION_LIST_ADDED, actor=actor, kind="anchor", id=row.fingerprint, reason=f"{row.entries} revoked")
        return row


def _keep(actor: Actor, view: engine.ListView) -> RevocationList:
    return RevocationList.objects.create(
        fingerprint=view.issuer,
        scope=view.scope,
        der=view.der,
        this_update=view.this_update,
        next_update=view.next_update,
        entries=view.entries,
        added_by=actor.name,
    )
