"""A message on its way in: sealed piece by piece under a fresh key, so that no octet of it ever rests in clear."""

import hashlib
from contextlib import ExitStack

from django.conf import settings

from portal.keys import objects
from portal.keys.chunks import ChunkWriter
from portal.keys.sealing import new_key


class Incoming:
    """`trouble` says why nothing is kept: "too-large" or "storage". What comes after it is dropped."""

    def __init__(self, trace: bytes) -> None:
        self.key = new_key()
        self.size = 0
        self.trouble = ""
        self._digest = hashlib.sha256()
        self._stack, self._finished = ExitStack(), False
        try:
            self.object_name, file = self._stack.enter_context(objects.create())
            self._writer = ChunkWriter(file, self.key)
            self._writer.write(trace)
        except OSError:
            self._give_up("storage")

    @property
    def digest(self) -> str:
        """SHA-256 of the message as it was sent, without the trace field that is new with every try."""
        return self._digest.hexdigest()

    def write(self, octets: bytes) -> None:
        if self.trouble:
            return
        self.size += len(octets)
        if self.size > settings.SMTP_MAX_SIZE:
            self._give_up("too-large")
            return
        self._digest.update(octets)
        try:
            self._writer.write(octets)
        except OSError:
            self._give_up("storage")

    def finish(self) -> None:
        """Makes the object durable. Blocks as long as the disk needs."""
        self._finished = True
        if self.trouble:
            return
        try:
            self._writer.close()
            self._stack.close()
        except OSError:
            self._give_up("storage")

    def discard(self) -> None:
        """The connection is gone, or the message was too much: nothing of it stays. Once it is finished, the sweeper does this."""
        if self._finished:
            return
        stack, self._stack = self._stack, ExitStack()
        stack.__exit__(ConnectionError, ConnectionError(), None)

    def _give_up(self, trouble: str) -> None:
        self.trouble = trouble
        try:
            self.discard()
        except OSError:  # the storage is in trouble itself; the sweeper finds what is left
            return
