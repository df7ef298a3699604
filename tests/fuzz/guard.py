"""The rule that is fuzzed: foreign bytes cause a SecmailError or nothing, and soon."""

import hashlib
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from targets import TARGETS

from secmail import SecmailError

SLOW = 2.0  # seconds of CPU; instrumented code takes about three times as long as without


@dataclass(frozen=True)
class Finding:
    """What went wrong with an input, and under which name it is kept: one for each place in the code."""

    name: str
    report: str

    def keep(self, folder: Path, data: bytes) -> bool:
        """Whether it is a new one."""
        place = folder / f"{self.name}.input"
        if place.exists():
            return False
        folder.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.with_suffix(".txt").write_text(self.report)
        return True


def judge(target: str, data: bytes, slow: float = SLOW) -> Finding | None:
    """Run a target on an input."""
    started = time.process_time()
    try:
        TARGETS[target].run(data[0] if data else 0, data[1:])
    except SecmailError:
        pass
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of cryptography's is no Exception
        return _failure(target, error)
    spent = time.process_time() - started
    if spent > slow:
        return Finding(f"{target}-slow-{hashlib.sha256(data).hexdigest()[:8]}", f"{spent:.1f} s of CPU for {len(data)} octets\n")
    return None


def _failure(target: str, error: BaseException) -> Finding:
    report = "".join(traceback.format_exception(error, limit=-12))
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__) if "secmail/" in frame.filename]
    place = hashlib.sha256("".join((type(error).__name__, *frames[-2:])).encode()).hexdigest()[:8]
    return Finding(f"{target}-{type(error).__name__}-{place}", report)
