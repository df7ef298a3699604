"""Signing in and out, invitations, and the Keys page: works first, then each refusal."""

import re
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from portal.accounts.services import invite
from portal.audit.services import SYSTEM
from portal.keys import throttle
from portal.keys.intake import IntakeUnavailable
from portal.keys.models import PrivateKey, SignInFailures, Slot, UnlockedSession
from portal.keys.sealing import new_key_pair
from portal.keys.vault import hashed, seal_for
from tests.portal.organisation import events

pytestmark = pytest.mark.django_db
NEW = "seven sober sailors"


def test_signing_in_unlocks_a_session_under_two_cookies(organisation):
    client = Client()
    response = organisation.sign_in(client, "alice")
    assert (response.status_code, response["Location"]) == (302, "/")
    for name in ("__Host-sessionid", "__Host-sk"):
        cookie = client.cookies[name]
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["path"] == "/"
        assert not cookie["domain"]
    assert [event.name for event in events(verb="signed_in")] == ["alice"]


def test_the_session_key_is_in_the_cookie_and_nowhere_else(organisation):
    client = organisation.browser("alice")
    key = bytes.fromhex(client.cookies["__Host-sk"].value)
    row = UnlockedSession.objects.get()
    assert row.key_hash == hashed(row.user_id, key.hex())
    assert key not in row.wrapped_decryption + row.wrapped_signing
    assert client.cookies["__Host-sessionid"].value.encode() not in row.session_id_hash


@pytest.mark.parametrize("name", ["alice", "nobody-here"])
def test_a_wrong_password_and_an_unknown_name_look_the_same(organisation, name):
    response = organisation.sign_in(Client(), name, "not the password")
    assert response.status_code == 200
    assert "User name or password is wrong." in response.content.decode()
    assert [event.outcome for event in events(verb="sign_in_failed")] == ["refused"]


def test_a_name_that_nobody_has_is_not_written_down_because_it_may_be_a_password(organisation):
    organisation.sign_in(Client(), "correct horse battery", "x")
    assert b"horse" not in b"".join(event.leaf for event in events())
    assert b"horse" not in SignInFailures.objects.get().blinded_name


def test_after_ten_tries_even_the_right_password_waits(organisation):
    for _ in range(django_settings.SIGN_IN_TRIES):
        response = organisation.sign_in(Client(), "alice", "wrong")
    assert "Try again at" in response.content.decode()
    assert organisation.sign_in(Client(), "alice").status_code == 429
    SignInFailures.objects.update(last_at=timezone.now() - timedelta(minutes=16))
    assert organisation.sign_in(Client(), "alice").status_code == 302


def test_a_disabled_person_cannot_sign_in(organisation):
    alice = organisation.user("alice")
    alice.is_active = False
    alice.save()
    assert organisation.sign_in(Client(), "alice").status_code == 200


@pytest.mark.parametrize("cookie", ["__Host-sessionid", "__Host-sk"])
def test_one_cookie_without_the_other_is_nobody(organisation, cookie):
    client = organisation.browser("alice")
    del client.cookies[cookie]
    assert client.get("/keys/", secure=True)["Location"].startswith("/sign-in/")


def test_another_sessions_key_is_nobody(organisation):
    alice, bob = organisation.browser("alice"), organisation.browser("bob")
    alice.cookies["__Host-sk"] = bob.cookies["__Host-sk"].value
    assert alice.get("/keys/", secure=True).status_code == 302


def test_fifteen_idle_minutes_end_a_session(organisation):
    client = organisation.browser("alice")
    UnlockedSession.objects.update(renewed_at=timezone.now() - timedelta(minutes=16))
    assert client.get("/keys/", secure=True).status_code == 302


def test_eight_hours_end_a_session_however_busy(organisation):
    client = organisation.browser("alice")
    UnlockedSession.objects.update(created_at=timezone.now() - timedelta(hours=8, minutes=1))
    assert client.get("/keys/", secure=True).status_code == 302


