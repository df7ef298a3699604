"""The figures as tables."""

from collections import Counter
from collections.abc import Sequence

from bench.load.runs import Flash, Run
from bench.load.users import KINDS

LIMITS = {"list": 250, "open": 400}  # ms, p95
RATE = 25.0
FLASH_SECONDS = 2.0
CURVE = f"{'workers':>7}{'recipients':>12}{'messages':>10}{'a second':>10}{'deliveries a second':>21}{'CPU ms/message':>16}{'in bulk':>9}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of them don't exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)] if ordered else 0.0


def of(found: Run) -> str:
    """Everything about one run."""
    rate = found.delivered / found.seconds
    lines = [
        f"{len(found.said.accepted):,} messages accepted, {found.delivered:,} of them signed, encrypted and delivered within the {found.seconds:.0f} s: "
        f"{rate:.1f} a second{_judged(rate >= RATE)}; the rest {found.drained:.1f} s later, lost: {found.lost}",
        f"oldest job: p95 {percentile(found.watch.ages, 95):.1f} s, at most {max(found.watch.ages, default=0.0):.1f} s",
        f"answers that were not 200: {_counted(found.said.wrong)}; pages that would ask again: {_counted(found.said.later)}",
        "",
        f"{'':8}{'asked':>8}{'p50':>9}{'p95':>9}{'p99':>9}",
        *(_latency(kind, found.said.seconds[kind]) for kind in KINDS if found.said.seconds[kind]),
        "",
        f"{'':14}{'CPU s':>8}{'share':>8}{'ms/message':>12}{'RSS MB':>8}{'PSS MB':>8}   (memory: one process, at most)",
        *_processes(found),
    ]
    return "\n".join(lines)


def of_flashes(flashes: Sequence[Flash]) -> str:
    found = ", ".join(f"{each.seconds:.2f} s behind {each.waiting:,}" for each in flashes)
    return f"FLASH in its mailbox, with ROUTINE messages waiting: {found}{_judged(_in_time(flashes))}"


def of_capacity(workers: int, recipients: int, found: Run) -> str:
    """A line of the curve: writers alone; the rate is that until the last message was delivered."""
    messages = max(1, len(found.said.accepted))
    rate = messages / (found.seconds + found.drained)
    cpu, bulk = (each / messages * 1000 for each in (sum(found.watch.cpu.values()), found.watch.cpu["bulk"]))
    return f"{workers:>7}{recipients:>12}{messages:>10,}{rate:>10.1f}{rate * recipients:>21.0f}{cpu:>16.1f}{bulk:>9.1f}"


def reached(found: Run, flashes: Sequence[Flash]) -> bool:
    """Whether nothing was too slow, lost or refused."""
    in_time = all(percentile(found.said.seconds[kind], 95) * 1000 <= limit for kind, limit in LIMITS.items())
    return in_time and found.delivered / found.seconds >= RATE and not found.lost and not found.said.wrong and _in_time(flashes)


def _in_time(flashes: Sequence[Flash]) -> bool:
    return all(each.seconds <= FLASH_SECONDS for each in flashes)


def _latency(kind: str, seconds: Sequence[float]) -> str:
    times = [percentile(seconds, percent) * 1000 for percent in (50, 95, 99)]
    judged = _judged(times[1] <= LIMITS[kind]) if kind in LIMITS else ""
    return f"{kind:8}{len(seconds):>8,}" + "".join(f"{each:>6.0f} ms" for each in times) + judged


def _processes(found: Run) -> list[str]:
    total, messages = sum(found.watch.cpu.values()), max(1, len(found.said.accepted))
    lines = []
    for name in [*found.watch.cpu, *(each for each in found.watch.rss if each not in found.watch.cpu)]:
        cpu = found.watch.cpu.get(name)
        spent = f"{cpu:>8.1f}{cpu / total:>8.0%}{cpu / messages * 1000:>12.1f}" if cpu is not None else " " * 28
        lines.append(f"{name:14}{spent}{found.watch.rss.get(name, 0):>8.0f}{found.watch.pss.get(name, 0):>8.0f}")
    return [*lines, f"{'all':14}{total:>8.1f}{1:>8.0%}{total / messages * 1000:>12.1f}"]


def _counted(what: Sequence[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(Counter(what).items())) or "none"


def _judged(good: bool) -> str:
    return "" if good else "   NOT REACHED"
