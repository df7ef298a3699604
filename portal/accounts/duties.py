"""Separation of duties: which roles one person may not hold together, and why."""

from portal.accounts.models import RoleName

WATCHED = (
    (RoleName.ADMINISTRATOR, "An auditor checks what administrators do"),
    (RoleName.SECURITY_OFFICER, "An auditor checks what security officers do"),
    (RoleName.REGISTRAR, "An auditor checks what registrars do"),
    (RoleName.OPERATOR, "An auditor checks what operators do"),
)
CONFLICTS: dict[frozenset[str], str] = {
    frozenset({RoleName.AUDITOR.value, watched.value}): f"{reason}, so one person can't be both."
    for watched, reason in WATCHED
} | {
    frozenset({RoleName.ADMINISTRATOR.value, RoleName.SECURITY_OFFICER.value}): (
        "Administrators make accounts and security officers clear them, so that no one person can do both."
    ),
    frozenset({RoleName.ADMINISTRATOR.value, RoleName.REGISTRAR.value}): (
        "Administrators make accounts and registrars recover keys, so that no one person can do both."
    ),
}


def conflict(roles: frozenset[str]) -> str:
    """Why one person can't hold these roles together, as a sentence for people; "" if they may."""
    return next((reason for pair, reason in CONFLICTS.items() if pair <= roles), "")
