"""Certificates of people outside, with which mail for them is encrypted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.keys import engine, selectors
from portal.keys.models import Certificate, PrivateKey

LONGEST_ADDRESS = 254  # what there is room for, and what mail can be sent to (RFC 5321 section 4.5.3.1.3)
CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of others may be a little ahead


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


@dataclass(frozen=True)
class Proven:
    """What a verified signature says about encrypting for its signer. `capabilities` are the OIDs it states, None if it states none."""

    address: str
    certificate: bytes
    issuers: bytes
    capabilities: list[str] | None
    signed_at: datetime


def remember_certificate(*, actor: Actor, proven: Proven) -> Certificate | None:
    """Keeps the certificate of somebody outside for answering, if it is trusted for encryption now; None if nothing was new.

    Only a newer signature, and none from the future, changes what is known to be read by its signer (RFC 8551 section 2.7.1). One that was
    revoked stays revoked.
    """
    now = timezone.now()
    if len(proven.address) > LONGEST_ADDRESS or proven.signed_at > now + CLOCK_TOLERANCE or User.objects.filter(address=proven.address).exists():
        return None
    with transaction.atomic():
        row = Certificate.objects.select_for_update().filter(der=proven.certificate).first()
        if row is None:
            if engine.objection(proven.certificate, proven.issuers, selectors.outside_anchors(), now):
                return None
            usable = engine.Usable(proven.certificate, proven.issuers)
            row = _add(actor, proven.address, usable, source=Certificate.Source.SIGNATURE)
        elif row.user_id or row.revoked_at or row.address != proven.address or (row.seen_at and row.seen_at >= proven.signed_at):
            return None
        row.capabilities, row.seen_at = proven.capabilities, proven.signed_at
        row.save(update_fields=["capabilities", "seen_at"])
        return row


def _add(
    actor: Actor, address: str, usable: engine.Usable, *, source: Certificate.Source = Certificate.Source.UPLOADED
) -> Certificate:
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
        source=source,
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