def test_a_page_renews_a_session_and_polling_does_not(organisation):
    client = organisation.browser("alice")
    before = timezone.now() - timedelta(minutes=10)
    UnlockedSession.objects.update(renewed_at=before)
    client.get("/mail/inbox/new-since", secure=True)
    assert UnlockedSession.objects.get().renewed_at == before
    client.get("/keys/", secure=True)
    assert UnlockedSession.objects.get().renewed_at > before


def test_signing_out_leaves_nothing_behind(organisation):
    client = organisation.browser("alice")
    cookies = client.cookies.copy()
    client.post("/sign-out/", secure=True)
    assert not UnlockedSession.objects.exists()
    client.cookies = cookies
    assert client.get("/keys/", secure=True).status_code == 302
    assert [event.name for event in events(verb="signed_out")] == ["alice"]


def test_signing_in_never_leads_to_another_site(organisation):
    for target in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        response = Client().post(
            "/sign-in/", {"username": "alice", "password": organisation.passwords["alice"], "next": target}, secure=True
        )
        assert response["Location"] == "/"


def test_the_dialog_signs_in_again_only_the_person_whose_page_it_is(organisation):
    client = organisation.browser("alice")
    fields = {"username": "alice", "password": organisation.passwords["alice"], "expected": "alice"}
    assert client.post("/sign-in/again/", fields, secure=True).status_code == 204
    bob = {"username": "bob", "password": organisation.passwords["bob"], "expected": "alice"}
    assert client.post("/sign-in/again/", bob, secure=True).status_code == 422


def invited(organisation) -> str:
    _, token = invite(actor=SYSTEM, username="dora", display_name="Dora Dunn", address="dora@portal.example", roles=[])
    return f"/invitation/{token}/"


def test_an_invited_person_sets_a_password_gets_a_recovery_code_and_has_keys(organisation):
    url = invited(organisation)
    page = Client().post(url, {"password": NEW, "again": NEW}, secure=True).content.decode()
    code = re.search(r"(?:[A-Z0-9]{4}-){6}[A-Z0-9]{4}", page)[0]
    assert organisation.sign_in(Client(), "dora", NEW).status_code == 302
    assert set(PrivateKey.objects.filter(user__username="dora").values_list("purpose", flat=True)) == {"signing", "encryption", "storage"}
    again = Client().post("/sign-in/recover/", {"username": "dora", "recovery_code": code, "password": NEW[::-1], "again": NEW[::-1]}, secure=True)
    assert code not in again.content.decode()
    assert organisation.sign_in(Client(), "dora", NEW[::-1]).status_code == 302
    assert organisation.sign_in(Client(), "dora", NEW).status_code == 200


def test_an_invitation_counts_once(organisation):
    url = invited(organisation)
    Client().post(url, {"password": NEW, "again": NEW}, secure=True)
    assert Client().get(url, secure=True).status_code == 404
    assert Client().get("/invitation/nothing/", secure=True).status_code == 404


@pytest.mark.parametrize(
    ("password", "again", "reason"),
    [(NEW, "other words here", "not the same"), ("short", "short", "12 characters"), ("dora" * 4, "dora" * 4, "your name"), ("a" * 20, "a" * 20, "too few")],
)
def test_a_password_that_will_not_do_is_explained_and_nothing_made(organisation, password, again, reason):
    page = Client().post(invited(organisation), {"password": password, "again": again}, secure=True).content.decode()
    assert reason in page
    assert not Slot.objects.filter(user__username="dora").exists()


def test_a_wrong_recovery_code_counts_like_a_wrong_password(organisation):
    fields = {"username": "alice", "recovery_code": "AAAA-BBBB", "password": NEW, "again": NEW}
    assert "recovery code is wrong" in Client().post("/sign-in/recover/", fields, secure=True).content.decode()
    assert SignInFailures.objects.get().count == 1


