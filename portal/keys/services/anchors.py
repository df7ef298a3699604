"""Authorities that vouch for people outside: added and withdrawn by a registrar."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.keys import engine, selectors
from portal.keys.models import Anchor
from portal.keys.services.registrar import check_registrar

TRUSTED_ALREADY = "This authority is trusted already."


def add_anchor(*, actor: Actor, data: bytes) -> Anchor | Refused:
    """Trusts the authority whose certificate is in a file, from the next question on, in every process."""
    with transaction.atomic():
        try:
            check_registrar(actor)
            view = look_at_anchor(data)
            fields = {"der": view.der, "subject": view.subject[:256], "not_before": view.not_before, "not_after": view.not_after}
            with transaction.atomic():
                anchor = Anchor.objects.create(fingerprint=view.fingerprint.hex(), added_by=actor.name, **fields)
        except IntegrityError:  # somebody else was faster
            return _refused(actor, Verb.ANCHOR_ADDED, TRUSTED_ALREADY)
        except engine.NotUsable as reason:
            return _refused(actor, Verb.ANCHOR_ADDED, str(reason))
        record(verb=Verb.ANCHOR_ADDED, actor=actor, kind="anchor", id=anchor.fingerprint, reason=anchor.subject)
        return anchor


def withdraw_anchor(*, actor: Actor, fingerprint: str) -> Anchor | Refused:
    """Trusts this authority no more. Certificates that it issued are kept, and count for nothing."""
    with transaction.atomic():
        anchor = Anchor.objects.select_for_update().filter(fingerprint=fingerprint, withdrawn_at=None).first()
        try:
            check_registrar(actor)
            if anchor is None:
                raise engine.NotUsable("This authority is not trusted, so there is nothing to withdraw.")
        except engine.NotUsable as reason:
            return _refused(actor, Verb.ANCHOR_WITHDRAWN, str(reason))
        anchor.withdrawn_at, anchor.withdrawn_by = timezone.now(), actor.name
        anchor.save(update_fields=["withdrawn_at", "withdrawn_by"])
        record(verb=Verb.ANCHOR_WITHDRAWN, actor=actor, kind="anchor", id=fingerprint, reason=anchor.subject)
        return anchor


def look_at_anchor(data: bytes) -> engine.Certificate:
    """The authority's certificate in a file, changing nothing. Raises `NotUsable` with the reason why it can't be trusted."""
    view = engine.authority_certificate(data, timezone.now())
    if view.der in selectors.anchors():
        raise engine.NotUsable("This is the portal's own authority. It is trusted without being named here.")
    if Anchor.objects.filter(fingerprint=view.fingerprint.hex(), withdrawn_at=None).exists():
        raise engine.NotUsable(TRUSTED_ALREADY)
    return view


def _refused(actor: Actor, verb: Verb, reason: str) -> Refused:
    """On record without what a file says: it may be any file."""
    refuse("not usable", verb=verb, actor=actor, kind="anchor", id="")
    return Refused(reason)
