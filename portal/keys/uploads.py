"""Uploads never touch a disk in clear: each chunk is sealed under a fresh file key as it arrives.

Django parses the body before the view (and the CSRF check) runs, so the handler itself refuses people who are not signed in, and whatever is
larger than a message may be.
"""

import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from portal.keys import objects
from portal.keys.chunks import CHUNK, ChunkWriter
from portal.keys.sealing import new_key
from portal.stops import stop_here

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # in no name, on no page
_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)


@dataclass(frozen=True)
class SealedUpload:
    """A file that was sealed while it arrived. `file_key` is in memory only, until it is sealed to the intake key."""

    name: str
    content_type: str
    size: int
    object_name: str
    file_key: bytes

    def close(self) -> None:
        """Django closes what it parsed; there is nothing open here."""


class SealedUploadHandler(FileUploadHandler):
    chunk_size = CHUNK

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *args: Any, **kwargs: Any) -> None:
        """Refuses before the first byte is kept; `request.upload_refused` tells the view why there is no file."""
        self._stack = ExitStack()
        self._total = 0
        refused = ""
        if getattr(self.request, "vault", None) is None:
            refused = "signed-out"
        elif content_length > settings.MESSAGE_MAX_SIZE + 1_000_000:  # some room for the form around the file
            refused = "too-large"
        self.request.upload_refused = refused
        self.request.uploaded_objects = set()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self.request.upload_refused:
            raise SkipFile
        self._stack = ExitStack()
        self._object_name, file = self._stack.enter_context(objects.create())
        self.request.uploaded_objects.add(self._object_name)
        self._file_key = new_key()
        self._writer = ChunkWriter(file, self._file_key)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._total += len(raw_data)
        if self._total > settings.MESSAGE_MAX_SIZE:
            self.request.upload_refused = "too-large"
            self._discard()
            raise SkipFile
        self._writer.write(raw_data)
        stop_here("upload.piece")

    def file_complete(self, file_size: int) -> SealedUpload | None:
        if self.request.upload_refused:
            return None
        self._writer.close()
        self._stack.close()
        stop_here("upload.complete")
        return SealedUpload(
            name=_UNWRITABLE.sub("_", os.path.basename(self.file_name or "")),
            content_type=self.content_type if _TYPE.fullmatch(self.content_type or "") else "application/octet-stream",
            size=file_size,
            object_name=self._object_name,
            file_key=self._file_key,
        )

    def upload_interrupted(self) -> None:
        self._discard()

    def _discard(self) -> None:
        """Leaves `objects.create` with an exception, which removes the half-written object."""
        stack, self._stack = self._stack, ExitStack()
        stack.__exit__(SkipFile, SkipFile(), None)
