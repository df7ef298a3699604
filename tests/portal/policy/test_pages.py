"""The security officer's pages: first what works, then each refusal with its one event."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from portal.audit.models import Event
from portal.policy import access, selectors, stylesheet
from portal.policy import officer as officers
from portal.policy.models import Clearance, SecurityPolicy
from tests.portal.people import client_of, make_person
from tests.portal.policy.conftest import CIPHER, CONFIDENTIAL, DEMO, SECRET, UK

POLICY, LOAD, CLEARANCES = "/policy/in-force/", "/policy/in-force/load/", "/policy/clearances/"


def of(user, act=""):
    return f"{CLEARANCES}{user.pk}/{act}"


@pytest.fixture
def client_officer(policy, sonia):
    return client_of(sonia)


def load(client, xml, **options):
    return client.post(LOAD, {"spif": SimpleUploadedFile("spif.xml", xml)}, **options)


def test_the_page_shows_the_policy_in_force(client_officer, policy):
    page = client_officer.get(POLICY).text
    for words in ("Demonstration", policy.oid, "TOP SECRET", "Caveats", "restrictive", "EYES, CIPHER, MEDICAL"):
        assert words in page
    assert f'<span class="label label-{policy.version}-{SECRET}">SECRET</span>' in page


def test_without_a_policy_the_page_says_so(sonia):
    page = client_of(sonia).get(POLICY).text
    assert "There is no policy yet." in page
    assert "Load one" in client_of(sonia).get(of(make_person("dora"))).text


def test_a_loaded_policy_is_in_force(client_officer, policy, events):
    assert load(client_officer, DEMO.replace(b"TOP SECRET", b"COSMIC")).status_code == 302
    assert events() == [("policy_activated", "granted")]
    page = client_officer.get(POLICY).text
    assert "COSMIC" in page
    assert "Earlier versions" in page


def test_the_list_shows_who_holds_what(client_officer, alice, charlie):
    page = client_officer.get(CLEARANCES).text
    assert "SECRET · CIPHER · REL TO UK, FR" in page
    assert "charlie" in page
    assert "alice" not in client_officer.get(CLEARANCES + "?search=char").text


def test_the_form_grants_what_is_chosen_and_all_it_dominates(client_officer, charlie, label, events):
    day = timezone.now().date() + timedelta(days=7)
    form = {"classification": SECRET, "categories": [CIPHER, UK], "valid_until": day.isoformat()}
    answer = client_officer.post(of(charlie, "grant/"), form)
    assert (answer.status_code, answer.headers["Location"]) == (302, of(charlie))
    assert events() == [("clearance_granted", "granted")]
    assert access.decide_for(charlie, label(CONFIDENTIAL, CIPHER, UK)).granted
    assert Clearance.objects.get(user=charlie).valid_until == datetime.combine(day, time.max, tzinfo=UTC)
    assert "SECRET · CIPHER · REL TO UK" in client_officer.get(of(charlie)).text


def test_the_form_shows_what_the_person_holds(client_officer, alice):
    page = client_officer.get(of(alice)).text
    assert re.search(rf'<option value="{SECRET}" selected>SECRET', page)
    assert set(re.findall(r'value="([^"]+)"[^>]* checked', page)) == set(
        officers.held_choices(Clearance.objects.get(user=alice))["categories"]
    )
    assert "BY HAND" not in page  # informative: restricts nothing, so nobody holds it


def test_revoking_takes_the_clearance_away(client_officer, alice, label, events):
    assert client_officer.post(of(alice, "revoke/")).status_code == 302
    assert events() == [("clearance_revoked", "granted")]
    assert not access.decide_for(alice, label(CONFIDENTIAL)).granted
    assert "none" in client_officer.get(of(alice)).text


# --- refusals -------------------------------------------------------------------------------------------------------


def refused_pages(user):
    yield "get", POLICY
    yield "post", LOAD
    yield "get", CLEARANCES
    yield "get", of(user)
    yield "post", of(user, "grant/")
    yield "post", of(user, "revoke/")


@pytest.mark.parametrize("role", ["", "administrator", "registrar", "auditor", "operator", "list_owner"])
def test_without_the_role_every_page_is_absent_with_one_event(policy, alice, role):
    client = client_of(make_person("dora", *([role] if role else [])))
    for method, path in refused_pages(alice):
        before = Event.objects.count()
        answer = getattr(client, method)(path)
        assert answer.status_code == 404
        assert "Nothing here" in answer.text
        assert Event.objects.count() == before + 1
    assert selectors.clearance_marking(alice)


def test_a_superuser_has_no_way_in(policy, alice):
    root = make_person("root")
    root.is_superuser = True
    root.save()
    assert [getattr(client_of(root), method)(path).status_code for method, path in refused_pages(alice)] == [404] * 6


def test_whoever_is_not_signed_in_is_sent_to_the_door(policy, alice):
    for method, path in refused_pages(alice):
        answer = getattr(Client(), method)(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in/")


def test_an_absent_person_and_a_page_without_the_role_look_alike(client_officer, alice):
    """Also to the officer an unknown id is nothing but the absent page, with one event."""
    before = Event.objects.count()
    absent = client_officer.get(f"{CLEARANCES}{'0' * 32}/")
    assert absent.status_code == 404
    assert Event.objects.count() == before + 1
    for act in ("grant/", "revoke/"):
        assert client_officer.post(f"{CLEARANCES}{'0' * 32}/{act}").status_code == 404


def test_the_officer_cannot_grant_to_oneself(client_officer, sonia, events):
    assert 'name="classification"' not in client_officer.get(of(sonia)).text
    answer = client_officer.post(of(sonia, "grant/"), {"classification": SECRET})
    assert answer.status_code == 409
    assert "Nobody grants a clearance to himself" in answer.text
    assert events() == [("clearance_granted", "refused")]
    assert not Clearance.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({}, id="nothing chosen"),
        pytest.param({"classification": 77}, id="unknown classification"),
        pytest.param({"classification": SECRET, "categories": ["1.2.3/1/0"]}, id="unknown category"),
        pytest.param({"classification": SECRET, "valid_until": "tomorrow"}, id="no date"),
    ],
)
def test_a_wrong_form_is_shown_again_with_what_is_wrong(client_officer, charlie, form):
    answer = client_officer.post(of(charlie, "grant/"), form)
    assert answer.status_code == 400
    assert 'class="error"' in answer.text
    assert not Clearance.objects.exists()


def test_a_day_that_is_over_is_refused(client_officer, charlie, events):
    answer = client_officer.post(of(charlie, "grant/"), {"classification": SECRET, "valid_until": date(2020, 1, 1)})
    assert answer.status_code == 409
    assert "A clearance can&#x27;t end before it begins." in answer.text
    assert events() == [("clearance_granted", "refused")]


def test_revoking_what_is_not_there_is_refused(client_officer, charlie, events):
    answer = client_officer.post(of(charlie, "revoke/"))
    assert answer.status_code == 409
    assert "charlie has no clearance." in answer.text
    assert events() == [("clearance_revoked", "refused")]


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (DEMO.replace(b"</SPIF>", b""), r"not well-formed XML: line \d+, column \d+"),
        (DEMO.replace(b'lacv="4"', b'lacv="three"', 1), r"[Ll]ine \d+ of the security policy"),
        (b'<!DOCTYPE SPIF [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + DEMO.partition(b"?>")[2], "document type"),
        (b"\x00\xff", r"line \d+, column \d+"),
    ],
)
def test_a_file_that_is_no_policy_says_where_and_changes_nothing(client_officer, policy, events, xml, words):
    answer = load(client_officer, xml)
    assert answer.status_code == 409
    assert re.search(words, answer.text)
    assert f"version {policy.version} stays in force" in answer.text
    assert events() == [("policy_activated", "refused")]
    assert SecurityPolicy.objects.get() == policy


def test_no_file_and_a_huge_file_are_asked_for_again(client_officer, policy):
    for form in ({}, {"spif": SimpleUploadedFile("spif.xml", b" " * 2_700_000)}):
        answer = client_officer.post(LOAD, form)
        assert answer.status_code == 400
        assert "Choose a policy file of 2.5 MB at most." in answer.text


def test_loading_needs_a_form_of_the_portal(sonia, policy):
    """The view chooses its own upload handler before the token is checked; it is checked all the same."""
    client = Client(enforce_csrf_checks=True)
    client.cookies = client_of(sonia).cookies
    assert load(client, DEMO).status_code == 403
    assert client.post(of(make_person("dora"), "grant/"), {"classification": SECRET}).status_code == 403
    assert SecurityPolicy.objects.get() == policy


# --- the style sheet ------------------------------------------------------------------------------------------------


def test_the_style_sheet_is_kept_for_ever_and_every_page_names_it(client_officer, policy):
    address = f"/policy/{stylesheet.stylesheet_version(selectors.active_policy_id())}.css"
    assert f'<link rel="stylesheet" href="{address}">' in client_officer.get(POLICY).text
    answer = client_officer.get(address)
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert f".label-{policy.version}-{SECRET}" in answer.text


def test_an_unknown_style_sheet_is_absent(client_officer):
    answer = client_officer.get("/policy/99-0.css")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["Cache-Control"]


def test_other_pages_are_not_kept(client_officer):
    assert "no-store" in client_officer.get(POLICY).headers["Cache-Control"]
