"""What each process of the portal does about itself: leaves no dump, lets nobody look into it, outlives nobody."""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def no_core_dumps() -> None:
    """A dump would hold keys and plaintext. Inherited by everything that is started from here."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def not_dumpable() -> None:
    """No debugger of the same user, no /proc/<pid>/mem (Linux). Lost at exec, so each process does it itself."""
    if _libc is not None and _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


def die_with(parent: int) -> None:
    """Be killed by the kernel when the process `parent`, which must be our parent, ends in whatever way (Linux)."""
    if _libc is None:
        return
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)
