"""Bouncy Castle as a peer: the program in ``peers``, compiled once, one process for all tests (a Java start costs as much as fifty of them)."""

import base64
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

JARS = [Path(f"/usr/share/java/{name}.jar") for name in "bcprov bcutil bcpkix bcmail javax.mail javax.activation".split()]
MISSING = [str(each) for each in JARS if not each.exists()] + [each for each in ("java", "javac") if shutil.which(each) is None]
CLASS_PATH = ":".join(map(str, JARS))
SOURCES = sorted((Path(__file__).parent / "peers").glob("*.java"))


class Failed(Exception):
    """What Bouncy Castle did not do, in its words."""


class BouncyCastle:
    """``peer("verb", name=value)`` is a call; values are str, bytes or lists of them, answers are lists of bytes by name."""

    def __init__(self, classes: Path, folder: Path) -> None:
        subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", CLASS_PATH, *SOURCES], capture_output=True, check=True)
        command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{classes}:{CLASS_PATH}", "Peer", folder]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, verb: str, **values: str | bytes | list[str] | list[bytes]) -> dict[str, list[bytes]]:
        words = [verb, *(f"{name}={_base64(each)}" for name, value in values.items() for each in _all(value))]
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        outcome, *answers = self._process.stdout.readline().split()
        found = defaultdict(list)
        for name, _, value in (each.partition("=") for each in answers):
            found[name].append(base64.b64decode(value))
        if outcome != "ok":
            raise Failed(found["reason"][0].decode())
        return found

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)


def _all(value: str | bytes | list[str] | list[bytes]) -> list[str] | list[bytes]:
    return value if isinstance(value, list) else [value]


def _base64(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
