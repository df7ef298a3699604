"""Wrong tries per network address, so that a flood of them does not keep workers busy that people wait for.

Beside the worker's own count per name (services/unlock.py), which is what protects passwords: this one protects the time of others. It lives
in each web process's memory and forgets within a minute.
"""

import threading
import time
from collections import OrderedDict

WINDOW_SECONDS = 60.0
MOST_FAILURES = 20
MOST_ADDRESSES = 10_000

_lock = threading.Lock()
_failures: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address: (end of its window, wrong tries)


def seconds_to_wait(address: str) -> float:
    """How long this address must wait for its next try; 0 if it may try now."""
    with _lock:
        end, count = _failures.get(address, (0.0, 0))
    return max(0.0, end - time.monotonic()) if count >= MOST_FAILURES else 0.0


def note_failure(address: str) -> None:
    now = time.monotonic()
    with _lock:
        end, count = _failures.pop(address, (0.0, 0))
        _failures[address] = (now + WINDOW_SECONDS, 1) if end < now else (end, count + 1)
        while len(_failures) > MOST_ADDRESSES:
            _failures.popitem(last=False)


def forget() -> None:
    with _lock:
        _failures.clear()
