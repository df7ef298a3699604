"""What time it is, for everything the queue decides. One place, so that a jump of the clock can be tried."""

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

_source: Callable[[], datetime] = timezone.now


def now() -> datetime:
    """The present time, aware, in UTC."""
    return _source()


def use(source: Callable[[], datetime] | None) -> None:
    """Take the time from `source` from now on; None is the machine's own clock again."""
    global _source  # noqa: PLW0603 - the one switch of this module
    _source = source or timezone.now
