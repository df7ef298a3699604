"""Export of one's own keys, after the password was asked again."""

import base64

from django.db import transaction

from portal.audit.models import Verb
from portal.audit.services import Actor, record
from portal.keys import engine
from portal.keys.calls import Payload, answers, open_private_key, unlocked
from portal.keys.models import Authority, PrivateKey
from portal.keys.services.enrol import PASSWORD_MINIMUM
from portal.keys.services.unlock import verify_password


@answers("export_key")
def export_key(
    *, user_id: str, session_id: str, decrypt: str, key_id: str, password: str, passphrase: str, address: str
) -> Payload:
    """One's own key and certificate as PKCS#12 under a passphrase, after the password was asked again."""
    vault = unlocked(user_id=user_id, session_id=session_id, decrypt=decrypt)
    row = PrivateKey.objects.filter(id=key_id, user_id=user_id).exclude(purpose=PrivateKey.Purpose.STORAGE).first()
    if row is None:
        return {"refused": "There is no such key."}
    if len(passphrase) < PASSWORD_MINIMUM:
        return {
            "refused": f"The passphrase needs at least {PASSWORD_MINIMUM} characters: it is all that protects the file."
        }
    keys = verify_password(vault.user, password, address)
    if isinstance(keys, dict):
        return keys
    user_key = keys.signing if row.purpose == PrivateKey.Purpose.SIGNING else keys.decryption
    certificate = row.certificates.latest("not_before")
    file = engine.pkcs12_file(
        name=f"{vault.user.display_name} ({row.purpose})",
        private_key=open_private_key(row, user_key),
        certificate=certificate.der,
        authority=Authority.objects.latest("created_at").der,
        passphrase=passphrase,
    )
    with transaction.atomic():
        actor = Actor(person=user_id, name=vault.user.username, session=session_id, address=address)
        record(verb=Verb.KEY_EXPORTED, actor=actor, kind="certificate", id=certificate.serial, reason=row.purpose)
    return {"pkcs12": base64.b64encode(file).decode()}
