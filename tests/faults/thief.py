"""A thief with a copy of everything and a list of guesses, who knows the portal's code.

He tries the portal's own construction with every value he found in the pepper's place, and the usual hashes; a guess counts
as confirmed when it makes a value that stands in the loot, or opens a sealed one.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

KEY = 32
PREFIX = 16  # octets that two digests share by no accident
MAGIC, ONE_CHUNK = b"SEALED\x01\n", 8 + 65536 + 16  # a sealed object; the first and last chunk has nonce 0…01
LARGEST_FILE = 2_000_000  # larger ones hold ciphertext of attachments
_TOKEN = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")

_NO_SALT = bytes(KEY)

Row = dict[str, object]


def context(*parts: object) -> bytes:
    return json.dumps(["portal", *map(str, parts)], separators=(",", ":")).encode()


def hkdf(key: bytes, info_and_counter: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt, 32 octets; the counter (1) stands behind the info."""
    return hmac.digest(hmac.digest(_NO_SALT, key, "sha256"), info_and_counter, "sha256")


@dataclass(frozen=True)
class Sealed:
    """AES-256-GCM under a key that the thief has not got."""

    nonce: bytes
    ciphertext: bytes
    bound_to: bytes

    def opened(self, key: bytes) -> bytes | None:
        try:
            return AESGCM(key).decrypt(self.nonce, self.ciphertext, self.bound_to)
        except InvalidTag:
            return None


def in_a_column(blob: object, *bound_to: object) -> Sealed:
    """Version, nonce, ciphertext."""
    blob = bytes(blob)  # type: ignore[call-overload]
    return Sealed(blob[1:13], blob[13:], context(*bound_to))


@dataclass
class Loot:
    """What was stolen, read into values; `sealed` are the blobs with what each is bound to."""

    values: set[bytes] = field(default_factory=set)
    keys: list[bytes] = field(default_factory=list)  # every value of 32 octets that is no text
    sealed: list[Sealed] = field(default_factory=list)
    slots: list[Row] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    prefixes: set[bytes] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path, *, but: Iterable[str] = (), victim: str) -> "Loot":
        """Everything in `folder` except files of the names in `but`; slots and blobs of the person `victim`."""
        loot = cls()
        for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.name not in set(but)):
            if path.name == "portal.sqlite3":
                loot._read_database(path, victim)
            elif path.stat().st_size < LARGEST_FILE:
                loot._read_file(path.read_bytes())
        loot.keys = sorted(value for value in loot.values if len(value) == KEY and not value.isascii())
        loot._unwrap()
        return loot

    def note(self, value: bytes) -> None:
        """Remembers a value, the values written in it, and the prefix by which a digest is known again."""
        tokens = [value, *_TOKEN.findall(value)]
        for each in [*tokens, *(bytes_ for token in tokens for bytes_ in _decoded(token))]:
            self.values.add(each if len(each) <= KEY else each[:64])

    def has(self, digest: bytes) -> bool:
        return digest[:PREFIX] in self.prefixes

    def _read_database(self, path: Path, victim: str) -> None:
        with closing(sqlite3.connect(path)) as database:
            database.row_factory = sqlite3.Row
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            rows = {table: [dict(row) for row in database.execute(f'SELECT * FROM "{table}"')] for table in tables}  # noqa: S608
        for row in (row for found in rows.values() for row in found):
            for value in row.values():
                self.note(value if isinstance(value, bytes) else str(value).encode())
        person = next(row["id"] for row in rows["accounts_user"] if row["username"] == victim)
        self.slots = [row for row in rows["keys_slot"] if row["user_id"] == person]
        self.salts = [b"", victim.encode(), str(person).encode(), *(bytes(row["salt"]) for row in self.slots)]
        self.sealed += _sealed(rows, str(person))

    def _read_file(self, content: bytes) -> None:
        if content.startswith(MAGIC) and len(content) <= ONE_CHUNK:
            self.sealed.append(Sealed(bytes(11) + b"\x01", content[len(MAGIC) :], b""))
        self.note(content.strip())

    def _unwrap(self) -> None:
        """Opens what known values open, again and again: with the master key, that is nearly everything."""
        fresh = self.keys
        while fresh:
            opened = {plain for key in fresh for each in self.sealed if (plain := each.opened(key))}
            fresh = sorted({each for each in opened if len(each) == KEY} - set(self.keys))
            self.keys += fresh
        self.index()

    def index(self) -> None:
        """To be called after values were noted."""
        self.prefixes = {value[:PREFIX] for value in self.values if len(value) >= PREFIX}


