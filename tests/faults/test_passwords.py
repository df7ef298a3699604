"""S2: a stolen database, Redis, log or backup confirms no guess of a password, not even of the weakest; the master key would."""

import hashlib
import hmac
import json
import time
from collections import Counter

import pytest

from tests.faults.story import Story
from tests.faults.thief import Loot, confirmed

pytestmark = pytest.mark.faults

GUESSES = 10_000
MASTER_KEY = "master.key"
# Written down for the demo's people, outside the portal's reach: `manage.py demo_accounts` prints it.
NOT_LOOT = ("demo-accounts.json",)


@pytest.fixture(scope="module")
def guesses(story: Story) -> list[str]:
    """The right password stands somewhere in the middle."""
    others = [f"{story.secret('password')}{number}" for number in range(GUESSES - 1)]
    return [*others[: GUESSES // 3], story.secret("password"), *others[GUESSES // 3 :]]


@pytest.fixture(scope="module")
def loot(story: Story) -> Loot:
    return Loot.read(story.loot, but=[MASTER_KEY, *NOT_LOOT], victim="nora")


def test_10000_guesses_against_everything_but_the_master_key_confirm_none(loot, guesses):
    began = time.monotonic()
    assert len(set(guesses)) == GUESSES
    assert confirmed(loot, guesses) == []
    print(f"{GUESSES} guesses, {len(loot.values)} values, {len(loot.keys)} possible keys, {len(loot.sealed)} sealed blobs, {time.monotonic() - began:.1f} s")


def test_the_thief_had_everything_of_the_victim(loot):
    """Both slots, three private keys, a live session, a sealed draft: nothing was left out that could have helped."""
    assert {slot["kind"] for slot in loot.slots} == {"password", "recovery"}
    bound_to = [json.loads(each.bound_to)[1] if each.bound_to else "draft" for each in loot.sealed]
    assert Counter(bound_to) >= Counter(
        {"slot": 6, "private-key": 3, "session": 2, "blind": 1, "identity": 1, "intake": 1, "authority": 1, "draft": 1}
    )


def test_with_the_master_key_the_right_password_is_confirmed_and_no_other(story, guesses):
    """Leaving out that one file is what protects: the same thief with it needs no further luck."""
    with_master_key = Loot.read(story.loot, but=NOT_LOOT, victim="nora")
    some = guesses[GUESSES // 3 - 50 : GUESSES // 3 + 50]
    assert confirmed(with_master_key, some) == [story.secret("password")]


CARELESS = {
    "a plain hash": lambda password, salt: hashlib.sha256(password).hexdigest().encode(),
    "a salted hash": lambda password, salt: b"sha512$" + salt.hex().encode() + b"$" + hashlib.sha512(salt + password).hexdigest().encode(),
    "one round of PBKDF2": lambda password, salt: hashlib.pbkdf2_hmac("sha256", password, salt, 1),
    "half an HMAC in a log": lambda password, salt: b"GET /x " + hmac.digest(password, salt, "sha256")[:16].hex().encode(),
}


@pytest.mark.parametrize("way", CARELESS)
def test_what_a_careless_program_keeps_would_confirm_it(story, way):
    """The thief is good enough: one such value in the loot and he has the password."""
    loot = Loot.read(story.loot, but=[MASTER_KEY, *NOT_LOOT], victim="nora")
    salt = bytes(loot.slots[0]["salt"])
    loot.note(CARELESS[way](story.secret("password").encode(), salt))
    loot.index()
    assert confirmed(loot, ["something else", story.secret("password")]) == [story.secret("password")]


def test_a_pepper_in_clear_would_confirm_it(story):
    """So the wrapping of the pepper is what the slot's strength hangs on, not the cost of Argon2id."""
    with_master_key = Loot.read(story.loot, but=NOT_LOOT, victim="nora")
    loot = Loot.read(story.loot, but=[MASTER_KEY, *NOT_LOOT], victim="nora")
    loot.keys += [key for key in with_master_key.keys if key not in loot.keys]
    assert confirmed(loot, [story.secret("password")]) == [story.secret("password")]
