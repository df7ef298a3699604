"""Slots, as in LUKS: a person's user keys behind a password or a recovery code. There is no other password hash.

``KEK = HKDF(Argon2id(secret, salt) ‖ pepper)``: the pepper is wrapped by the master key, so a stolen database confirms no guess, not even
for the weakest password. A commitment stands beside the wrapped keys because AES-GCM does not commit to its key.
"""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from portal.keys.master import MasterKey
from portal.keys.models import Slot
from portal.keys.sealing import KEY_LENGTH, SealBroken, aead_open, aead_seal, context, derive, new_key

_RECOVERY_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # no I, L, O, U, 0, 1: read over the phone without doubt
RECOVERY_LENGTH = 28  # 28 × log2(30) = 137 bits


@dataclass(frozen=True)
class UserKeys:
    """What a slot protects: one key over the decryption keys, one over the signing keys."""

    decryption: bytes
    signing: bytes

    @classmethod
    def generate(cls) -> "UserKeys":
        return cls(new_key(), new_key())


class WrongSecret(Exception):
    """The password or recovery code does not open the slot."""


def new_recovery_code() -> str:
    """Random, at least 128 bits, in groups of four."""
    code = "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))
    return "-".join(code[i : i + 4] for i in range(0, RECOVERY_LENGTH, 4))


def normalise(kind: str, secret: str) -> bytes:
    """The bytes of a typed secret: the same on every keyboard; a recovery code without case and hyphens."""
    if kind == Slot.Kind.RECOVERY:
        return "".join(c for c in secret.upper() if c.isalnum()).encode()
    return unicodedata.normalize("NFKC", secret).encode()


def make_slot(master: MasterKey, *, user_id: str, kind: str, secret: str, keys: UserKeys) -> Slot:
    """A new, unsaved slot that `secret` opens."""
    slot = Slot(
        user_id=user_id,
        kind=kind,
        salt=secrets.token_bytes(16),
        memory_kib=settings.SLOT_MEMORY_KIB,
        passes=settings.SLOT_PASSES,
        version=1,
    )
    pepper = new_key()
    slot.wrapped_pepper = master.wrap(pepper, _context(slot, "pepper"))
    kek = _kek(slot, normalise(kind, secret), pepper)
    slot.commitment = derive(kek, "commitment")
    sealing_key = derive(kek, "sealing")
    slot.wrapped_decryption = aead_seal(sealing_key, keys.decryption, _context(slot, "decryption"))
    slot.wrapped_signing = aead_seal(sealing_key, keys.signing, _context(slot, "signing"))
    return slot


def open_slot(master: MasterKey, slot: Slot, secret: str) -> UserKeys:
    """The user keys, if `secret` is right. Raises `WrongSecret`."""
    pepper = master.unwrap(slot.wrapped_pepper, _context(slot, "pepper"))
    kek = _kek(slot, normalise(slot.kind, secret), pepper)
    if not hmac.compare_digest(derive(kek, "commitment"), slot.commitment):
        raise WrongSecret
    sealing_key = derive(kek, "sealing")
    try:
        return UserKeys(
            aead_open(sealing_key, slot.wrapped_decryption, _context(slot, "decryption")),
            aead_open(sealing_key, slot.wrapped_signing, _context(slot, "signing")),
        )
    except SealBroken:
        raise WrongSecret from None


def pretend(secret: str) -> None:
    """The work of a wrong guess, for a person who does not exist: the answer takes as long."""
    slot = Slot(
        kind=Slot.Kind.PASSWORD,
        salt=bytes(16),
        memory_kib=settings.SLOT_MEMORY_KIB,
        passes=settings.SLOT_PASSES,
        version=1,
    )
    derive(_kek(slot, normalise(slot.kind, secret), bytes(KEY_LENGTH)), "commitment")


def _kek(slot: Slot, secret: bytes, pepper: bytes) -> bytes:
    stretched = Argon2id(
        salt=slot.salt, length=KEY_LENGTH, iterations=slot.passes, lanes=1, memory_cost=slot.memory_kib
    ).derive(secret)
    return HKDF(SHA256(), KEY_LENGTH, salt=None, info=_context(slot, "kek")).derive(stretched + pepper)


def _context(slot: Slot, part: str) -> bytes:
    return context("slot", part, slot.user_id or "", slot.id, slot.kind, str(slot.version))
