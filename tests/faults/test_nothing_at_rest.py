"""S4: no plaintext at rest, not even for a moment. And the search that finds none would have found it."""

import base64
import gzip
import quopri
import subprocess
import sys
import zlib

import pytest

from tests.faults.canary import Canaries
from tests.faults.watch import Watch
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.faults

HOLDS_A_DELETED_FILE = """
import sys, tempfile
with tempfile.TemporaryFile() as file:
    file.write(sys.argv[1].encode())
    file.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_no_subject_text_file_name_attachment_or_password_lies_anywhere(story):
    """Database, its journal, sealed objects, logs, temporary folder, deleted files in use, Redis: at each moment of the day."""
    watch = story.watch
    assert watch.hits == {}
    print(f"{len(story.secrets)} canaries, {watch.looks} looks, {len(watch.files)} files, {watch.octets / 1e6:.0f} MB read")


def test_it_was_looked_at_what_the_portal_did(story):
    watch, traffic = story.watch, story.watch.traffic.heard()
    assert watch.looks > 50
    assert b'"lpush" "interactive"' in traffic.lower()
    assert b'"reply:' in traffic.lower()
    assert any("portal.sqlite3" in str(path) for path in story.stack.data.iterdir())
    if not watch.blind:
        assert watch.deleted, "at least the lock of the pumps is an open file without a name"


DRESSES = {
    "as it is": lambda text: text.encode(),
    "upper case": lambda text: text.upper().encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.encodebytes(b"some words before it " + text.encode() * 3),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "quoted-printable": lambda text: quopri.encodestring(b"y" * 65 + text.encode() + b"\xe4"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "zlib": lambda text: zlib.compress(b"words " + text.encode()),
    "gzip in base64": lambda text: base64.b64encode(gzip.compress(text.encode())),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_canary_in_a_file_is_found_in_every_dress(dress):
    canaries = Canaries()
    lump = bytes(range(256)) * 20
    assert canaries.found(lump + DRESSES[dress](canaries.make("planted")) + lump)
    assert not canaries.found(lump + DRESSES[dress](Canaries().make("planted")) + lump)


def test_a_canary_in_a_log_a_deleted_file_and_redis_is_found(tmp_path):
    """The watch itself: three planted, three found."""
    canaries, stack = Canaries(), Stack(tmp_path / "data", serve=("--only", "redis"))
    stack.start(wait=False)
    try:
        watch = wait_for(lambda: _watch(stack, canaries), within=30, what="Redis answers")
        watch.look_closely("planting")
        assert watch.hits == {}
        (stack.data / "log" / "planted.log").write_text(f"choked on {canaries.make('log')}")
        watch.redis.set("planted", base64.b64encode(canaries.make("redis").encode()))
        argv = [sys.executable, "-c", HOLDS_A_DELETED_FILE, canaries.make("deleted")]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"ready\n"
            watch.others.append(holder.pid)
            watch.look_closely("looking")
            holder.stdin.close()
        assert [any(word in hit for hit in watch.hits) for word in ("planted.log", "(deleted)", "'planted'")] == [True] * 3
        watch.end()
        assert any("went through Redis" in hit for hit in watch.hits)
    finally:
        stack.stop()


def _watch(stack: Stack, canaries: Canaries) -> Watch | None:
    try:
        return Watch(stack, canaries, [stack.data])
    except OSError:
        return None
