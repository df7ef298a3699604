"""The small chart above the rows: counts per hour, day or week as the geometry of an SVG and as a table."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.audit.models import EPOCH

WIDTH, HEIGHT, GAP = 720, 64, 1
BARS = 60
MONDAY = 96  # hours from 1970-01-01, a Thursday, to the first Monday
STEPS = ((1, "hour"), (24, "day"), (168, "week"), (672, "four weeks"))


@dataclass(frozen=True)
class Bar:
    start: datetime
    end: datetime
    count: int
    x: float
    width: float
    height: float

    @property
    def y(self) -> float:
        return HEIGHT - self.height


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    step: str  # "hour", "day", …
    total: int
    highest: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def start(self) -> datetime:
        return self.bars[0].start

    @property
    def end(self) -> datetime:
        return self.bars[-1].end


def chart(hourly: dict[int, int]) -> Chart | None:
    """The chart of counts by hour (hours since 1970 -> events), with empty bars where nothing was; None for no events."""
    if not hourly:
        return None
    hours, step = next(
        (s for s in STEPS if _bucket(max(hourly), s[0]) - _bucket(min(hourly), s[0]) < BARS * s[0]), STEPS[-1]
    )
    counts: dict[int, int] = {}
    for hour, count in hourly.items():
        counts[_bucket(hour, hours)] = counts.get(_bucket(hour, hours), 0) + count
    starts = range(min(counts), max(counts) + 1, hours)
    highest, width = max(counts.values()), WIDTH / max(len(starts), 12)
    bars = [
        Bar(
            start=EPOCH + timedelta(hours=start),
            end=EPOCH + timedelta(hours=start + hours),
            count=counts.get(start, 0),
            x=round(position * width, 2),
            width=round(width - GAP, 2),
            # One event among thousands must still be seen.
            height=round(max(HEIGHT * counts[start] / highest, 2), 2) if start in counts else 0,
        )
        for position, start in enumerate(starts)
    ]
    return Chart(bars, step, total=sum(counts.values()), highest=highest)


def _bucket(hour: int, step: int) -> int:
    """The first hour of the bucket that an hour lies in; weeks begin on Monday."""
    return hour - (hour - MONDAY) % step
