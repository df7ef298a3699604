"""The administration page: first what works, then each refusal with its one event."""

import re

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts import selectors
from portal.accounts.models import User
from portal.audit.models import Event
from portal.keys.models import UnlockedSession
from tests.portal.people import client_of, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    return client_of(make_person("admin", "administrator"))


def form(username: str = "dora", *roles: str) -> dict[str, object]:
    address = f"{username}@{settings.MAIL_DOMAIN}"
    return {"username": username, "display_name": "Dora", "address": address, "roles": roles}


def the_event() -> tuple[str, str]:
    event = Event.objects.get()
    return event.verb, event.outcome


# --- what works -----------------------------------------------------------------------------------------------------


def test_the_page_lists_people_with_roles_and_state(admin: Client) -> None:
    make_person("bob", "operator", "list_owner")
    make_person("carol", joined=False)
    page = admin.get("/administration/").text
    for words in ("bob", "Operator, List owner", "Active, has keys", "Invited, no keys yet", "<h1>Administration</h1>"):
        assert words in page


def test_people_are_found_by_part_of_name_or_address(admin: Client) -> None:
    make_person("bob")
    page = admin.get("/administration/?search=BO").text
    assert ">bob</a>" in page
    assert ">admin</a>" not in page
    assert "Nobody found." in admin.get("/administration/?search=zz").text


