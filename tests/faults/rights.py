"""What not everybody may do on every machine: why it can't be done here, or empty."""

import os
import shutil
import subprocess

from tests.faults.postfix import POSTFIX


def no_strace() -> str:
    """To watch the system calls of the portal's processes."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    if subprocess.run(["strace", "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        return "strace is not permitted"
    return "" if os.geteuid() == 0 else "only root may watch processes that are not dumpable"


def no_postfix() -> str:
    """To run a mail system."""
    if POSTFIX is None:
        return "Postfix is not installed (apt-get install postfix)"
    return "" if os.geteuid() == 0 else "Postfix is started by root only"
