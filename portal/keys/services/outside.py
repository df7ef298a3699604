"""Certificates of people outside, with which mail for them is encrypted."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.audit.models import Verb
from portal.audit.services import Actor, Refused, record, refuse
from portal.keys import engine, selectors
from portal.keys.models import Authority, Certificate, PrivateKey

LONGEST_ADDRESS = 254  # what there is room for, and what mail can be sent to (RFC 5321 section 4.5.3.1.3)
CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of others may be a little ahead


def add_certificate(*, actor: Actor, address: str, data: bytes) -> Certificate | Refused:
    """Keeps the certificate in a file (PEM, DER, PKCS#7), if mail for this address outside can be encrypted with it now.

    Whoever uploads it proves nothing: it counts because its path leads to a trust anchor. One that must wait for a registrar's choice is
    kept, and says so in `use`.
    """
    with transaction.atomic():
        try:
            usable = engine.usable_certificate(data, address, selectors.vouching(), timezone.now())
            known = Certificate.objects.filter(der=usable.certificate).first()
            _check(known, usable, address)
            return known or _add(actor, address, usable)
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
            if engine.objection(proven.certificate, proven.issuers, selectors.vouching(), now) or withdrawn_key(proven.certificate, proven.address):
                return None
            usable = engine.Usable(proven.certificate, proven.issuers)
            row = _add(actor, proven.address, usable, source=Certificate.Source.SIGNATURE)
        elif row.user_id or row.revoked_at or row.address != proven.address or (row.seen_at and row.seen_at >= proven.signed_at):
            return None
        row.capabilities, row.seen_at = proven.capabilities, proven.signed_at
        row.save(update_fields=["capabilities", "seen_at"])
        return row


def one_after_the_other() -> None:
    """Until the transaction ends, nobody else adds what is about people outside: two at the same time would not see each other."""
    Authority.objects.select_for_update().first()


def withdrawn_key(der: bytes, address: str) -> bool:
    """Whether a certificate has the key of one that was withdrawn for this address: a new certificate makes it no better."""
    withdrawn = Certificate.objects.filter(user=None, address=address.lower(), revoked_at__isnull=False)
    return engine.public_key(der) in {engine.public_key(each.der) for each in withdrawn}


def _add(
    actor: Actor, address: str, usable: engine.Usable, *, source: Certificate.Source = Certificate.Source.UPLOADED
) -> Certificate:
    one_after_the_other()
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
        use=Certificate.Use.WAITING if _in_conflict(address, usable) else Certificate.Use.FREE,
        added_by=actor.name if source == Certificate.Source.UPLOADED else "",
    )
    said = {"actor": actor, "kind": "certificate", "id": row.serial, "about": address}
    record(verb=Verb.CERTIFICATE_ADDED, reason=row.source, **said)
    if row.use == Certificate.Use.WAITING:
        record(verb=Verb.CERTIFICATE_HELD, reason="another authority, another key", **said)
    return row


def _in_conflict(address: str, usable: engine.Usable) -> bool:
    """Whether it would take the place of one that may be used, without being of the same authority or of the same key.

    An authority that is trusted for other people could otherwise turn their mail to a key of its own choice.
    """
    now, vouching = timezone.now(), selectors.vouching()
    new = engine.standing(usable.certificate, usable.issuers, vouching, now)
    for row in Certificate.objects.filter(user=None, address=address.lower(), revoked_at=None, use=Certificate.Use.FREE):
        used = engine.standing(row.der, row.issuers, vouching, now)
        if not used.objection and used.key != new.key and used.authority != new.authority:
            return True
    return False


def _check(known: Certificate | None, usable: engine.Usable, address: str) -> None:
    if known is not None and (known.user_id is not None or known.address != address.lower()):
        raise engine.NotUsable("This certificate is kept for another address already.")
    if known is not None and known.revoked_at is not None:
        raise engine.NotUsable("This certificate was withdrawn by a registrar of this portal.")
    if withdrawn_key(usable.certificate, address):
        raise engine.NotUsable("A certificate with the same key was withdrawn by a registrar of this portal.")
