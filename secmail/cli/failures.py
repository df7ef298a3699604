"""How a command ends: every error becomes one line and an exit status."""

from collections.abc import Iterator
from contextlib import contextmanager

from secmail.containers import Locked
from secmail.errors import Malformed, SecmailError, Unsupported

OK = 0
REFUSED = 1  # verified false, not decryptable or refused by the decision
USAGE = 2  # wrong usage, a file that can't be opened among it
UNREADABLE = 3  # malformed or unsupported


class Failure(Exception):
    """The line for people, and the exit status."""

    def __init__(self, reason: str, status: int = USAGE) -> None:
        super().__init__(reason)
        self.status = status


@contextmanager
def concerning(name: str, advice: str = "") -> Iterator[None]:
    """Say of every error inside which file it is about; ``advice`` is added where a passphrase is missing."""
    try:
        yield
    except SecmailError as error:
        more = advice if isinstance(error, Locked) else ""
        raise Failure(f"{shown_name(name)}: {error}{more}", status_of(error)) from error
    except BrokenPipeError:
        raise  # is about the output
    except OSError as error:
        raise Failure(f"{shown_name(name)}: {error.strerror or 'it can not be read'}") from error


def status_of(error: SecmailError) -> int:
    if isinstance(error, Locked):
        return USAGE
    return UNREADABLE if isinstance(error, Malformed | Unsupported) else REFUSED


def shown_name(name: str | None) -> str:
    """A file for people."""
    return "standard input" if name in (None, "-") else str(name)


def printable(text: str) -> str:
    """Foreign text for a terminal: nothing in it can move the cursor or change direction."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
