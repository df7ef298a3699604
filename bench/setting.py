"""What every job of a run shares: material, peers, and how large it all is."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.material import Identity, Material
from bench.measuring import Contender
from bench.peers import Peer


@dataclass(frozen=True)
class Sizes:
    recipients: int
    message: int
    large: tuple[int, ...]


FULL = Sizes(10_000, 100_000, (50_000_000, 500_000_000))
QUICK = Sizes(20, 10_000, (1_000_000,))


@dataclass(frozen=True)
class Setting:
    material: Material
    peers: dict[str, Peer]
    sizes: Sizes

    @property
    def out(self) -> Path:
        return self.material.folder / "out"

    def by_peers(self, *words: object) -> dict[str, Contender]:
        return {name: peer.job(*words) for name, peer in self.peers.items()}

    def opening(self, ada: Identity, message: Path) -> tuple[float, int]:
        """(CPU seconds, peak memory in KiB) of a process that does nothing else than open this message."""
        command = [sys.executable, "-m", "bench.opening", str(ada.path), str(message), str(self.out)]
        seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(seconds), int(peak)
