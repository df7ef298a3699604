"""A backup's file is restored whole and unchanged, under the master key it was made with, or not at all."""

import io
import tarfile
from pathlib import Path

import pytest
from django.conf import settings

from portal.keys import master
from portal.operations import archive

OBJECT = "objects/ab/" + "0" * 30


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the workers' master key another one."""

    def new(name: str) -> None:
        monkeypatch.setattr(settings, "MASTER_KEY_FILE", tmp_path / name)
        master.create_master_key_file(tmp_path / name)
        master.master_key.cache_clear()

    new("first")
    yield new
    master.master_key.cache_clear()


def manifest(**members: str) -> archive.Manifest:
    return archive.Manifest("2030-01-01", "sqlite", [], "", {}, {}, [], [], members)


def written(content: bytes = b"sealed" * 1000) -> bytes:
    file = io.BytesIO()
    writer = archive.Writer(file, master.traces())
    writer.add(OBJECT, io.BytesIO(content))
    writer.add("database", io.BytesIO(b"rows"))
    writer.close(manifest(**writer.members))
    return file.getvalue()


def test_what_was_written_is_read() -> None:
    assert set(archive.verify(io.BytesIO(written())).members) == {OBJECT, "database"}


@pytest.mark.parametrize("share", [0, 1, 3, 5, 7, 9])
def test_a_cut_archive_is_refused(share: int) -> None:
    whole = written()
    end = whole.rindex(b"manifest.seal") + 700  # what follows is padding
    with pytest.raises(archive.BadArchive):
        archive.verify(io.BytesIO(whole[: end * share // 10]))


@pytest.mark.parametrize("inside", [b"sealedsealed", b"rows", b'"vendor"', OBJECT.encode(), b"manifest.seal"])
def test_an_archive_with_one_changed_octet_is_refused(inside: bytes) -> None:
    changed = bytearray(written())
    changed[changed.index(inside)] ^= 1
    with pytest.raises(archive.BadArchive):
        archive.verify(io.BytesIO(bytes(changed)))


def test_an_archive_of_another_master_key_is_refused(key) -> None:
    made = written()
    key("second")
    with pytest.raises(archive.BadArchive, match="master key"):
        archive.verify(io.BytesIO(made))


def test_a_manifest_of_somebody_else_is_refused() -> None:
    """Who can write files but not use the master key can't make a backup that is restored."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in (("manifest.json", manifest().to_json()), ("manifest.seal", b"\x01" * 61)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(archive.BadArchive, match="master key"):
        archive.verify(file)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "objects/../../evil", "objects/ab/short", "secrets/master.key"])
def test_no_member_has_a_name_of_its_own(name: str) -> None:
    file = io.BytesIO()
    writer = archive.Writer(file, [])
    writer.add(name, io.BytesIO(b""))
    writer.close(manifest(**writer.members))
    with pytest.raises(archive.BadArchive):
        archive.verify(file)


@pytest.mark.parametrize("write", [bytes.fromhex, str.encode, lambda text: text.upper().encode()], ids=["octets", "hex", "HEX"])
@pytest.mark.parametrize("before", [0, 1_048_550], ids=["at the start", "between two blocks"])
def test_the_master_key_gets_into_no_archive(write, before: int) -> None:
    text = settings.MASTER_KEY_FILE.read_text(encoding="ascii")
    with pytest.raises(archive.MasterKeyInside):
        written(b"x" * before + write(text) + b"x" * 2_000_000)
