"""The master key: a provider with only ``wrap`` and ``unwrap``, for workers only.

The web process has no provider (S1 of the key design): asking for one raises. What a provider wraps is small: peppers of slots, the
private halves of intake keys, the user keys of sessions, unattended keys. A token (PKCS#11) can take the file's place.
"""

import functools
import os
import secrets
from pathlib import Path
from typing import Protocol

from django.conf import settings

from portal.keys.sealing import aead_open, aead_seal


class MasterKeyUnavailable(Exception):
    """This process may not, or cannot, use the master key."""


class MasterKey(Protocol):
    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """`secret` under the master key, bound to `context`."""

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """What `wrap` was given. Raises `SealBroken` for other bytes or another context."""


class FileMasterKey:
    """32 random bytes in a file that only the worker's user can read."""

    def __init__(self, path: Path) -> None:
        try:
            self._key = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise MasterKeyUnavailable(f"the master key file can't be read ({type(error).__name__})") from None
        if len(self._key) != 32:
            raise MasterKeyUnavailable("the master key file does not hold 32 bytes in hexadecimal")

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        return aead_seal(self._key, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return aead_open(self._key, wrapped, context)


def create_master_key_file(path: Path) -> bool:
    """A new master key, mode 0400, if there is none. Returns whether one was made. Raises OSError if it can't be."""
    if path.exists():  # in a folder that may be for reading only
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    return True


def traces() -> list[bytes]:
    """What of the master key must be in no file that leaves: its octets, and these as people write them. Workers only."""
    text = settings.MASTER_KEY_FILE.read_text(encoding="ascii").strip()
    return [bytes.fromhex(text), text.lower().encode(), text.upper().encode()]


@functools.cache
def master_key() -> MasterKey:
    """This process's provider. Raises `MasterKeyUnavailable` in web and dispatcher, whatever the file's mode says."""
    if settings.PROCESS not in {"worker", "manage"}:
        raise MasterKeyUnavailable(f"a {settings.PROCESS} process may not use the master key")
    return FileMasterKey(settings.MASTER_KEY_FILE)
