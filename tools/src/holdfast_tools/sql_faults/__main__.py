"""`make sql-faults`: plants each fault of the catalogue and runs the test that has to find it."""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import pytest

from holdfast_tools.sql_faults.catalogue import FAULTS, SqlFault
from holdfast_tools.sql_faults.plugin import NOT_REACHED

_LIMIT_S: Final = 180.0
_WORDS: Final = {
    pytest.ExitCode.TESTS_FAILED: "found",
    pytest.ExitCode.OK: "NOT FOUND",
    NOT_REACHED: "NOT REACHED: no statement of the test matches",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every test passes without a fault and fails with its own, else 1."""
    parser = argparse.ArgumentParser(
        prog="sql-faults", description="Plant SQL faults and run the tests that find them."
    )
    names = [fault.name for fault in FAULTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help="some faults; all by default")
    chosen = parser.parse_args(arguments).names or names
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"no fault is named {unknown[0]}; there are {', '.join(names)}")
    faults = [fault for fault in FAULTS if fault.name in chosen]
    began = time.monotonic()
    sound = _pytest(*sorted({fault.test for fault in faults}))
    if sound != pytest.ExitCode.OK:
        print("the tests do not pass without a fault, so they cannot find one", file=sys.stderr)
        return 1
    found = sum(_is_found(fault) for fault in faults)
    print(f"{found} of {len(faults)} faults found in {time.monotonic() - began:.0f} s")
    return 0 if found == len(faults) else 1


def _is_found(fault: SqlFault) -> bool:
    code = _pytest("--sql-fault", fault.name, fault.test)
    print(f"{fault.name:32} {_WORDS.get(code, f'pytest ended with {code}')}", flush=True)
    return code == pytest.ExitCode.TESTS_FAILED


def _pytest(*arguments: str) -> int:
    """pytest's exit code. A test that hangs under its fault has found it."""
    options = ("-q", "-x", "-p", "holdfast_tools.sql_faults.plugin", "-p", "no:xdist")
    command = (sys.executable, "-m", "pytest", *options, "--timeout", "30", *arguments)
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return pytest.ExitCode.TESTS_FAILED
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
