"""A backup's file: a tar that is written and read in one go, whose last members say what must be in it.

    objects/ab/cdef…    sealed objects
    database            the snapshot
    manifest.json       what this is, and the SHA-256 of each member before it
    manifest.seal       the manifest's digest, wrapped by the master key: made by a holder of that key, unchanged and whole
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import BinaryIO

from portal.keys.master import master_key
from portal.keys.sealing import SealBroken, context

FORMAT = 1
DATABASE, MANIFEST, SEAL = "database", "manifest.json", "manifest.seal"
OBJECT = re.compile(r"objects/([0-9a-f]{2}/[0-9a-f]{30})")  # nothing else becomes the name of a file
_BLOCK = 1024 * 1024
_DAMAGED = "The archive is damaged, cut short, or no backup."


class BadArchive(Exception):
    """Not a backup, not whole, changed, or made under another master key. The text is for the operator."""


class MasterKeyInside(Exception):
    """The master key was about to be written into a backup."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `members` are the SHA-256 digests; `addressed` the envelopes that wait and were found unchanged."""

    made_at: str
    vendor: str
    schema: list[str]
    fingerprint: str
    counts: dict[str, int]
    waiting: dict[str, int]
    addressed: list[str]
    missing: list[str]
    members: dict[str, str] = field(repr=False)
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        found = json.loads(data)
        if found.get("format") != FORMAT:
            raise BadArchive(f"This backup has format {found.get('format')}; this version reads {FORMAT}.")
        return cls(**found)


class _Watched(io.RawIOBase):
    """Passes on what is written, but nothing that must never be written, wherever the pieces are cut. Then it is over."""

    def __init__(self, file: BinaryIO, never: Sequence[bytes]) -> None:
        self._file, self._never, self._end = file, never, b""

    def write(self, data: bytes) -> int:
        if self._file.closed:  # the tar was given up and is being tidied away
            return len(data)
        seen = self._end + data
        if any(each in seen for each in self._never):
            self._file.close()
            raise MasterKeyInside
        self._end = seen[-max(map(len, self._never), default=1) :]
        return self._file.write(data)


class Digested(io.RawIOBase):
    """What is read through it is digested."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._digest.update(piece)
        return piece

    @property
    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class Writer:
    """Writes a backup to `file`. None of the strings `never` gets in: `MasterKeyInside`."""

    def __init__(self, file: BinaryIO, never: Sequence[bytes]) -> None:
        watched = _Watched(file, never)
        self._tar = tarfile.open(fileobj=watched, mode="w|", bufsize=_BLOCK)  # noqa: SIM115 - closed by close()
        self.members: dict[str, str] = {}

    def add(self, name: str, file: BinaryIO) -> None:
        """One member, from a seekable file."""
        info = tarfile.TarInfo(name)
        info.mode, info.size = 0o600, file.seek(0, io.SEEK_END)
        file.seek(0)
        digested = Digested(file)
        self._tar.addfile(info, digested)
        self.members[name] = digested.hexdigest

    def close(self, manifest: Manifest) -> None:
        written = manifest.to_json()
        self.add(MANIFEST, io.BytesIO(written))
        self.add(SEAL, io.BytesIO(master_key().wrap(hashlib.sha256(written).digest(), _bound_to())))
        self._tar.close()


def _bound_to() -> bytes:
    return context("backup", str(FORMAT))


def members(file: BinaryIO) -> Iterator[tuple[str, Digested]]:
    """Name and content of each member, in order. Each must be read before the next is asked for."""
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r|", bufsize=_BLOCK) as tar:
        for info in tar:
            opened = tar.extractfile(info) if info.isreg() else None
            if opened is None or not (info.name in {DATABASE, MANIFEST, SEAL} or OBJECT.fullmatch(info.name)):
                raise BadArchive(_DAMAGED)
            yield info.name, Digested(opened)


def verify(file: BinaryIO) -> Manifest:
    """Reads a backup from its first octet to its last. Raises `BadArchive` unless all of it is as it was written."""
    digests: dict[str, str] = {}
    ends: dict[str, bytes] = {}
    with damage_told():
        for name, content in members(file):
            if name in digests or name in ends:
                raise BadArchive(_DAMAGED)
            if name in {MANIFEST, SEAL}:
                ends[name] = content.read()
                continue
            while content.read(_BLOCK):
                pass
            digests[name] = content.hexdigest
        _check_seal(ends[MANIFEST], ends[SEAL])
        manifest = Manifest.from_json(ends[MANIFEST])
    if manifest.members != digests:
        raise BadArchive(_DAMAGED)
    return manifest


def _check_seal(manifest: bytes, seal: bytes) -> None:
    try:
        digest = master_key().unwrap(seal, _bound_to())
    except SealBroken:
        raise BadArchive("The master key at hand is not the one of this backup, or the archive was changed.") from None
    if digest != hashlib.sha256(manifest).digest():
        raise BadArchive(_DAMAGED)


@contextmanager
def damage_told() -> Iterator[None]:
    """Whatever foreign bytes do to the reader means the same: this is no backup to restore."""
    try:
        yield
    except (tarfile.TarError, EOFError, KeyError, TypeError, ValueError, AttributeError):
        raise BadArchive(_DAMAGED) from None
