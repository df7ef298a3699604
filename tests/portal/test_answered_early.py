"""Whoever sends too much hears so: the answer does not overtake what they are still sending."""

import pytest
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, FakePayload, encode_multipart

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("fields", "status"), [({"text": "x" * 4_000_000}, 413), ({f"field{number}": "x" * 200 for number in range(5_000)}, 400)])
def test_the_rest_of_a_form_that_is_refused_is_read(fields, status):
    body = encode_multipart(BOUNDARY, fields)
    payload = FakePayload(body)
    answer = Client().generic("POST", "/sign-in/", body, MULTIPART_CONTENT, secure=True, **{"wsgi.input": payload})
    assert answer.status_code == status
    assert not len(payload)