def test_changing_the_password_makes_a_new_slot_keeps_the_keys_and_ends_other_sessions(organisation):
    elsewhere, client = organisation.browser("alice"), organisation.browser("alice")
    keys = set(PrivateKey.objects.filter(user__username="alice").values_list("wrapped", flat=True))
    fields = {"old_password": organisation.passwords["alice"], "password": NEW, "again": NEW}
    assert "is changed" in client.post("/keys/password/", fields, secure=True).content.decode()
    assert set(PrivateKey.objects.filter(user__username="alice").values_list("wrapped", flat=True)) == keys
    assert elsewhere.get("/keys/", secure=True).status_code == 302
    assert client.get("/keys/", secure=True).status_code == 200
    assert organisation.sign_in(Client(), "alice").status_code == 200
    assert organisation.sign_in(Client(), "alice", NEW).status_code == 302
    assert [event.name for event in events(verb="password_changed")] == ["alice"]


def test_the_old_password_must_be_right_to_change_it(organisation):
    client = organisation.browser("alice")
    page = client.post("/keys/password/", {"old_password": "wrong", "password": NEW, "again": NEW}, secure=True)
    assert "The old password is wrong." in page.content.decode()
    assert not events(verb="password_changed")


def own_key(organisation, name: str) -> str:
    return PrivateKey.objects.get(user__username=name, purpose="encryption").id


def test_exporting_asks_for_the_password_again(organisation):
    client = organisation.browser("bob")
    fields = {"key": own_key(organisation, "bob"), "password": "wrong", "passphrase": NEW}
    assert "The password is wrong." in client.post("/keys/export/", fields, secure=True).content.decode()
    assert not events(verb="key_exported")


def test_nobody_exports_somebody_elses_key(organisation):
    client = organisation.browser("bob")
    fields = {"key": own_key(organisation, "alice"), "password": organisation.passwords["bob"], "passphrase": NEW}
    assert "There is no such key." in client.post("/keys/export/", fields, secure=True).content.decode()


def test_a_short_passphrase_is_refused_because_it_is_all_that_protects_the_file(organisation):
    client = organisation.browser("bob")
    fields = {"key": own_key(organisation, "bob"), "password": organisation.passwords["bob"], "passphrase": "short"}
    assert "at least 12 characters" in client.post("/keys/export/", fields, secure=True).content.decode()


def test_the_authority_is_there_for_everybody(organisation):
    assert Client().get("/authority.pem", secure=True).content.startswith(b"-----BEGIN CERTIFICATE-----")


def test_a_flood_of_wrong_tries_from_one_address_does_not_reach_the_workers(organisation):
    for n in range(throttle.MOST_FAILURES):
        organisation.sign_in(Client(), f"nobody-{n}", "wrong")
    before = len(events(verb="sign_in_failed"))
    assert organisation.sign_in(Client(), "somebody-else", "wrong").status_code == 429
    assert len(events(verb="sign_in_failed")) == before


def test_a_session_row_written_into_the_database_counts_for_nobody(organisation):
    """Whoever can write rows cannot make one that fits the cookies: that takes a secret of the web process."""
    client = organisation.browser("bob")
    UnlockedSession.objects.update(user=organisation.user("sonia"))
    assert client.get("/policy/clearances/", secure=True).status_code == 302


def test_a_long_name_still_gets_a_certificate(organisation):
    _, token = invite(
        actor=SYSTEM, username="dora", display_name="D" * 100, address="dora@portal.example", roles=[]
    )
    Client().post(f"/invitation/{token}/", {"password": NEW, "again": NEW}, secure=True)
    assert organisation.sign_in(Client(), "dora", NEW).status_code == 302


def test_a_swapped_storage_key_is_not_sealed_to(organisation):
    """Drafts and summaries go to it: with a key of one's own in its place, whoever writes to the database could read them."""
    PrivateKey.objects.filter(user__username="alice", purpose="storage").update(public=new_key_pair()[1])
    with pytest.raises(IntakeUnavailable):
        seal_for(organisation.user("alice").id, b"a draft")
