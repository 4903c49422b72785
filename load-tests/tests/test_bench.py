"""The bench of the protections: it runs, tells what it found, and refuses what it cannot do."""

import re
import subprocess
import sys

import pytest


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gameday.bench", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_short_run_tells_both_ratios() -> None:
    done = bench("--rounds", "1", "--calls", "32")
    of_wire = re.search(r"contained is ([0-9.]+) of the wire alone \(at least 0.9\)", done.stdout)
    of_httpx = re.search(r"contained is ([0-9.]+) times httpx \(at least 1.5\)", done.stdout)
    assert of_wire, done.stderr
    assert of_httpx, done.stderr
    met = float(of_wire[1]) >= 0.9 and float(of_httpx[1]) >= 1.5
    assert done.returncode == (0 if met else 1)


@pytest.mark.parametrize("arguments", [("--rounds", "0"), ("--calls", "many")])
def test_a_wrong_number_is_refused_before_anything_starts(arguments: tuple[str, str]) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
