"""Files that come with Send, as from a browser without scripts: with the message once, or with the draft."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.accounts.models import random_id
from portal.keys import objects
from portal.mail.models import Message, Upload
from tests.portal.organisation import RESTRICTED

pytestmark = pytest.mark.django_db


def send(browser, draft_id, size, **fields):
    form = {"to": "bob", "subject": "Fuel", "text": "x", "classification": str(RESTRICTED)} | fields
    files = {"files": SimpleUploadedFile("plan.txt", b"x" * size)}
    return browser.post(f"/mail/drafts/{draft_id}/send", form | files, secure=True)


def test_a_file_comes_with_the_message_and_not_again_with_the_same_form(organisation):
    browser, draft_id = organisation.browser("alice"), random_id()
    assert {send(browser, draft_id, 2000).status_code for _ in range(2)} == {302}
    assert Message.objects.filter(id=draft_id).exists()
    with objects.open_object(Upload.objects.get().object_name) as sealed:
        assert sealed.read(6) == b"SEALED"


def test_a_file_of_a_message_that_is_refused_stays_with_the_draft(organisation):
    response = send(organisation.browser("alice"), random_id(), 2000, to="nobody")
    assert response.status_code == 422
    assert b"plan.txt" in response.content
    assert Upload.objects.count() == 1


def test_a_file_that_makes_the_message_too_large_is_refused_in_words(organisation, settings):
    settings.MESSAGE_MAX_SIZE = 1_000_000
    browser, draft_id = organisation.browser("alice"), random_id()
    send(browser, draft_id, 600_000, to="nobody")
    response = send(browser, draft_id, 600_000)
    assert response.status_code == 422
    assert b"1 MB is the most" in response.content
    assert Upload.objects.count() == 1
