"""``manage.py bootstrap``: links for the first people, and no second door once somebody administers."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.accounts import selectors, services
from portal.accounts.models import User
from portal.audit.models import Event

pytestmark = pytest.mark.django_db


def bootstrap(*arguments: str) -> list[tuple[str, str]]:
    """(user name, token) of each printed link."""
    out = StringIO()
    call_command("bootstrap", *arguments, stdout=out)
    return re.findall(r"\((\S+)\):\n  https?://\S+?/invitation/([\w-]{43})/", out.getvalue())


def test_it_prints_one_link_each_for_administrator_security_officer_and_registrar() -> None:
    links = bootstrap("--base-url", "https://portal.example/")
    roles = [set(selectors.invitation_for(token).user.role_names) for _, token in links]
    assert roles == [{"administrator"}, {"security_officer"}, {"registrar"}]
    assert set(Event.objects.values_list("name", flat=True)) == {"system"}


def test_before_anybody_has_joined_it_makes_new_links_for_the_same_people() -> None:
    first, second = bootstrap(), bootstrap()
    assert [name for name, _ in first] == [name for name, _ in second]
    assert selectors.invitation_for(first[0][1]) is None
    assert User.objects.count() == 3


def test_it_refuses_once_there_is_an_administrator_with_keys_unless_asked_again() -> None:
    name, _ = bootstrap()[0]
    services.mark_joined(user=User.objects.get(username=name))
    with pytest.raises(CommandError, match="administrator with keys"):
        bootstrap()
    assert [name for name, _ in bootstrap("--again")] == ["administrator2", "officer", "registrar"]


def test_the_names_can_be_chosen() -> None:
    links = bootstrap("--administrator", "admin", "--security-officer", "sonia", "--registrar", "rex")
    assert [name for name, _ in links] == ["admin", "sonia", "rex"]