def confirmed(loot: Loot, guesses: Iterable[str]) -> list[str]:
    """The guesses that something in the loot confirms."""
    return [guess for guess in guesses if any(loot.has(each) for each in _digests(loot, guess)) or _opens_a_slot(loot, guess)]


def _digests(loot: Loot, guess: str) -> Iterator[bytes]:
    """Everything that a careless program might have kept of a password."""
    for text in {guess, guess.casefold()}:
        password = text.encode()
        for name in _HASHES:
            for salt in loot.salts:
                yield hashlib.new(name, salt + password).digest()
                yield hashlib.new(name, password + salt).digest()
        for salt in loot.salts:
            yield hashlib.pbkdf2_hmac("sha256", password, salt, 1)
            yield hashlib.pbkdf2_hmac("sha1", password, salt, 1)
            yield hmac.digest(password, salt, "sha256")
        for key in loot.keys:
            yield hmac.digest(key, password, "sha256")


_COMMITMENT, _SEALING = (context("derive", purpose) + b"\x01" for purpose in ("commitment", "sealing"))


def _opens_a_slot(loot: Loot, guess: str) -> bool:
    """Argon2id as the slot says, HKDF with everything in the pepper's place; then the commitment, then every sealed blob."""
    prefixes = loot.prefixes
    for slot in (each for each in loot.slots if each["kind"] == "password"):
        stretched = Argon2id(
            salt=bytes(slot["salt"]), length=KEY, iterations=slot["passes"], lanes=1, memory_cost=slot["memory_kib"]
        ).derive(guess.encode())
        bound_to = context("slot", "kek", slot["user_id"], slot["id"], slot["kind"], slot["version"]) + b"\x01"
        for pepper in (b"", bytes(KEY), *loot.keys):
            kek = hkdf(stretched + pepper, bound_to)
            if kek[:PREFIX] in prefixes or hkdf(kek, _COMMITMENT)[:PREFIX] in prefixes:
                return True
        without = hkdf(stretched, bound_to)
        for key in (stretched, without, hkdf(without, _SEALING), hashlib.sha256(guess.encode()).digest()):
            public = X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
            if loot.has(key) or loot.has(public) or any(each.opened(key) is not None for each in loot.sealed):
                return True
    return False


def _sealed(rows: dict[str, list[Row]], person: str) -> Iterator[Sealed]:
    """The victim's sealed columns and those of the portal as a whole, each with what it is bound to."""

    def of(table: str) -> list[Row]:
        return [row for row in rows[table] if row.get("user_id", person) == person]

    for row in of("keys_slot"):
        for part in ("pepper", "decryption", "signing"):
            yield in_a_column(row[f"wrapped_{part}"], "slot", part, person, row["id"], row["kind"], row["version"])
    for row in of("keys_privatekey"):
        yield in_a_column(row["wrapped"], "private-key", person, row["id"], row["purpose"], row["version"])
    for row in of("keys_unlockedsession"):
        for part in ("decryption", "signing"):
            yield in_a_column(row[f"wrapped_{part}"], "session", person, part)
    for row in of("keys_wrappedsecret"):
        yield in_a_column(row["wrapped"], row["name"])
    for table, name in (("keys_identity", "identity"), ("keys_intakekey", "intake"), ("keys_authority", "authority")):
        for row in of(table):
            if row["wrapped_private"] is not None:
                yield in_a_column(row["wrapped_private"], name, row["id"])


def _decoded(token: bytes) -> Iterator[bytes]:
    attempts: tuple[Callable[[], bytes], ...] = (
        lambda: bytes.fromhex(token.decode()),
        lambda: base64.b64decode(token.rstrip(b"=") + b"==", altchars=b"-_"),
        lambda: base64.b64decode(token.rstrip(b"=") + b"=="),
    )
    for attempt in attempts:
        try:
            yield attempt()
        except (ValueError, binascii.Error):
            continue
