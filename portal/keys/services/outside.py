"""Certificates of people outside, with which mail for them is encrypted."""

from django.db import transaction
from django.utils import timezone

from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.keys import engine, selectors
from portal.keys.models import Certificate, PrivateKey


def add_certificate(*, actor: Actor, address: str, data: bytes) -> Certificate | Refused:
    """Keeps the certificate in a file (PEM, DER, PKCS#7), if mail for this address outside can be encrypted with it now.

    Whoever uploads it proves nothing: it counts because its path leads to a trust anchor.
    """
    with transaction.atomic():
        try:
            usable = engine.usable_certificate(data, address, selectors.outside_anchors(), timezone.now())
            known = Certificate.objects.filter(der=usable.certificate).first()
            if known is None:
                return _add(actor, address, usable)
            _check_known(known, address)
            return known
        except engine.NotUsable as reason:  # on record without what the file says: it may be any file
            refuse("not usable", verb=Verb.CERTIFICATE_ADDED, actor=actor, kind="certificate", id="")
            return Refused(str(reason))


def _add(actor: Actor, address: str, usable: engine.Usable) -> Certificate:
    view = engine.certificate_view(usable.certificate)
    row = Certificate.objects.create(
        purpose=PrivateKey.Purpose.ENCRYPTION,
        address=address.lower(),
        der=usable.certificate,
        issuers=usable.issuers,
        serial=f"{view.serial_number:x}"[:64],
        subject=view.subject[:256],
        not_before=view.not_before,
        not_after=view.not_after,
        source=Certificate.Source.UPLOADED,
    )
    record(
        verb=Verb.CERTIFICATE_ADDED, actor=actor, kind="certificate", id=row.serial, about=address, reason=row.source
    )
    return row


def _check_known(row: Certificate, address: str) -> None:
    if row.revoked_at is not None:
        raise engine.NotUsable("This certificate was revoked.")
    if row.user_id is not None or row.address != address.lower():
        raise engine.NotUsable("This certificate is kept for another address already.")
