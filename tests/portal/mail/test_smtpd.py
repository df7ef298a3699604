"""The SMTP server on loopback, with smtplib and with raw sockets in a thread; its work runs in the test's own transaction."""

import asyncio
import functools
import queue
import smtplib
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from portal.mail.models import Delivery
from portal.mail.smtpd.server import Server
from portal.outbox import services as outbox
from tests.portal.mail.outside import anywhere, plain

__all__ = ["anywhere"]

pytestmark = pytest.mark.usefixtures("anywhere")
SENDER = "eve@outside.example"


class Here(Executor):
    """Has the work done by the thread that has the test's transaction."""

    def __init__(self) -> None:
        self.work: queue.Queue = queue.Queue()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future:
        future: Future = Future()
        self.work.put((future, functools.partial(function, *arguments, **options)))
        return future

    def until(self, done: Future) -> None:
        done.add_done_callback(lambda _: self.work.put(None))
        while (item := self.work.get()) is not None:
            future, function = item
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)


def with_server(client: Callable[[int], Any], **options: Any) -> Any:
    """What the client, in a thread, returns; it is given the server's port."""
    here = Here()

    async def run() -> Any:
        async with await Server(executor=here, **options).start("127.0.0.1", 0) as listener:
            return await asyncio.to_thread(client, listener.sockets[0].getsockname()[1])

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(asyncio.run, run())
        here.until(done)
    return done.result()


def send(content: bytes, *to: str) -> Any:
    def client(port: int) -> Any:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            return smtp.sendmail(SENDER, to or ("bob@portal.example",), content)

    return with_server(client)


class Raw:
    """A connection on which exactly these octets are sent, in exactly these pieces."""

    def __init__(self, port: int, greeting: bytes = b"EHLO outside.example\r\n") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.say(greeting)

    def say(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.socket.sendall(piece)
        return self.reply()

    def reply(self) -> bytes:
        lines = [self.file.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(self.file.readline())
        return b"".join(lines)

    def envelope(self, *to: bytes) -> None:
        self.say(b"MAIL FROM:<eve@outside.example>\r\n")
        for address in to or (b"bob@portal.example",):
            assert self.say(b"RCPT TO:<%s>\r\n" % address).startswith(b"250")

    def data(self, *pieces: bytes) -> bytes:
        self.envelope()
        assert self.say(b"DATA\r\n").startswith(b"354")
        return self.say(*pieces)


def test_what_was_accepted_is_in_the_mailbox(organisation):
    send(plain())
    outbox.run_until_idle()
    opened = organisation.read("bob", Delivery.objects.get(owner__username="bob").id)
    assert (opened.subject, opened.text) == ("Tides", "High water at six.\r\n")
