"""Filters of the pages: times, sizes and the text of a message. Built in for every template."""

import re
from datetime import UTC, date, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

QUOTED = re.compile(r"\s*> ?")


def _short(moment: datetime) -> str:
    """ "10:42" today, "Mon" within the week, "3 Nov" within the year, else "3 Nov 2025"; UTC, a script shows local time."""
    today, day = timezone.localdate(), moment.date()
    if day == today:
        return f"{moment:%H:%M}"
    if timedelta(0) < today - day < timedelta(days=7):
        return f"{moment:%a}"
    return _day(moment) if moment.year == today.year else f"{_day(moment)} {moment.year}"


def _long(moment: datetime) -> str:
    """ "Mon 3 Nov, 10:42": for reading, where a bare "Mon" is too little."""
    year = "" if moment.year == timezone.localdate().year else f" {moment.year}"
    return f"{moment:%a} {_day(moment)}{year}, {moment:%H:%M}"


@register.filter
def long_date(value: date | None) -> str:
    """ "3 November 2026"."""
    return "" if value is None else f"{value.day} {value:%B %Y}"


@register.filter
def full_time(value: datetime | None) -> str:
    """Zulu, to the second: "2026-11-03 10:42:05Z"."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


@register.simple_tag
def moment(value: datetime | None, form: str = "short") -> str:
    """A <time> element: `form` ("short" or "long") in words, Zulu on hover; a script puts it into the reader's zone."""
    if value is None:
        return ""
    utc = value.astimezone(UTC)
    words = (_short if form == "short" else _long)(utc)
    # Figures and names of days only; a page has fifty, and escaping them took as long as all that is escaped for a reason
    return mark_safe(f'<time datetime="{utc.isoformat()}" data-form="{escape(form)}" title="{full_time(utc)}">{words}</time>')  # noqa: S308


@register.filter
def age(seconds: float) -> str:
    """A span in human units: "0.4 s", "12 s", "3 min", "5 h", "2 days"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or unit == "min":
            return f"{seconds / size:.0f} {unit}"
    return ""


@register.filter
def fingerprint(hexadecimal: str) -> str:
    """As openssl and browsers write it, to be compared: "0A:1B:2C"."""
    return ":".join(hexadecimal[i : i + 2] for i in range(0, len(hexadecimal), 2)).upper()


@register.filter
def spaced(name: str) -> str:
    """A name of the code for people: "rotate_intake_key" becomes "rotate intake key"."""
    return name.replace("_", " ")


@register.filter
def filesize(size: int | None) -> str:
    """Bytes in human units: "812 bytes", "14 kB", "3.2 MB"."""
    if size is None:
        return ""
    if size < 1000:
        return f"{size} byte" if size == 1 else f"{size} bytes"
    number = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.5 or unit == "TB":
            break
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


@register.filter
def passages(text: str) -> list[tuple[bool, str]]:
    """The text of a message in runs of lines: (whether quoted, the lines). A quoted run loses one level of marks: a bar shows it."""
    runs: list[tuple[bool, list[str]]] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        quoted = bool(QUOTED.match(line))
        if not runs or runs[-1][0] != quoted:
            runs.append((quoted, []))
        runs[-1][1].append(QUOTED.sub("", line, count=1) if quoted else line)
    return [(quoted, "\n".join(lines)) for quoted, lines in runs]


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"


# Drawn on a 16 by 16 grid with one stroke. Never alone: words or a name stand beside each.
ICONS = {
    "clip": "M13 7.5 8 12.4a3.2 3.2 0 0 1-4.5-4.5l5.3-5.3a2.1 2.1 0 0 1 3 3L6.7 10.6a1.05 1.05 0 0 1-1.5-1.5l4.5-4.5",
    "check": "M3 8.5 6.5 12 13 4.5",
    "cross": "M4 4l8 8M12 4l-8 8",
    "warn": "M8 2.5 14.5 13.5h-13zM8 6.5v3.5M8 11.8v.1",
    "question": "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.6M8 12.3v.1",
    "lock": "M4 7.5h8v6H4zM5.5 7.5V5.5a2.5 2.5 0 0 1 5 0v2",
    "flag": "M4 14V2.5h8L10 6l2 3.5H4",
    "receipt": "M6 3 2.5 6.5 6 10M2.5 6.5h7a4 4 0 0 1 4 4V13",
    "back": "M10 3 5 8l5 5",
}


SVG = '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
DRAWN = {name: format_html(SVG, path) for name, path in ICONS.items()}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A small drawing that screen readers pass over."""
    return DRAWN[name]
