"""Sealing to the worker: whatever the web process hands over that is secret, it seals to the intake key.

The public half is signed by the portal's identity key, whose fingerprint is configuration: whoever can write to the database cannot put a key of
their own in its place and read the passwords. The private half is under the master key; a new pair is made daily, and an old private half is
destroyed once no job, upload or draft names it.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import timezone

from portal.keys.master import master_key
from portal.keys.models import Identity, IntakeKey
from portal.keys.sealing import SealBroken, context, hpke_open, hpke_seal, new_key_pair
from portal.rows import by_id, rows

LIFETIME = timedelta(days=1)

# Apps further right say which intake keys their rows still name.
holders: list[Callable[[], set[str]]] = []


class IntakeUnavailable(Exception):
    """There is no intake key that the configured identity signed: nothing may be sealed."""


@dataclass(frozen=True)
class Sealed:
    """A blob and the intake key it is sealed to."""

    intake_key: str
    blob: bytes


def seal(plaintext: bytes, bound_to: bytes) -> Sealed:
    """Seals to the current intake key, in any process."""
    row = _current()
    return Sealed(row.id, hpke_seal(row.public, plaintext, bound_to))


def unseal(sealed: Sealed, bound_to: bytes) -> bytes:
    """Worker only. Raises `SealBroken` if the blob was changed, moved, or its key destroyed."""
    row = by_id(IntakeKey, sealed.intake_key)
    if row is None or row.wrapped_private is None:
        raise SealBroken("sealed to an intake key that is gone")
    private = master_key().unwrap(row.wrapped_private, context("intake", row.id))
    return hpke_open(private, sealed.blob, bound_to)


def fingerprint(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()


def create_identity() -> str:
    """The identity key pair, if there is none yet. Returns the fingerprint, which belongs into the configuration."""
    identity = Identity.objects.first()
    if identity is None:
        private = Ed25519PrivateKey.generate()
        identity = Identity(public=private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        identity.wrapped_private = master_key().wrap(private.private_bytes_raw(), context("identity", identity.id))
        identity.save()
    return fingerprint(identity.public)


def rotate() -> IntakeKey:
    """A new intake key, signed; old private halves that nothing names are destroyed. Worker only."""
    private, public = new_key_pair()
    row = IntakeKey(public=public)
    row.wrapped_private = master_key().wrap(private, context("intake", row.id))
    row.signature = sign_as_portal(_signed_bytes(row))
    row.save()
    destroy_unused()
    return row


def destroy_unused(now: "timezone.datetime | None" = None) -> int:
    """Destroys private halves that are two lifetimes old and that nothing names. Returns how many."""
    named: set[str] = set().union(*(held() for held in holders)) if holders else set()
    old = IntakeKey.objects.filter(
        created_at__lt=(now or timezone.now()) - 2 * LIFETIME, wrapped_private__isnull=False
    ).exclude(id__in=named)
    return old.update(wrapped_private=None, destroyed_at=timezone.now())


def sign_as_portal(data: bytes) -> bytes:
    """The identity key's signature. Worker only."""
    identity = Identity.objects.get()
    private = master_key().unwrap(identity.wrapped_private, context("identity", identity.id))
    return Ed25519PrivateKey.from_private_bytes(private).sign(data)


def check_portal_signed(signature: bytes, data: bytes) -> None:
    """In any process. Raises `IntakeUnavailable` unless the identity that is configured signed this."""
    try:
        _verify(_identity_key(_configured_fingerprint()), signature, data)
    except InvalidSignature:
        raise IntakeUnavailable("a public key is not signed by the portal's identity key") from None


@functools.lru_cache(maxsize=8)
def _identity_key(wanted: str) -> bytes:
    """The public key that has this fingerprint: looked up once, because no other one can have it."""
    identity = Identity.objects.first()
    if identity is None:
        raise IntakeUnavailable("the portal is not set up")
    if fingerprint(identity.public) != wanted:
        raise IntakeUnavailable("the identity key is not the configured one")
    return bytes(identity.public)


@functools.lru_cache(maxsize=4096)
def _verify(public: bytes, signature: bytes, data: bytes) -> None:
    """Raises `InvalidSignature`; what held once for these bytes holds again, and only that is remembered."""
    Ed25519PublicKey.from_public_bytes(public).verify(signature, data)


def _current() -> IntakeKey:
    found = rows(IntakeKey, "SELECT * FROM keys_intakekey WHERE wrapped_private IS NOT NULL ORDER BY created_at DESC LIMIT 1")
    if not found:
        raise IntakeUnavailable("no intake key: the portal is not set up")
    row = found[0]
    check_portal_signed(row.signature, _signed_bytes(row))
    return row


def _configured_fingerprint() -> str:
    try:
        return settings.IDENTITY_FINGERPRINT or settings.IDENTITY_FILE.read_text(encoding="ascii").strip()
    except OSError:
        raise IntakeUnavailable("the identity's fingerprint is not configured") from None


def _signed_bytes(row: IntakeKey) -> bytes:
    return context("intake-key", row.id) + row.public
