"""People: who they are, where mail reaches them, which roles they hold. Clearances and keys live further right."""

import secrets

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from portal.rows import rows


def random_id() -> str:
    """128 random bits: an identifier that tells nothing about how many there are or which came first."""
    return secrets.token_hex(16)


class RoleName(models.TextChoices):
    ADMINISTRATOR = "administrator", "Administrator"
    SECURITY_OFFICER = "security_officer", "Security officer"
    REGISTRAR = "registrar", "Registrar"
    AUDITOR = "auditor", "Auditor"
    OPERATOR = "operator", "Operator"
    LIST_OWNER = "list_owner", "List owner"


USERNAME = RegexValidator(
    r"\A[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z",
    "Use small letters, digits, dots, hyphens and underscores; begin and end with a letter or digit.",
)


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, *, address: str, display_name: str = "", **fields: object) -> "User":
        """A person without keys, roles or clearance. There is no password here: it lives in the slots (keys)."""
        user = self.model(username=username, address=address.lower(), display_name=display_name or username, **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, *, address: str, **fields: object) -> "User":
        """Django's word for somebody with all permissions. No permission opens a message: clearances are none."""
        return self.create_user(username, address=address, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    id = models.CharField(primary_key=True, max_length=32, default=random_id, editable=False)
    username = models.CharField(
        max_length=64, unique=True, validators=[USERNAME], error_messages={"unique": "That user name is taken."}
    )
    display_name = models.CharField(max_length=128)
    address = models.EmailField(unique=True, error_messages={"unique": "That address belongs to somebody already."})
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    # When the invitation was accepted. Until then the person has neither password nor keys, and may be invited again;
    # from then on never, because whoever sets a first password would own the account.
    joined_at = models.DateTimeField(null=True, editable=False)

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["address"]
    objects = UserManager()

    def __str__(self) -> str:
        return self.username

    def has_role(self, *names: str) -> bool:
        """Whether this person holds one of the roles. Superusers hold none by themselves."""
        return bool(self.role_names.intersection(names))

    @property
    def role_names(self) -> frozenset[str]:
        if not hasattr(self, "_role_names"):
            prefetched = "roles" in getattr(self, "_prefetched_objects_cache", ())
            roles = self.roles.all() if prefetched else rows(Role, "SELECT * FROM accounts_role WHERE user_id = %s", self.id)
            self._role_names = frozenset(role.name for role in roles)
        return self._role_names

    @property
    def role_words(self) -> str:
        return ", ".join(role.label for role in RoleName if role.value in self.role_names)

    @property
    def state_words(self) -> str:
        if not self.is_active:
            return "Disabled"
        return "Active, has keys" if self.joined_at else "Invited, no keys yet"


class Role(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="roles")
    name = models.CharField(max_length=32, choices=RoleName.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_row_per_role")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.name}"


class Invitation(models.Model):
    """A one-time link. The row keeps a hash of its token, so that the table is of no use to a thief."""

    token_hash = models.CharField(primary_key=True, max_length=64)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"invitation of {self.user_id}"
