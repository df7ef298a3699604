"""Setting the portal up: identity, intake key, authority. Once, by whoever has the master key."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.keys import engine, intake
from portal.keys.master import master_key
from portal.keys.models import Authority, WrappedSecret
from portal.keys.sealing import context, new_key


def set_up(organisation: str) -> None:
    """Identity, first intake key, authority, workers' secret: once, by whoever has the master key. Repeating changes nothing."""
    with transaction.atomic():
        fingerprint = intake.create_identity()
        if not settings.IDENTITY_FILE.exists():
            settings.IDENTITY_FILE.write_text(fingerprint + "\n", encoding="ascii")
        if not intake.IntakeKey.objects.exists():
            intake.rotate()
        if not WrappedSecret.objects.filter(name="blind").exists():
            WrappedSecret.objects.create(name="blind", wrapped=master_key().wrap(new_key(), context("blind")))
        if not Authority.objects.exists():
            issuer = engine.new_authority(organisation, timezone.now())
            authority = Authority(der=issuer.certificate)
            authority.wrapped_private = master_key().wrap(issuer.private_key, context("authority", authority.id))
            authority.save()
