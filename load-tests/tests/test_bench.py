"""The bench of the protections: it runs, tells what it found, and refuses what it cannot do."""

import subprocess
import sys

import pytest


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gameday.bench", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_short_run_tells_both_ratios() -> None:
    done = bench("--rounds", "1", "--calls", "32")
    assert done.returncode in (0, 1), done.stderr
    assert "of the wire alone (at least 0.9)" in done.stdout
    assert "times httpx (at least 1.5)" in done.stdout


@pytest.mark.parametrize("arguments", [("--rounds", "0"), ("--calls", "many")])
def test_a_wrong_number_is_refused_before_anything_starts(arguments: tuple[str, str]) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
