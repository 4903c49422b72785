"""Only tests that measure time may be run again, they are few, and each says what it measures."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
AT_MOST = 30
PURE = ("shared/tests/resilience", "services/command-service/tests/domain")
TESTS = """
import pytest
calls = []

@pytest.mark.timing("a clock")
def test_that_measures():
    calls.append(1)
    assert len(calls) == 2

def test_that_does_not():
    calls.append(1)
    assert len(calls) == 4
"""


def _marks() -> Iterator[tuple[str, str, ast.expr]]:
    """File, test and marker of each test that is marked `timing`."""
    for folder in ("shared", "services", "embedded", "tools", "load-tests", "tests"):
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    for decorator in node.decorator_list:
                        if ast.unparse(decorator).startswith("pytest.mark.timing"):
                            yield str(path.relative_to(ROOT)), node.name, decorator


def test_at_most_thirty_tests_may_be_run_again_and_each_says_what_it_measures() -> None:
    marks = list(_marks())
    assert 0 < len(marks) <= AT_MOST
    for path, name, mark in marks:
        assert isinstance(mark, ast.Call), (path, name)
        assert [type(argument) for argument in mark.args] == [ast.Constant], (path, name)


def test_no_pure_test_may_be_run_again() -> None:
    assert not [path for path, *_ in _marks() if path.startswith(PURE)]


def test_the_pure_part_is_never_run_again() -> None:
    (pure,) = [line for line in (ROOT / "Makefile").read_text().splitlines() if "-m pytest -q" in line]
    assert "$(PURE)" in pure
    assert "$(AGAIN)" not in pure
    assert "--reruns" not in (ROOT / "pyproject.toml").read_text()


def test_what_is_not_marked_fails_at_once(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "holdfast.testing.timing",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    )
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "1 failed, 1 passed, 1 rerun" in done.stdout
