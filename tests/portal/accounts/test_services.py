"""Inviting, roles, disabling: each changes and audits in one transaction, and each refusal is one event."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from portal.accounts import selectors, services
from portal.accounts.models import Invitation, Role, User
from portal.accounts.services import InvitationGone
from portal.accounts.signals import user_disabled
from portal.audit.models import Event
from portal.audit.services import SYSTEM, Actor, Refused
from tests.portal.people import make_person

pytestmark = pytest.mark.django_db


def actor_of(user: User) -> Actor:
    return Actor(person=user.id, name=user.username)


@pytest.fixture
def admin() -> Actor:
    return actor_of(make_person("admin", "administrator"))


def invite(actor: Actor, username: str = "dora", *roles: str, **fields: str) -> tuple[User, str] | Refused:
    named = {"display_name": "Dora", "address": f"{username}@{settings.MAIL_DOMAIN}"} | fields
    return services.invite(actor=actor, username=username, roles=roles, **named)


def events() -> list[tuple[str, str, str]]:
    return list(Event.objects.order_by("at", "id").values_list("verb", "outcome", "about"))


def only_refusal(answer: object) -> str:
    assert isinstance(answer, Refused)
    event = Event.objects.get()
    assert (event.outcome, event.reason) == ("refused", answer.reason)
    return answer.reason


# --- inviting -------------------------------------------------------------------------------------------------------


def test_an_invitation_makes_a_person_with_roles_and_one_link(admin: Actor) -> None:
    user, token = invite(admin, "dora", "auditor")
    assert user.role_names == {"auditor"}
    assert not user.joined_at
    assert not user.has_usable_password()
    assert selectors.invitation_for(token).user == user
    assert events() == [("invited", "granted", "dora"), ("role_given", "granted", "dora")]


def test_the_token_has_256_bits_and_only_its_hash_is_stored(admin: Actor) -> None:
    _, token = invite(admin)
    assert re.fullmatch(r"[\w-]{43}", token)
    row = Invitation.objects.get()
    assert re.fullmatch(r"[0-9a-f]{64}", row.token_hash)
    assert token not in str(vars(row))
    assert not any(token.encode() in event.leaf for event in Event.objects.all())


def test_a_link_counts_for_seven_days(admin: Actor) -> None:
    _, token = invite(admin)
    row = Invitation.objects.get()
    assert row.expires_at - row.created_at == pytest.approx(timedelta(days=7), abs=timedelta(minutes=1))
    Invitation.objects.update(expires_at=timezone.now())
    assert selectors.invitation_for(token) is None


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 5000])
def test_no_other_token_is_an_invitation(admin: Actor, token: str) -> None:
    invite(admin)
    assert selectors.invitation_for(token) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"username": "admin", "address": "other@portal.example"}, "That user name is taken."),
        ({"address": "admin@portal.example"}, "That address belongs to somebody already."),
        ({"address": "dora@elsewhere.example"}, "must end in @portal.example"),
        ({"address": "dora@evil.portal.example.org"}, "must end in @portal.example"),
        ({"username": "Do ra"}, "small letters"),
        ({"username": "system"}, "kept for the portal itself"),
        ({"address": "@portal.example"}, "valid email"),
    ],
)
def test_a_person_that_can_not_be_is_refused(admin: Actor, settings, fields: dict[str, str], said: str) -> None:
    settings.MAIL_DOMAIN = "portal.example"
    User.objects.update(address="admin@portal.example")
    answer = invite(admin, fields.pop("username", "dora"), **fields)
    assert said.lower() in only_refusal(answer).lower()
    assert User.objects.count() == 1


def test_capitals_become_small_letters(admin: Actor) -> None:
    user, _ = invite(admin, "Dora")
    assert (user.username, user.address) == ("dora", f"dora@{settings.MAIL_DOMAIN}")


def test_a_disabled_persons_link_does_not_count(admin: Actor) -> None:
    _, token = invite(admin)
    User.objects.update(is_active=False)
    assert selectors.invitation_for(token) is None


def test_a_new_link_ends_the_old_one(admin: Actor) -> None:
    user, old = invite(admin)
    new = services.invite_again(actor=admin, user=user)
    assert selectors.invitation_for(old) is None
    assert selectors.invitation_for(new).user == user


def test_nobody_who_has_joined_is_invited_again(admin: Actor) -> None:
    bob = make_person("bob")
    only_refusal(services.invite_again(actor=admin, user=bob))
    assert not Invitation.objects.exists()


def test_a_link_is_used_once_by_its_person(admin: Actor) -> None:
    user, token = invite(admin)
    row = selectors.invitation_for(token)
    with pytest.raises(InvitationGone):
        services.mark_used(token_hash=row.token_hash, actor=admin)
    services.mark_used(token_hash=row.token_hash, actor=actor_of(user))
    assert User.objects.get(id=user.id).joined_at
    assert selectors.invitation_for(token) is None
    with pytest.raises(InvitationGone):
        services.mark_used(token_hash=row.token_hash, actor=actor_of(user))
    assert events()[-1] == ("invitation_accepted", "granted", "dora")


def test_keys_made_without_the_link_end_it(admin: Actor) -> None:
    user, token = invite(admin)
    services.mark_joined(user=user)
    assert selectors.invitation_for(token) is None


# --- roles ----------------------------------------------------------------------------------------------------------


def test_roles_are_given_and_taken_each_with_its_event(admin: Actor) -> None:
    bob = make_person("bob", "operator")
    assert services.change_roles(actor=admin, user=bob, roles={"registrar", "list_owner"}) is None
    assert User.objects.get(id=bob.id).role_names == {"registrar", "list_owner"}
    assert sorted(verb for verb, _, _ in events()) == ["role_given", "role_given", "role_taken"]
    services.give_role(actor=admin, user=bob, role="operator")
    services.take_role(actor=admin, user=bob, role="registrar")
    assert User.objects.get(id=bob.id).role_names == {"operator", "list_owner"}


@pytest.mark.parametrize(
    "pair",
    [
        ("auditor", "administrator"),
        ("auditor", "security_officer"),
        ("auditor", "registrar"),
        ("auditor", "operator"),
        ("administrator", "security_officer"),
        ("administrator", "registrar"),
    ],
)
def test_duties_that_check_each_other_are_not_held_by_one_person(admin: Actor, pair: tuple[str, str]) -> None:
    bob = make_person("bob", pair[0])
    reason = only_refusal(services.give_role(actor=admin, user=bob, role=pair[1]))
    assert "one person" in reason
    assert User.objects.get(id=bob.id).role_names == {pair[0]}


def test_nobody_is_invited_into_duties_that_check_each_other(admin: Actor) -> None:
    only_refusal(invite(admin, "dora", "auditor", "administrator"))
    assert not User.objects.filter(username="dora").exists()


def test_a_refused_change_of_roles_changes_none_of_them(admin: Actor) -> None:
    bob = make_person("bob", "operator")
    only_refusal(services.change_roles(actor=admin, user=bob, roles={"list_owner", "auditor", "administrator"}))
    assert User.objects.get(id=bob.id).role_names == {"operator"}


def test_nobody_changes_their_own_roles(admin: Actor) -> None:
    oneself = User.objects.get(id=admin.person)
    only_refusal(services.take_role(actor=admin, user=oneself, role="administrator"))
    assert "own roles" in services.give_role(actor=admin, user=oneself, role="list_owner").reason


def test_the_last_administrator_stays(admin: Actor) -> None:
    last = User.objects.get(id=admin.person)
    make_person("waiting", "administrator", joined=False)  # without keys: administers nothing yet
    only_refusal(services.take_role(actor=SYSTEM, user=last, role="administrator"))
    assert "last administrator" in services.disable(actor=SYSTEM, user=last).reason
    make_person("other", "administrator")
    assert services.take_role(actor=SYSTEM, user=last, role="administrator") is None


def test_an_unknown_role_is_refused(admin: Actor) -> None:
    only_refusal(services.give_role(actor=admin, user=make_person("bob"), role="emperor"))
    assert not Role.objects.filter(name="emperor").exists()


# --- disabling ------------------------------------------------------------------------------------------------------


def test_disabling_ends_links_and_tells_who_holds_sessions(admin: Actor) -> None:
    user, token = invite(admin)
    told = []

    def listen(user: User, **_: object) -> None:
        told.append(user)

    user_disabled.connect(listen)
    try:
        assert services.disable(actor=admin, user=user) is None
        assert services.disable(actor=admin, user=user) is None  # again: nothing to do, nothing to tell
    finally:
        user_disabled.disconnect(listen)
    assert told == [user]
    assert not User.objects.get(id=user.id).is_active
    assert selectors.invitation_for(token) is None
    assert [verb for verb, _, _ in events()] == ["invited", "user_disabled"]


def test_a_listener_that_fails_undoes_the_disabling(admin: Actor) -> None:
    bob = make_person("bob")

    def listen(**_: object) -> None:
        raise ZeroDivisionError

    user_disabled.connect(listen)
    try:
        with pytest.raises(ZeroDivisionError):
            services.disable(actor=admin, user=bob)
    finally:
        user_disabled.disconnect(listen)
    assert User.objects.get(id=bob.id).is_active
    assert events() == []


def test_an_enabled_person_is_as_before(admin: Actor) -> None:
    bob = make_person("bob", "operator")
    services.disable(actor=admin, user=bob)
    assert services.enable(actor=admin, user=bob) is None
    assert User.objects.get(id=bob.id).is_active
    assert User.objects.get(id=bob.id).role_names == {"operator"}


def test_nobody_disables_themselves(admin: Actor) -> None:
    make_person("other", "administrator")
    only_refusal(services.disable(actor=admin, user=User.objects.get(id=admin.person)))


# --- who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["auditor", "security_officer", "registrar", "operator", "list_owner"])
def test_every_service_asks_itself_whether_an_administrator_acts(role: str) -> None:
    actor, bob = actor_of(make_person("eve", role)), make_person("bob", joined=False)
    answers = [
        invite(actor),
        services.invite_again(actor=actor, user=bob),
        services.give_role(actor=actor, user=bob, role="operator"),
        services.disable(actor=actor, user=bob),
        services.enable(actor=actor, user=bob),
    ]
    assert answers == [Refused(services.NOT_ADMINISTRATOR)] * 5
    assert [outcome for _, outcome, _ in events()] == ["refused"] * 5


def test_a_disabled_administrator_does_nothing(admin: Actor) -> None:
    User.objects.update(is_active=False)
    only_refusal(invite(admin))
