"""Who does a job, how long each takes, and how the ratios are printed."""

import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Contender = Callable[[], float]  # does the job once, gives seconds of CPU
SLOW = 5.0  # seconds after which a contender is not asked again


@dataclass(frozen=True)
class Row:
    """A job, who does it, and the ratios to others that the engine shall not exceed."""

    job: str
    contenders: dict[str, Contender]
    limits: dict[str, float] = field(default_factory=dict)
    repeat: int = 1


def interpreter() -> str:
    """Which Python measures: one that was built without optimisation can take half as long again."""
    return f"Python {platform.python_version()} of {sys.base_prefix}, {platform.python_compiler()}"


def timed(action: Callable[[], object]) -> Contender:
    def once() -> float:
        began = time.process_time()
        action()
        return time.process_time() - began

    return once


def measured(row: Row, rounds: int) -> dict[str, float]:
    """The least time of each contender. The first round warms up; whoever is slow is not asked again.

    A small job is done several times in each turn, because the caches of the processor are the last contender's at first.
    """
    best: dict[str, float] = {}
    for _ in range(1 + rounds):
        for name, contender in row.contenders.items():
            if best.get(name, 0) < SLOW:
                times = [contender() for _ in range(row.repeat)]
                best[name] = min(best.get(name, times[0]), *times)
    return best


def least(rounds: int, contender: Contender) -> float:
    return min(contender() for _ in range(1 + rounds))


def show(row: Row, best: dict[str, float]) -> None:
    print(f"{row.job}: {best['engine'] * 1000:,.3f} ms")
    for name, seconds in best.items():
        if name != "engine":
            ratio, limit = best["engine"] / seconds, row.limits.get(name)
            goal = "" if limit is None else f"  to reach {limit:.2f}: {'yes' if ratio <= limit else 'NO'}"
            print(f"    {ratio:7.2f} x {name:14} {seconds * 1000:12,.3f} ms{goal}", flush=True)
