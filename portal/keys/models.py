"""Rows of the vault. Everything secret in here is wrapped or sealed; no row opens anything by itself (docs/operator.md, "Keys")."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import random_id
from portal.fields import BytesField


class _RandomId(models.Model):
    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.id}"


class Identity(_RandomId):
    """The portal's own Ed25519 key. It signs intake keys; the web process knows its fingerprint from the configuration."""

    public = BytesField(max_length=32)
    wrapped_private = BytesField(max_length=128)


class IntakeKey(_RandomId):
    """What the web process seals to, for workers only. New one daily; the private half is destroyed once nothing names it."""

    public = BytesField(max_length=32)
    signature = BytesField(max_length=64)
    wrapped_private = BytesField(max_length=128, null=True)
    destroyed_at = models.DateTimeField(null=True)


class Slot(_RandomId):
    class Kind(models.TextChoices):
        PASSWORD = "password"  # noqa: S105 - the name of a kind
        RECOVERY = "recovery"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="slots")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    version = models.PositiveSmallIntegerField()
    salt = BytesField(max_length=16)
    memory_kib = models.PositiveIntegerField()
    passes = models.PositiveSmallIntegerField()
    wrapped_pepper = BytesField(max_length=128)
    commitment = BytesField(max_length=32)
    wrapped_decryption = BytesField(max_length=128)
    wrapped_signing = BytesField(max_length=128)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="one_slot_per_kind")]


class SignInFailures(models.Model):
    """Failed tries of one name, counted by the worker. The name is blinded: people type passwords into the wrong field."""

    blinded_name = BytesField(primary_key=True, max_length=32)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.count} failures"


class WrappedSecret(models.Model):
    """A secret of the workers as a whole, under the master key."""

    name = models.CharField(primary_key=True, max_length=32)
    wrapped = BytesField(max_length=128)

    def __str__(self) -> str:
        return self.name


class PrivateKey(_RandomId):
    """A person's private key, current or retired, under one of the user keys."""

    class Purpose(models.TextChoices):
        SIGNING = "signing"
        ENCRYPTION = "encryption"
        STORAGE = "storage"  # X25519, tied to no certificate: summaries, drafts

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="private_keys")
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    algorithm = models.CharField(max_length=32)
    version = models.PositiveSmallIntegerField(default=1)
    wrapped = BytesField()
    public = BytesField()  # X25519: 32 bytes; otherwise SubjectPublicKeyInfo
    signature = BytesField(max_length=64, default=b"")  # of a storage key, by the portal's identity
    retired_at = models.DateTimeField(null=True)


class Certificate(_RandomId):
    """A certificate of a person of this portal, or (without `user` and `private_key`) of somebody outside.

    One of somebody outside was uploaded, or came with a verified signature: then `capabilities` are the OIDs that signature said its
    signer reads, and `seen_at` is its signing time, because only newer ones replace them. `use` says whether it may be sent to; once
    `revoked_at` is set (for those outside: a registrar withdrew it), it never is again.
    """

    class Source(models.TextChoices):
        ISSUED = "issued"
        UPLOADED = "uploaded"
        SIGNATURE = "signature"

    class Use(models.TextChoices):
        FREE = ""
        WAITING = "waiting"  # from another authority than the one in use: a registrar has to choose
        ASIDE = "aside"  # a registrar chose another one

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="certificates")
    private_key = models.ForeignKey(PrivateKey, on_delete=models.CASCADE, null=True, related_name="certificates")
    purpose = models.CharField(max_length=16, choices=PrivateKey.Purpose.choices)
    address = models.EmailField(db_index=True)
    der = BytesField(unique=True)
    serial = models.CharField(max_length=64)
    subject = models.CharField(max_length=256)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=128, blank=True)
    revoked_reason = models.CharField(max_length=200, blank=True)
    use = models.CharField(max_length=8, choices=Use.choices, default=Use.FREE, blank=True)
    added_by = models.CharField(max_length=128, blank=True)  # who uploaded it
    reads_gcm = models.BooleanField(default=False)  # from its S/MIME capabilities (RFC 4262), or those of a verified signature
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.ISSUED)
    capabilities = models.JSONField(null=True)
    seen_at = models.DateTimeField(null=True)
    issuers = BytesField(default=b"")  # certificates (DER, one after the other) between it and a trust anchor


class Anchor(_RandomId):
    """An authority outside that is believed about people outside. Each addition is a row of its own; only its withdrawal is written later."""

    der = BytesField()
    fingerprint = models.CharField(max_length=64)  # SHA-256 in hexadecimal
    subject = models.CharField(max_length=256)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField()
    added_by = models.CharField(max_length=128)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=128, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fingerprint"], condition=Q(withdrawn_at=None), name="one_current_anchor")]

    @property
    def expired(self) -> bool:
        return self.not_after < timezone.now()


class RevocationList(_RandomId):
    """The newest CRL of a trust anchor, whose signature was verified. Never changed: a newer one is a row of its own in its place.

    `scope` tells apart the lists of an authority that are about parts of its certificates (RFC 5280 section 5.2.5); empty: about all.
    """

    fingerprint = models.CharField(max_length=64)  # of the anchor
    scope = models.CharField(max_length=64, blank=True)
    der = BytesField()
    this_update = models.DateTimeField()
    next_update = models.DateTimeField(null=True)
    entries = models.PositiveIntegerField()
    added_by = models.CharField(max_length=128)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fingerprint", "scope"], name="one_list_per_scope")]

    @property
    def overdue(self) -> bool:
        return self.next_update is not None and self.next_update < timezone.now()


class Authority(_RandomId):
    """The portal's own certification authority: certificate, private key under the master key."""

    der = BytesField()
    wrapped_private = BytesField()


class Hold(_RandomId):
    """Until then no object is deleted: somebody copies what rows named when it began (`objects.held`)."""

    until = models.DateTimeField()


class UnlockedSession(_RandomId):
    """A session is an unlocked vault. Useless without the session key, which is in the browser's cookie and nowhere else."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="unlocked_sessions")
    session_id_hash = BytesField(max_length=32, unique=True)
    key_hash = BytesField(max_length=32)
    wrapped_decryption = BytesField(max_length=192)
    wrapped_signing = BytesField(max_length=192)
    renewed_at = models.DateTimeField(default=timezone.now)
