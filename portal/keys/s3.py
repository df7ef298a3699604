"""Sealed objects in S3-compatible storage, for web and workers that share no disk.

What passes through a temporary file here is sealed already. An object is durable when the store has answered.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from storages.backends.s3 import S3Storage


class _UploadedOnClose(File):
    """Written to a file without a name, uploaded when it is closed: an object is there whole or not at all."""

    def __init__(self, storage: "S3SealedObjects", name: str) -> None:
        self._storage = storage
        super().__init__(tempfile.TemporaryFile(), name=name)  # noqa: SIM115 - closed by close()

    def close(self) -> None:
        if self.file.closed:
            return
        with self.file:
            self.file.seek(0)
            self._storage.save(self.name, File(self.file))

    def discard(self) -> None:
        self.file.close()


class S3SealedObjects(S3Storage):
    """A bucket (S3_BUCKET at S3_ENDPOINT). There is no URL: every read goes through a decision."""

    def _open(self, name: str, mode: str = "rb") -> File:
        return _UploadedOnClose(self, name) if mode == "wb" else super()._open(name, mode)

    def url(self, *args: Any, **kwargs: Any) -> str:
        raise NotImplementedError("sealed objects have no address")

    def check(self) -> None:
        """Raises `ImproperlyConfigured` unless the bucket is there and ours to use."""
        try:
            self.connection.meta.client.head_bucket(Bucket=self.bucket_name)
        except (BotoCoreError, ClientError) as reason:
            raise ImproperlyConfigured(f"the bucket {self.bucket_name} (S3_BUCKET) can't be used; make it first, then try again: {reason}") from None

    def names_before(self, moment: datetime) -> Iterator[str]:
        """The objects that were written before `moment`."""
        return (each.key for each in self.bucket.objects.all() if each.last_modified < moment)
