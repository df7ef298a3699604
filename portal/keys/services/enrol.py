"""Keys for a person: slots, user keys, storage key and two certificates."""

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.services import mark_joined
from portal.audit.models import Verb
from portal.audit.services import SYSTEM, Actor, record
from portal.keys import engine, intake
from portal.keys.calls import private_key_context
from portal.keys.master import master_key
from portal.keys.models import Authority, Certificate, PrivateKey, Slot
from portal.keys.sealing import aead_seal, context, new_key_pair
from portal.keys.slots import UserKeys, make_slot, new_recovery_code
from portal.keys.vault import storage_key_statement

PASSWORD_MINIMUM = 12  # characters; NIST SP 800-63B asks for at least 8 where it is not the only factor, 15 where it is


class PasswordRefused(Exception):
    """The new password can't be taken; the message says why, for people."""


def enrol(*, user: User, password: str, reads_gcm: bool = True, actor: Actor = SYSTEM) -> str:
    """Slots, user keys, storage key and two certificates for a person without keys. Returns the recovery code.

    Raises `PasswordRefused`. A person who has keys already is refused with it, too: keys are never overwritten.
    """
    check_password(password, user)
    master, keys, code = master_key(), UserKeys.generate(), new_recovery_code()
    password_slot = make_slot(master, user_id=user.id, kind=Slot.Kind.PASSWORD, secret=password, keys=keys)
    recovery_slot = make_slot(master, user_id=user.id, kind=Slot.Kind.RECOVERY, secret=code, keys=keys)
    with transaction.atomic():
        if Slot.objects.filter(user=user).exists():
            raise PasswordRefused("There are keys for this name already. Sign in with your password.")
        password_slot.save()
        recovery_slot.save()
        _new_storage_key(user, keys)
        issue_key(user=user, purpose=PrivateKey.Purpose.SIGNING, keys=keys, reads_gcm=reads_gcm, actor=actor)
        issue_key(user=user, purpose=PrivateKey.Purpose.ENCRYPTION, keys=keys, reads_gcm=reads_gcm, actor=actor)
        mark_joined(user=user)
    return code


def issue_key(*, user: User, purpose: str, keys: UserKeys, reads_gcm: bool, actor: Actor) -> Certificate:
    """A new P-256 pair with a certificate of the portal's authority, wrapped under the user key of its purpose."""
    signing = purpose == PrivateKey.Purpose.SIGNING
    new = engine.new_p256()
    row = PrivateKey(user=user, purpose=purpose, algorithm="EC P-256", public=new.public)
    row.wrapped = aead_seal(keys.signing if signing else keys.decryption, new.private, private_key_context(row))
    row.save()
    der = engine.issue(
        _issuer(),
        public=new.public,
        display_name=user.display_name,
        address=user.address,
        signing=signing,
        reads_gcm=reads_gcm,
        now=timezone.now(),
    )
    view = engine.certificate_view(der)
    certificate = Certificate.objects.create(
        user=user,
        private_key=row,
        purpose=purpose,
        address=user.address,
        der=der,
        serial=f"{view.serial_number:x}",
        subject=view.subject,
        not_before=view.not_before,
        not_after=view.not_after,
        reads_gcm=reads_gcm,
    )
    record(
        verb=Verb.KEY_ISSUED,
        actor=actor,
        kind="certificate",
        id=certificate.serial,
        about=user.username,
        reason=purpose,
    )
    return certificate


def _new_storage_key(user: User, keys: UserKeys) -> None:
    private, public = new_key_pair()
    row = PrivateKey(user=user, purpose=PrivateKey.Purpose.STORAGE, algorithm="X25519", public=public)
    row.wrapped = aead_seal(keys.decryption, private, private_key_context(row))
    row.signature = intake.sign_as_portal(storage_key_statement(row))
    row.save()


def _issuer() -> engine.Issuer:
    authority = Authority.objects.latest("created_at")
    return engine.Issuer(
        authority.der, master_key().unwrap(authority.wrapped_private, context("authority", authority.id))
    )


def check_password(password: str, user: User) -> None:
    """Length, and not the person's own name. Composition rules do harm (NIST SP 800-63B 3.1.1.2), so there are none."""
    if len(password) < PASSWORD_MINIMUM:
        raise PasswordRefused(f"The password needs at least {PASSWORD_MINIMUM} characters.")
    if len(password) > 1024:
        raise PasswordRefused("The password is longer than 1,024 characters.")
    lowered = password.casefold()
    if any(lowered.replace(part, "") == "" for part in (user.username.casefold(), user.address.casefold())):
        raise PasswordRefused("The password is your name. Choose another.")
    if len(set(lowered)) < 5:
        raise PasswordRefused("The password repeats too few characters. Try a few words.")
