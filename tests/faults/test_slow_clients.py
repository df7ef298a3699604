"""Whoever is slow keeps nobody out: real sockets to the real server, more of them than it has threads."""

import contextlib
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.sending import signed_in
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

MANY = 20  # more than threads, and than threads for uploads
POST = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("slow") / "data", demo=True, WEB_THREADS="4", WEB_UPLOADS="4", WEB_SILENCE="4") as stack:
        yield stack


@contextlib.contextmanager
def stalled(stack: Stack, beginning: bytes):
    """That many clients who have sent so much and say no more."""
    with contextlib.ExitStack() as all_of_them:
        lines = [all_of_them.enter_context(socket.create_connection(("127.0.0.1", stack.port))) for _ in range(MANY)]
        for line in lines:
            line.sendall(beginning)
        yield lines


def until_ended(line: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        while line.recv(65536):
            pass


def sealed(stack: Stack) -> set[Path]:
    return {each for each in (stack.data / "objects").rglob("*") if each.is_file()}


@pytest.mark.parametrize("beginning", [b"", b"GET /sign-in/ HTTP/1.1\r\nHo", POST % 1_000 + b"user", POST % 1_000_000], ids=["nothing", "half a head", "small body", "large body"])
def test_who_sends_no_more_keeps_nobody_out(stack, beginning):
    with stalled(stack, beginning):
        for _ in range(3):
            assert stack.request("GET", "/sign-in/", timeout=2)[0] == 200


@pytest.mark.parametrize("beginning", [b"GET /sign-in/ HTTP/1.1\r\nHo", POST % 1_000_000], ids=["head", "body"])
def test_silence_ends_a_connection_without_a_trace(stack, beginning):
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as line:
        line.sendall(beginning)
        until_ended(line)
    assert "Traceback" not in stack.log("web")


def test_an_upload_that_falls_silent_leaves_nothing(stack):
    alice = signed_in(stack, "alice")
    form = alice.compose().to("attachments")
    form.files = [("files", "large.bin", bytes(3_000_000))]
    body, content_type = form.encoded()
    before = sealed(stack)
    cookies = "; ".join(f"{name}={value}" for name, value in alice.cookies.items())
    head = f"POST {urlsplit(form.url).path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as line:
        line.sendall(head.encode() + body[:2_000_000])
        wait_for(lambda: sealed(stack) > before, within=10, what="sealed as it comes")
        until_ended(line)
    wait_for(lambda: sealed(stack) == before, within=10, what="nothing of it is left")
    assert "Traceback" not in stack.log("web")
