"""The page on which a writer adds a certificate of somebody outside: works first, then each refusal."""

import io
import subprocess
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.keys.models import Certificate
from tests.portal import outsiders
from tests.portal.organisation import events

pytestmark = pytest.mark.django_db
OLGA, PAGE = "olga@elsewhere.example", f"/mail/drafts/{'a' * 32}/certificate"


@pytest.fixture
def alice(organisation):
    outsiders.trust(outsiders.authority())
    return organisation.browser("alice")


def upload(client, content: bytes | None, address: str = OLGA):
    fields = {"address": address} | ({} if content is None else {"certificate": io.BytesIO(content)})
    return client.post(PAGE, fields, secure=True)


def pkcs7(person: outsiders.Issued, folder, *options: str) -> bytes:
    for name, content in {"cert": person.pem, "key": person.key_pem, "ca": outsiders.authority().pem, "text": b"hello"}.items():
        (folder / name).write_bytes(content)
    subprocess.run(["openssl", *options, "-out", "out"], cwd=folder, check=True, capture_output=True)
    return (folder / "out").read_bytes()


def test_the_page_says_how_to_get_a_certificate(alice):
    page = alice.get(PAGE, {"address": OLGA}, secure=True).content.decode()
    assert f"<bdi>{OLGA}</bdi>" in page
    assert "send you a signed message" in page
    assert "alice@portal.example" in page


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_certificate_is_kept_and_the_draft_opens_again(alice, form):
    answer = upload(alice, getattr(outsiders.person(OLGA), form))
    assert (answer.status_code, answer["Location"]) == (302, f"/mail/drafts/{'a' * 32}/edit/")
    row = Certificate.objects.get(address=OLGA)
    assert (row.user, row.purpose, row.source) == (None, "encryption", "uploaded")
    (event,) = events(verb="certificate_added")
    assert (event.outcome, event.about) == ("granted", OLGA)


@pytest.mark.parametrize(
    "options",
    [
        ("crl2pkcs7", "-nocrl", "-certfile", "ca", "-certfile", "cert", "-outform", "DER"),
        ("crl2pkcs7", "-nocrl", "-certfile", "cert"),
        ("cms", "-sign", "-binary", "-in", "text", "-signer", "cert", "-inkey", "key", "-outform", "DER"),
    ],
    ids=["p7b", "p7b in PEM", "p7s"],
)
def test_pkcs7_is_read_and_a_detached_signature(alice, tmp_path, options):
    assert upload(alice, pkcs7(outsiders.person(OLGA), tmp_path, *options)).status_code == 302


def test_the_same_certificate_twice_is_kept_once(alice):
    person = outsiders.person(OLGA)
    assert upload(alice, person.pem).status_code == upload(alice, person.pem).status_code == 302
    assert Certificate.objects.filter(address=OLGA).count() == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: outsiders.person(OLGA, days=(-30, -1)).pem, "The certificate expired on"),
        (lambda: outsiders.person(OLGA, days=(2, 30)).pem, "The certificate is not valid before"),
        (lambda: outsiders.person("oscar@elsewhere.example").pem, f"The certificate is for oscar@elsewhere.example, not for {OLGA}."),
        (lambda: outsiders.person(OLGA, for_encryption=False).pem, "The certificate is not for encryption."),
        (lambda: outsiders.person(OLGA, issuer=outsiders.authority("Nobody CA")).pem, "The certificate is not trusted here:"),
        (lambda: b"", "There is no certificate in this file."),
        (lambda: None, "Choose a file"),
        (lambda: b"hello", "There is no certificate in this file."),
        (lambda: b"\x30\x82" + b"\x00" * 500, "There is no certificate in this file."),
        (lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "There is no certificate in this file."),
        (lambda: outsiders.person(OLGA).key_pem, "There is no certificate in this file."),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_not_kept(alice, make, reason):
    answer = upload(alice, make())
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not Certificate.objects.filter(user=None).exists()
    assert all(each.outcome == "refused" and each.reason == "not usable" for each in events(verb="certificate_added"))


def test_a_withdrawn_certificate_does_not_come_back(alice):
    person = outsiders.person(OLGA)
    upload(alice, person.pem)
    Certificate.objects.filter(address=OLGA).update(revoked_at="2026-01-01T00:00:00Z")
    assert "This certificate was withdrawn by a registrar" in upload(alice, person.pem).content.decode()


@pytest.mark.parametrize("address", ["bob@portal.example", "nobody@portal.example", "x", ""])
def test_there_is_no_page_for_an_address_that_is_not_outside(alice, address):
    assert alice.get(PAGE, {"address": address}, secure=True).status_code == 404
    assert upload(alice, outsiders.person(OLGA).pem, address).status_code == 404


def test_nobody_uploads_without_being_signed_in(organisation, client):
    assert upload(client, outsiders.person(OLGA).pem).status_code == 302
    assert not Certificate.objects.filter(user=None).exists()


def test_the_compose_page_names_who_lacks_a_certificate_and_leads_there(alice):
    page = alice.post(f"/mail/drafts/{'a' * 32}/check", {"to": OLGA, "text": "x"}, secure=True).content.decode()
    assert f"There is no certificate for {OLGA}" in page
    assert f'data-after-saving="{PAGE}?address=olga%40elsewhere.example"' in page
    assert "outside, no certificate" in page


def test_on_the_way_to_the_page_the_draft_and_its_files_are_kept(alice):
    form = {"to": OLGA, "subject": "Fuel", "text": "Ten tons.", "files": SimpleUploadedFile("plan.txt", b"x" * 2000)}
    answer = alice.post(f"/mail/drafts/{'a' * 32}/attachments?certificate_for=olga%40elsewhere.example", form, secure=True)
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?address=olga%40elsewhere.example")
    draft = alice.get(f"/mail/drafts/{'a' * 32}/edit/", secure=True).text
    assert "Ten tons." in draft
    assert "plan.txt" in draft


@pytest.mark.parametrize("address", ["bob@portal.example", "//evil.example/", "x&address=y\r\nSet-Cookie: a=b"])
def test_the_way_to_the_page_leads_nowhere_else(alice, address):
    answer = alice.post(f"/mail/drafts/{'a' * 32}/attachments?{urlencode({'certificate_for': address})}", {"text": "x"}, secure=True)
    assert answer["Location"].startswith(f"{PAGE}?address=")
    assert alice.get(answer["Location"], secure=True).status_code == 404
