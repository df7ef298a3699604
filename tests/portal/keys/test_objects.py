"""Objects that somebody copies stay until he is done."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db.models import F

from portal.keys import objects
from portal.keys.models import Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def name() -> str:
    with objects.create() as (name, file):
        file.write(b"sealed")
    return name


def test_nothing_is_deleted_while_objects_are_held(name):
    with objects.held():
        objects.delete(name)
        assert default_storage.exists(name)
    objects.delete(name)
    assert not default_storage.exists(name)


def test_a_hold_ends_with_an_exception_too(name):
    with pytest.raises(OSError), objects.held():
        raise OSError
    objects.delete(name)
    assert not default_storage.exists(name)


def test_who_was_killed_holds_objects_for_a_day_at_most(name):
    with objects.held():
        Hold.objects.update(until=F("until") - timedelta(days=1))
        objects.delete(name)
        assert not default_storage.exists(name)
