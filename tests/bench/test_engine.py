"""The benchmarks run and print their rows; how fast anything is, no test judges."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    subprocess.run(["make", "peers"], cwd=ROOT, check=True, capture_output=True)
    command = [sys.executable, "-m", "bench.engine", "--quick", "--rounds", "1", "--folder", tmp_path_factory.mktemp("bench")]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "job",
    ["to 20 recipients, RSA-2048", "raw bytes, X25519", "sign and encrypt", "decrypt and verify", "own recipient info", "path verdicts", "peak memory"],
)
def test_every_figure_has_a_row(printed: str, job: str) -> None:
    assert any(job in line for line in printed.splitlines())


def test_a_peer_takes_part_or_is_said_to_be_left_out(printed: str) -> None:
    for name, built in (("OpenSSL", "openssl_cms"), ("Bouncy Castle", "BouncyCastleCms.class")):
        assert (f"{name} is left out" in printed) != (ROOT / "build" / "peers" / built).exists()


def test_the_first_line_says_which_python_measures(printed: str) -> None:
    assert printed.startswith(f"Python {sys.version.split()[0]} of {sys.base_prefix}")
