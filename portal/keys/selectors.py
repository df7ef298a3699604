"""What pages show of keys and certificates: never more than public parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.utils import timezone

from portal.accounts.models import User
from portal.keys import engine
from portal.keys.models import Anchor, Authority, Certificate, PrivateKey, RevocationList
from portal.rows import rows
from portal.templatetags.portal import long_date


@dataclass(frozen=True)
class KeyRow:
    id: str
    purpose: str
    algorithm: str
    serial: str
    subject: str
    not_before: datetime
    not_after: datetime
    retired: bool
    expired: bool


def key_rows(user: User) -> list[KeyRow]:
    """A person's own keys that have certificates, newest first."""
    found = Certificate.objects.filter(user=user, private_key__isnull=False).select_related("private_key")
    return [
        KeyRow(
            id=each.private_key.id,
            purpose=each.purpose,
            algorithm=each.private_key.algorithm,
            serial=each.serial,
            subject=each.subject,
            not_before=each.not_before,
            not_after=each.not_after,
            retired=each.private_key.retired_at is not None,
            expired=each.not_after < timezone.now(),
        )
        for each in found.order_by("-not_before", "purpose")
    ]


def valid_certificates(users: Iterable[User], purpose: str) -> dict[str, Certificate]:
    """Per user id the newest certificate that holds now. Who is missing has none."""
    now = timezone.now()
    found = rows(
        Certificate,
        """
        SELECT held.* FROM keys_certificate held LEFT JOIN keys_privatekey own ON own.id = held.private_key_id
        WHERE held.user_id IN %s AND held.purpose = %s AND held.revoked_at IS NULL AND own.retired_at IS NULL
          AND held.not_before <= %s AND held.not_after > %s
        ORDER BY held.not_before
        """,
        [user.id for user in users],
        str(purpose),
        now,
        now,
    )
    return {row.user_id: row for row in found}


def why_none_holds(user: User, purpose: str) -> str:
    """Why this person has no certificate that holds now, in a sentence for them: by the newest, the one that they would expect to."""
    newest = Certificate.objects.filter(user=user, purpose=purpose).order_by("not_before").last()
    if newest and newest.revoked_at:
        return f"Your {purpose} certificate was revoked on {long_date(newest.revoked_at)}."
    if newest and newest.not_after <= timezone.now():
        return f"Your {purpose} certificate expired on {long_date(newest.not_after)}."
    return f"You have no valid {purpose} key."


def certificates_outside(addresses: Iterable[str]) -> dict[str, Certificate]:
    """Per address of people outside the newest certificate to encrypt with whose path to an anchor holds now. Who is missing has none.

    Upper and lower case are the same in an address here, as in certificates (RFC 8550 section 3).
    """
    wanted = {each.lower(): each for each in addresses}
    return {wanted[row.address]: row for row in _counting(address__in=list(wanted))} if wanted else {}


def counts(certificate_id: str) -> bool:
    """Whether something may be encrypted now with this certificate of somebody outside, or leave that was."""
    return bool(_counting(id=certificate_id))


def _counting(**where: object) -> list[Certificate]:
    """Those of these certificates of people outside that count now, the newest last."""
    now = timezone.now()
    rows = Certificate.objects.filter(
        user__isnull=True,
        purpose=PrivateKey.Purpose.ENCRYPTION,
        revoked_at__isnull=True,
        use=Certificate.Use.FREE,
        not_before__lte=now,
        not_after__gt=now,
        **where,
    ).order_by("not_before")
    if not rows:
        return []
    trusted = vouching()
    return [row for row in rows if not engine.objection(row.der, row.issuers, trusted, now)]


def anchors() -> list[bytes]:
    """The trust anchors (DER): the portal's own authority."""
    return [bytes(each) for each in Authority.objects.values_list("der", flat=True)]


def vouching() -> engine.Vouching:
    """Whose word counts about people outside: the portal's own authority, those a registrar has added, and what they revoked. Asked anew each time."""
    return engine.Vouching((*anchors(), *(bytes(each.der) for each in trusted())), _revocation_lists())


def _revocation_lists() -> tuple[bytes, ...]:
    try:
        return tuple(_revocation_list(each) for each in RevocationList.objects.order_by("id").values_list("id", flat=True))
    except RevocationList.DoesNotExist:  # a newer one came in between
        return _revocation_lists()


@lru_cache(maxsize=64)
def _revocation_list(id: str) -> bytes:
    """Rows of lists never change, and lists have megabytes."""
    return RevocationList.objects.values_list("der", flat=True).get(id=id)


def lists_by_anchor() -> dict[str, list[RevocationList]]:
    """By the fingerprint of the anchor that issued them, without the lists themselves."""
    found: dict[str, list[RevocationList]] = {}
    for each in RevocationList.objects.defer("der").order_by("-this_update", "id"):
        found.setdefault(each.fingerprint, []).append(each)
    return found


def trusted() -> list[Anchor]:
    """Authorities outside that are believed about people outside, the newest first."""
    return list(Anchor.objects.filter(withdrawn_at=None).order_by("-created_at", "id"))


def withdrawn() -> list[Anchor]:
    """Those that were, the latest first."""
    return list(Anchor.objects.filter(withdrawn_at__isnull=False).order_by("-withdrawn_at", "id")[:50])


def authority_pem() -> str:
    return "".join(engine.pem(der) for der in anchors())
