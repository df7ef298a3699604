"""What fault tests do to real processes from inside, by environment variable; `tests.settings` asks for it, the portal's own settings never do.

PORTAL_STOP_AT is a folder: the first process to pass a point that has a file there ("worker.seal.made") takes the file away and kills itself.
PORTAL_CLOCK_FILE holds seconds by which the queue's clock is wrong.
"""

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

from portal import stops
from portal.outbox import clock


def use(environment: dict[str, str], role: str) -> None:
    if folder := environment.get("PORTAL_STOP_AT"):
        stops.use(lambda point: _stop(Path(folder) / f"{role}.{point}"))
    if file := environment.get("PORTAL_CLOCK_FILE"):
        clock.use(lambda: _wrong(Path(file)))


def _stop(point: Path) -> None:
    try:
        point.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _wrong(file: Path) -> datetime:
    return timezone.now() + timedelta(seconds=float(file.read_text()))
