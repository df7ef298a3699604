"""What a registrar decides about certificates of people outside: which one counts, and which never again."""

from django.db import transaction
from django.utils import timezone

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.keys import engine
from portal.keys.models import Certificate
from portal.keys.services.outside import one_after_the_other
from portal.keys.services.registrar import check_registrar

LONGEST_REASON = 200


def withdraw_certificate(*, actor: Actor, certificate_id: str, reason: str) -> Certificate | Refused:
    """Nothing is encrypted with it any more, from the next question on, in every process; nor with another certificate of its key."""
    reason = " ".join(reason.split())
    with transaction.atomic():
        row = _known(certificate_id)
        try:
            check_registrar(actor)
            if row is None:
                raise engine.NotUsable("There is no such certificate that could be withdrawn.")
            if not 0 < len(reason) <= LONGEST_REASON:
                raise engine.NotUsable(f"Say why, in {LONGEST_REASON} characters at most.")
        except engine.NotUsable as refusal:
            return _refused(actor, Verb.CERTIFICATE_WITHDRAWN, row, refusal)
        row.revoked_at, row.revoked_by, row.revoked_reason = timezone.now(), actor.name, reason
        row.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
        record(verb=Verb.CERTIFICATE_WITHDRAWN, actor=actor, kind="certificate", id=row.serial, about=row.address, reason=reason)
        return row


def choose_certificate(*, actor: Actor, certificate_id: str) -> Certificate | Refused:
    """This one is used for its address, and those that stand against it are set aside, until a registrar chooses again."""
    with transaction.atomic():
        one_after_the_other()
        row = _known(certificate_id)
        try:
            check_registrar(actor)
            if row is None:
                raise engine.NotUsable("There is no such certificate to choose.")
        except engine.NotUsable as refusal:
            return _refused(actor, Verb.CERTIFICATE_CHOSEN, row, refusal)
        others = Certificate.objects.filter(user=None, address=row.address, revoked_at=None).exclude(id=row.id)
        if row.use == Certificate.Use.FREE:  # nothing changes but that others need not wait any more
            others = others.filter(use=Certificate.Use.WAITING)
        others.update(use=Certificate.Use.ASIDE)
        row.use = Certificate.Use.FREE
        row.save(update_fields=["use"])
        record(verb=Verb.CERTIFICATE_CHOSEN, actor=actor, kind="certificate", id=row.serial, about=row.address, reason=row.subject)
        return row


def _known(certificate_id: str) -> Certificate | None:
    return Certificate.objects.select_for_update().filter(id=certificate_id, user=None, revoked_at=None).first()


def _refused(actor: Actor, verb: Verb, row: Certificate | None, reason: engine.NotUsable) -> Refused:
    refuse(str(reason), verb=verb, actor=actor, kind="certificate", id=row.serial if row else "", about=row.address if row else "")
    return Refused(str(reason))
