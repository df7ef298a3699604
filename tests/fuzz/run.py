"""Coverage-guided fuzzing for a time, going on where the last run stopped: ``run.py --minutes 10 [--folder build/fuzz] [TARGET…]``.

Every target gets its share of the time, in slices, each in a process of its own. CPU time, executions and the size of the corpus are
added up in the folder and printed at the end. The exit status is 1 if anything was found in this run.
"""

import argparse
import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import fixed  # noqa: F401 (makes the modules of the engine's tests importable)
from targets import TARGETS

SHORTEST, LONGEST = 30, 600  # seconds of a slice, in which the corpus has to be read anew


@contextmanager
def counts(folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """The counts of all runs in this folder by target; what is changed in them is kept. One process at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "counts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = folder / "counts.json"
        kept = json.loads(place.read_text()) if place.exists() else {}
        for name in TARGETS:
            kept.setdefault(name, {"cpu": 0.0, "executions": 0, "slices": 0, "coverage": 0, "begun": 0.0})
        yield kept
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps(kept, indent=1))
        fresh.replace(place)


def next_target(folder: Path, among: Sequence[str], seconds: float) -> str:
    """The one that has had the smallest share so far; its slice counts at once, so that a second process takes another."""
    with counts(folder) as kept:
        name = min(among, key=lambda each: kept[each]["begun"] / TARGETS[each].weight)
        kept[name]["begun"] += seconds
        return name


def run_slice(folder: Path, name: str, seconds: int) -> None:
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder), name, str(seconds)]
    log = folder / "logs" / f"{name}.txt"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as out:
        begin = out.tell()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_bytes()[begin:].decode("utf-8", "replace")
    executed = re.findall(r"stat::number_of_executed_units:\s+(\d+)", said) or re.findall(r"^#(\d+)\s", said, re.MULTILINE)
    covered = re.findall(r"cov: (\d+)", said)
    with counts(folder) as kept:
        kept[name]["cpu"] += usage.ru_utime + usage.ru_stime
        kept[name]["executions"] += int(executed[-1]) if executed else 0
        kept[name]["slices"] += 1
        kept[name]["coverage"] = max(kept[name]["coverage"], int(covered[-1]) if covered else 0)
    if process.returncode:
        print(f"{name}: the process ended with {process.returncode}, see {log}", flush=True)


def found(folder: Path) -> set[str]:
    findings = folder / "findings"
    return {each.name for each in findings.iterdir() if each.suffix != ".txt"} if findings.exists() else set()


def print_counts(folder: Path, since: set[str]) -> None:
    with counts(folder) as kept:
        print(f"{'target':<13}{'CPU s':>9}{'executions':>12}{'coverage':>10}{'corpus':>8}")
        for name, each in kept.items():
            corpus = folder / "corpus" / name
            size = len(list(corpus.iterdir())) if corpus.exists() else 0
            print(f"{name:<13}{each['cpu']:>9.0f}{each['executions']:>12,}{each['coverage']:>10,}{size:>8,}")
        cpu, executions = (sum(each[key] for each in kept.values()) for key in ("cpu", "executions"))
    new = found(folder) - since
    print(f"in all {cpu / 3600:.2f} core-hours, {executions:,} executions; {len(found(folder))} findings, {len(new)} of them new")
    for each in sorted(new):
        print(f"  {folder / 'findings' / each}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    given = parser.parse_args()
    among = given.targets or list(TARGETS)
    if unknown := set(among) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}")
    before, end = found(given.folder), time.monotonic() + 60 * given.minutes

    share = min(LONGEST, max(SHORTEST, 60 * given.minutes * given.processes / len(among)))

    def work() -> None:
        while (left := end - time.monotonic()) > 1:
            seconds = int(min(share, left))
            run_slice(given.folder, next_target(given.folder, among, seconds), seconds)

    threads = [Thread(target=work) for _ in range(given.processes)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print_counts(given.folder, before)
    return 1 if found(given.folder) - before else 0


if __name__ == "__main__":
    sys.exit(main())
