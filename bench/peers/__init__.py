"""Other implementations, each a process that is given jobs line by line; see openssl_cms.c for what the lines are."""

import subprocess
from collections.abc import Callable
from pathlib import Path

BUILT = Path("build/peers")
JARS = [f"/usr/share/java/{name}.jar" for name in ("bcmail", "bcprov", "bcpkix", "bcutil")]
COMMANDS = {
    "OpenSSL": (BUILT / "openssl_cms", [str(BUILT / "openssl_cms")]),
    "Bouncy Castle": (
        BUILT / "BouncyCastleCms.class",
        ["java", "-Xmx2g", "-cp", ":".join([str(BUILT), *JARS]), "BouncyCastleCms"],
    ),
}


class Peer:
    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words: object) -> float:
        """The answer to one job: CPU seconds, or KiB."""
        print(*words, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise SystemExit(f"a peer failed at {words}")
        return float(answer)

    def job(self, *words: object) -> Callable[[], float]:
        return lambda: self.ask(*words)

    def close(self) -> None:
        self._process.communicate()


def start() -> dict[str, Peer]:
    """Those that ``make peers`` could build; a line is printed about each of the others."""
    found = {}
    for name, (built, command) in COMMANDS.items():
        if built.exists():
            found[name] = Peer(command)
        else:
            print(f"{name} is left out: {built} was not built")
    return found
