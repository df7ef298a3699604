"""Wrong tries per network address, so that a flood of them does not keep workers busy that people wait for.

Beside the worker's own count per name (services/unlock.py), which is what protects passwords: this one protects the time of others. It lives
in each web process's memory and forgets within a minute.
"""

import ipaddress
import threading
import time
from collections import OrderedDict

WINDOW_SECONDS = 60.0
MOST_FAILURES = 20
MOST_ADDRESSES = 10_000

_lock = threading.Lock()
_failures: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address: (end of its window, wrong tries)


class TooManyTries(Exception):
    """This address must wait; `seconds` says how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many wrong tries from this address")
        self.seconds = seconds


def begin_try(address: str) -> None:
    """Counts a try before a worker is asked, so that one that times out counts, too. Raises `TooManyTries`."""
    now, network = time.monotonic(), _network(address)
    with _lock:
        end, count = _failures.pop(network, (0.0, 0))
        if end < now:
            end, count = now + WINDOW_SECONDS, 0
        _failures[network] = (end, min(count + 1, MOST_FAILURES))
        while len(_failures) > MOST_ADDRESSES:
            _failures.popitem(last=False)
    if count >= MOST_FAILURES:
        raise TooManyTries(end - now)


def forgive(address: str) -> None:
    """The secret was right: the try does not count."""
    network = _network(address)
    with _lock:
        end, count = _failures.get(network, (0.0, 0))
        if count:
            _failures[network] = (end, count - 1)


def _network(address: str) -> str:
    """Somebody with one IPv6 address has the whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def forget() -> None:
    with _lock:
        _failures.clear()
