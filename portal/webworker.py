"""gunicorn's worker, so that nobody who is slow keeps others out (docs/decisions/slow-clients.md).

A request gets a thread when all of it has come in; one with a large body when its head has, and then a thread of those that
are for nothing else. What a thread then waits for its client has an end (`Line`).
"""

import errno
import re
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from django.conf import settings
from gunicorn.workers.gthread import TConn, ThreadWorker

WHOLE = 64 * 1024  # octets of a request that is waited for without a thread; one that is longer is an upload
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_BODY_AFTER_ALL = re.compile(rb"\r\n(?:Transfer-Encoding|Expect):", re.IGNORECASE)


class Line(socket.socket):
    """A client's connection, as a thread reads and writes it: silence ends it, and so does less than the lowest rate."""

    def __init__(self, plain: socket.socket) -> None:
        super().__init__(fileno=plain.detach())
        self.early = b""  # came in before the thread
        self.over = False
        self.begin()

    def begin(self) -> None:
        """A request begins: what the one before has moved is no credit."""
        self.moved, self.waited = 0, 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.early:
            data, self.early = self.early[:size], self.early[size:]
            return data
        if self.over:
            return super().recv(size, flags)
        self._patience()
        begun = time.monotonic()
        try:
            data = super().recv(size, flags)
        except TimeoutError:
            raise _too_slow() from None
        self.waited += time.monotonic() - begun
        self.moved += len(data)
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data)
        while rest:
            self._patience()
            begun = time.monotonic()
            try:
                sent = self.send(rest, flags)
            except TimeoutError:
                raise _too_slow() from None
            self.waited += time.monotonic() - begun
            self.moved += sent
            rest = rest[sent:]

    def _patience(self) -> None:
        left = settings.WEB_SILENCE + self.moved / settings.WEB_LOWEST_RATE - self.waited
        if left <= 0:
            raise _too_slow()
        self.settimeout(min(left, settings.WEB_SILENCE))

    def shutdown(self, how: int) -> None:
        """gunicorn then reads what is still under way, in the thread that serves all connections: it must not wait there."""
        self.over = True
        super().shutdown(how)

    def settimeout(self, value: float | None) -> None:
        super().settimeout(0.0 if self.over else value)


def _too_slow() -> ConnectionResetError:
    """As if the client had gone: gunicorn and Django then end the request without a word."""
    return ConnectionResetError(errno.ECONNRESET, "the client is too slow")


def missing(request: bytes) -> bool:
    """Whether more is to be waited for before a thread takes the request."""
    return len(request) < WHOLE and not is_upload(request) and len(request) < _length(request)


def is_upload(request: bytes) -> bool:
    head, end, _ = request.partition(b"\r\n\r\n")
    large = bool(end) and (_BODY_AFTER_ALL.search(head) is not None or _length(request) > WHOLE)
    return large or len(request) >= WHOLE


def _length(request: bytes) -> int:
    """Octets that the request has, head and body; more than there are if the head's end has not come."""
    head, end, _ = request.partition(b"\r\n\r\n")
    said = _LENGTH.search(head + b"\r\n")
    return len(head) + len(end) + (int(said[1]) if said else 0) if end else len(request) + 1


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def init_process(self) -> None:
        self.uploads = ThreadPoolExecutor(max_workers=settings.WEB_UPLOADS)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Every request comes by here: new connections, those that were kept, and what was sent behind a request."""
        if not isinstance(conn.sock, Line):
            conn.sock = Line(conn.sock)
        line = conn.sock
        if not conn.data_ready:  # a request begins
            conn.timeout, conn.data_ready = time.monotonic() + settings.WEB_SILENCE, True
            line.begin()
            if conn.parser is not None:
                line.early = conn.parser.unreader.take_buffered() + line.early
        if not self._collect(line) or time.monotonic() > conn.timeout:
            self.nr_conns -= 1
            conn.close()
        elif missing(line.early):
            self.pending_conns.append(conn)
            self.poller.register(line, EVENT_READ, partial(self.on_pending_socket_readable, conn))
        else:
            self._start(conn, self.uploads if is_upload(line.early) else self.tpool)

    def _collect(self, line: Line) -> bool:
        """Takes what has come in; False if the client is gone."""
        line.setblocking(False)
        try:
            data = socket.socket.recv(line, WHOLE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        line.early += data
        return bool(data) or not missing(line.early)

    def _start(self, conn: TConn, pool: ThreadPoolExecutor) -> None:
        def done(future: Future[Any]) -> None:
            self.method_queue.defer(self.finish_request, conn, future)

        pool.submit(self.handle, conn).add_done_callback(done)

    def handle(self, conn: TConn) -> Any:
        try:
            return super().handle(conn)
        finally:
            conn.data_ready = False  # for the next request

    def murder_pending(self) -> None:
        """Ends what did not come in whole in time; in a worker that stops, also what has not begun."""
        now = time.monotonic()
        for conn in [each for each in self.pending_conns if each.timeout < now or not (self.alive or each.sock.early)]:
            self.pending_conns.remove(conn)
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()
