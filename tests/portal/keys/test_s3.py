"""Sealed objects in S3-compatible storage: the same promises as in a folder, against a real server."""

from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.utils import timezone

from portal.keys import objects
from portal.keys.chunks import ChunkWriter, open_chunks
from portal.keys.sealing import new_key
from tests import s3

BUCKET = "sealed"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.server(BUCKET) as endpoint:
        yield endpoint


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch):
    for name, value in s3.KEYS.items():
        monkeypatch.setenv(name, value)
    options = settings.S3["OPTIONS"] | {"bucket_name": BUCKET, "endpoint_url": endpoint, "region_name": s3.REGION}
    monkeypatch.setattr(objects, "default_storage", storages.create_storage({"BACKEND": settings.S3["BACKEND"], "OPTIONS": options}))
    bucket = boto3.resource("s3", endpoint_url=endpoint, region_name=s3.REGION).Bucket(BUCKET)
    yield bucket
    bucket.objects.all().delete()


def names(bucket) -> list[str]:
    return [each.key for each in bucket.objects.all()]


def test_what_was_written_is_read_again(bucket) -> None:
    with objects.create() as (name, file):
        file.write(b"sealed")
    assert names(bucket) == [name]
    with objects.open_object(name) as found:
        assert found.read() == b"sealed"
        found.seek(2)
        assert found.read() == b"aled"
    assert b"".join(objects.stream(name)) == b"sealed"


def test_an_object_is_there_whole_or_not_at_all(bucket) -> None:
    made = []

    def half() -> None:
        with objects.create() as (name, file):
            made.append(name)
            file.write(b"half")
            raise OSError("half")

    with pytest.raises(OSError, match="half"):
        half()
    assert names(bucket) == []
    with pytest.raises(FileNotFoundError):
        objects.open_object(made[0])


def test_a_sealed_file_of_many_chunks(bucket) -> None:
    key, content = new_key(), bytes(range(256)) * 4000
    with objects.create() as (name, file):
        writer = ChunkWriter(file, key)
        writer.write(content)
        writer.close()
    with open_chunks(objects.open_object(name), key) as stream:
        assert stream.read() == content


@pytest.mark.django_db
def test_old_objects_are_found_and_deleted(bucket) -> None:
    with objects.create() as (name, file):
        file.write(b"sealed")
    assert list(objects.names_before(timezone.now() - timedelta(days=1))) == []
    assert list(objects.names_before(timezone.now() + timedelta(days=1))) == [name]
    objects.delete(name)
    objects.delete(name)  # one that is gone already is fine
    assert names(bucket) == []


def test_an_object_has_no_address(bucket) -> None:
    with pytest.raises(NotImplementedError):
        objects.default_storage.url("ab/cdef")


def test_a_bucket_that_is_not_there_is_told_before_anything_is_stored(bucket) -> None:
    objects.default_storage.check()
    bucket.delete()
    try:
        with pytest.raises(ImproperlyConfigured, match="make it first"):
            objects.default_storage.check()
    finally:
        bucket.create()
