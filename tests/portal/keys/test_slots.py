"""Slots: a secret opens them together with the master key, and nothing else does."""

import pytest

from portal.keys.master import FileMasterKey, MasterKeyUnavailable, create_master_key_file, master_key
from portal.keys.models import Slot
from portal.keys.sealing import SealBroken
from portal.keys.slots import UserKeys, WrongSecret, make_slot, new_recovery_code, open_slot

KEYS = UserKeys.generate()


@pytest.fixture
def master(tmp_path):
    create_master_key_file(tmp_path / "master.key")
    return FileMasterKey(tmp_path / "master.key")


def slot(master, kind=Slot.Kind.PASSWORD, secret="a password of words"):
    return make_slot(master, user_id="u" * 32, kind=kind, secret=secret, keys=KEYS)


def test_the_secret_opens_the_slot(master):
    assert open_slot(master, slot(master), "a password of words") == KEYS


def test_a_wrong_secret_does_not(master):
    with pytest.raises(WrongSecret):
        open_slot(master, slot(master), "a password of word")


def test_the_right_secret_without_the_master_key_opens_nothing(master, tmp_path):
    create_master_key_file(tmp_path / "another.key")
    with pytest.raises(SealBroken):
        open_slot(FileMasterKey(tmp_path / "another.key"), slot(master), "a password of words")


def test_the_same_password_typed_on_another_keyboard_is_the_same(master):
    assert open_slot(master, slot(master, secret="caf\u00e9 au lait s'il"), "cafe\u0301 au lait s'il") == KEYS


def test_a_recovery_code_may_be_typed_without_hyphens_and_in_lower_case(master):
    code = new_recovery_code()
    assert open_slot(master, slot(master, Slot.Kind.RECOVERY, code), code.replace("-", "").lower()) == KEYS


def test_a_recovery_code_has_at_least_128_bits():
    code = new_recovery_code().replace("-", "")
    assert len(code) * 4.9 >= 128
    assert new_recovery_code() != new_recovery_code()


@pytest.mark.parametrize("field", ["id", "user_id", "kind", "version"])
def test_a_slot_moved_to_another_row_does_not_open(master, field):
    made = slot(master)
    setattr(made, field, {"id": "0" * 32, "user_id": "v" * 32, "kind": Slot.Kind.RECOVERY, "version": 2}[field])
    with pytest.raises((SealBroken, WrongSecret)):
        open_slot(master, made, "a password of words")


@pytest.mark.parametrize("process", ["web", "dispatcher"])
def test_the_web_process_has_no_master_key_whatever_the_file_says(process, settings):
    settings.PROCESS = process
    master_key.cache_clear()
    with pytest.raises(MasterKeyUnavailable):
        master_key()
    master_key.cache_clear()


def test_the_master_key_file_is_for_its_owner_only_and_never_overwritten(tmp_path):
    path = tmp_path / "master.key"
    assert create_master_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o400
    before = path.read_bytes()
    assert not create_master_key_file(path)
    assert path.read_bytes() == before
