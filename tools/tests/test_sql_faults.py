"""The catalogue of planted SQL faults, and that a run with one is what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast_tools.sql_faults.__main__ import main
from holdfast_tools.sql_faults.catalogue import FAULTS, SqlFault
from holdfast_tools.sql_faults.plugin import NOT_REACHED, Planted

ROOT = Path(__file__).parents[2]


def test_thirty_faults_or_more_have_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_each_names_a_test_that_is_there(fault: SqlFault) -> None:
    path, _, name = fault.test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text()


def test_every_place_that_matches_is_changed_and_the_statement_is_counted_once() -> None:
    planted = Planted(SqlFault("x", r"b(\d)", r"c\1", "t"))
    assert planted.changed("a\nb1 b2") == "a\nc1 c2"
    assert planted.changed("nothing") == "nothing"
    assert planted.reached == 1


def test_a_fault_that_no_statement_meets_is_no_pass() -> None:
    fault = ("--sql-fault", "relay-newest-first", "tools/tests/test_docs.py")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "holdfast_tools.sql_faults.plugin", *fault)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=110, check=False)
    assert done.returncode == NOT_REACHED


def test_an_unknown_name_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["no-such-fault"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("sql-faults: error: no fault is named no-such-fault")
