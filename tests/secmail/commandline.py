"""The command line for tests: a folder with keys and certificates, ``main`` in this process or a process of its own."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pki import NOW, certificate, pem

from secmail.cli import main

ROOT = Path(__file__).resolve().parents[2]
AT = NOW.isoformat()
PEOPLE = ("root", "ca", "ada", "bob", "carl", "gwen", "hugh", "list", "rita", "mallory", "nameless")
LETTER = b"""From: Ada <ada@example.org>
To: bob@example.org
Subject: Plans
Content-Type: text/plain

Hello Bob
"""


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    status: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Runs commands in ``folder``, where each of PEOPLE has ``NAME.pem`` (key and certificate) and ``NAME.crt``."""

    folder: Path
    captured: Any

    def __call__(self, command: str) -> Ended:
        """Run ``main`` in this process; ``--at`` is the test PKI's moment where a command takes one and none is given."""
        status = main(_with_moment(command))
        out, err = self.captured.readouterr()
        return Ended(status, out, err.decode())

    def process(self, command: str, stdin: bytes = b"") -> Ended:
        ended = subprocess.run(self.arguments(command), check=False, input=stdin, capture_output=True, cwd=self.folder, env=self.environment, timeout=60)
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())

    def arguments(self, command: str) -> list[str]:
        return [sys.executable, "-m", "secmail", *_with_moment(command)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def names(self) -> set[str]:
        return {each.name for each in self.folder.iterdir()}


def _with_moment(command: str) -> list[str]:
    arguments = shlex.split(command)
    timeless = arguments[:1] in (["encrypt"], ["show"]) or arguments[:2] in (["label", "show"], ["label", "marking"])
    return arguments if timeless or "--at" in arguments or "--help" in arguments else [*arguments, "--at", AT]


def furnish(folder: Path) -> None:
    for name in PEOPLE:
        (folder / f"{name}.pem").write_bytes(pem(name))
        (folder / f"{name}.crt").write_bytes(pem(name).partition(b"-----END PRIVATE KEY-----\n")[2])
        (folder / f"{name}.der").write_bytes(certificate(name).der)
    (folder / "letter.eml").write_bytes(LETTER)