def test_pages_of_people_hold_everybody_once(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE", 2)
    for name in ("bob", "carol", "dora"):
        make_person(name)
    first = admin.get("/administration/").text
    second = admin.get("/administration/" + re.search(r'href="(\?after=[^"]+)"', first)[1]).text
    names = re.findall(r">(\w+)</a></td>", first) + re.findall(r">(\w+)</a></td>", second)
    assert names == ["admin", "bob", "carol", "dora"]


def test_more_people_are_no_more_questions(admin: Client) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as queries:
            admin.get("/administration/")
        return len(queries)

    make_person("bob", "operator")
    few = questions()
    for number in range(20):
        make_person(f"p{number}", "operator", "list_owner")
    assert questions() == few


def test_inviting_shows_the_link_once(admin: Client) -> None:
    page = admin.post("/administration/invite/", form("dora", "auditor"))
    assert page.status_code == 200
    token = re.search(r"http://testserver/invitation/([\w-]{43})/", page.text)[1]
    assert selectors.invitation_for(token).user.username == "dora"
    assert "no-store" in page["Cache-Control"]
    user = User.objects.get(username="dora")
    assert token not in admin.get(f"/administration/{user.id}/").text


def test_a_new_link_can_be_made_until_the_person_joins(admin: Client) -> None:
    user = make_person("dora", joined=False)
    assert "Make a new link" in admin.get(f"/administration/{user.id}/").text
    page = admin.post(f"/administration/{user.id}/invite-again/")
    assert re.search(r"/invitation/[\w-]{43}/", page.text)


def test_roles_are_saved_by_their_boxes(admin: Client) -> None:
    bob = make_person("bob", "operator")
    page = admin.get(f"/administration/{bob.id}/").text
    assert re.findall(r'name="roles" value="(\w+)"[^>]* checked', page) == ["operator"]
    answer = admin.post(f"/administration/{bob.id}/roles/", {"roles": ["registrar"]})
    assert answer["Location"] == f"/administration/{bob.id}/"
    assert User.objects.get(id=bob.id).role_names == {"registrar"}


def test_a_disabled_person_is_out_at_the_next_request_and_back_when_enabled(admin: Client) -> None:
    auditor = make_person("bob", "auditor")
    client = client_of(auditor)
    assert client.get("/audit/").status_code == 200
    admin.post(f"/administration/{auditor.id}/disable/")
    assert client.get("/audit/").status_code == 302
    admin.post(f"/administration/{auditor.id}/enable/")
    assert User.objects.get(id=auditor.id).is_active


def test_disabling_signs_out_everywhere(admin: Client) -> None:
    bob = make_person("bob")
    client_of(bob), client_of(bob)
    admin.post(f"/administration/{bob.id}/disable/")
    assert not UnlockedSession.objects.filter(user=bob).exists()


def test_a_role_that_is_taken_is_gone_at_the_next_request(admin: Client) -> None:
    bob = make_person("bob", "auditor")
    client = client_of(bob)
    assert client.get("/audit/").status_code == 200
    admin.post(f"/administration/{bob.id}/roles/", {"roles": []})
    assert client.get("/audit/").status_code == 404


# --- refusals -------------------------------------------------------------------------------------------------------


def test_conflicting_roles_are_refused_with_the_reason_and_one_event(admin: Client) -> None:
    bob = make_person("bob", "auditor")
    page = admin.post(f"/administration/{bob.id}/roles/", {"roles": ["auditor", "administrator"]})
    assert page.status_code == 409
    assert "An auditor checks what administrators do" in page.text
    assert the_event() == ("role_given", "refused")
    assert User.objects.get(id=bob.id).role_names == {"auditor"}


def test_a_taken_name_is_refused_on_the_form_and_nothing_typed_is_lost(admin: Client) -> None:
    page = admin.post("/administration/invite/", form("admin"))
    assert page.status_code == 409
    assert "That user name is taken." in page.text
    assert 'value="Dora"' in page.text
    assert the_event() == ("invited", "refused")


def test_a_form_that_is_not_filled_in_is_no_event(admin: Client) -> None:
    assert admin.post("/administration/invite/", {"username": "x"}).status_code == 400
    assert not Event.objects.exists()


def test_an_invitation_for_somebody_with_keys_is_refused(admin: Client) -> None:
    bob = make_person("bob")
    page = admin.post(f"/administration/{bob.id}/invite-again/")
    assert page.status_code == 409
    assert "password and keys already" in page.text
    assert the_event() == ("invited", "refused")


def test_one_can_not_disable_oneself_or_change_ones_own_roles(admin: Client) -> None:
    oneself = User.objects.get(username="admin")
    assert "This is you." in admin.get(f"/administration/{oneself.id}/").text
    assert admin.post(f"/administration/{oneself.id}/disable/").status_code == 409
    assert the_event() == ("user_disabled", "refused")
    assert admin.post(f"/administration/{oneself.id}/roles/", {"roles": ["auditor"]}).status_code == 409
    assert Event.objects.count() == 2


PAGES = ["", "{id}/"]
DOINGS = ["invite/", "{id}/roles/", "{id}/invite-again/", "{id}/disable/", "{id}/enable/"]


@pytest.mark.parametrize("role", ["auditor", "security_officer", "registrar", "operator", ""])
@pytest.mark.parametrize("address", PAGES + DOINGS)
def test_everybody_else_meets_the_page_of_absent_things_and_it_is_one_event(role: str, address: str) -> None:
    eve, bob = make_person("eve", *filter(None, [role])), make_person("bob")
    client, where = client_of(eve), "/administration/" + address.format(id=bob.id)
    answer = client.get(where) if address in PAGES else client.post(where, form())
    assert answer.status_code == 404
    assert "bob" not in answer.text
    assert the_event()[1] == "refused"


@pytest.mark.parametrize("address", [PAGES[1], *DOINGS[1:]])
def test_somebody_who_is_not_there_is_the_page_of_absent_things_and_one_event(admin: Client, address: str) -> None:
    where = "/administration/" + address.format(id="0" * 32)
    answer = admin.get(where) if address in PAGES else admin.post(where)
    assert answer.status_code == 404
    assert the_event() == ("refused", "refused")


@pytest.mark.parametrize("address", DOINGS)
def test_nothing_is_done_by_a_link(admin: Client, address: str) -> None:
    assert admin.get("/administration/" + address.format(id="0" * 32)).status_code == 405


def test_nothing_is_done_without_the_token_of_the_form(admin: Client) -> None:
    admin.handler.enforce_csrf_checks = True
    assert admin.post("/administration/invite/", form()).status_code == 403
    assert not User.objects.filter(username="dora").exists()
