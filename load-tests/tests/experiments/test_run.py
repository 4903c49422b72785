"""What is told, when a run must not go on: folders, the abort condition, the gate's result."""

from pathlib import Path

import pytest

from fabricated import record
from gameday.experiments.preparation import new_folder
from gameday.experiments.suite import together
from gameday.monitor.abort import AbortCondition
from gameday.nemesis.fault import Refused
from gameday.verdict.expect import Expect, Hypothesis
from gameday.verdict.observation import JudgedBy, see
from gameday.verdict.pooled import Pool
from gameday.verdict.verdict import Result
from gameday.workload.records import Outcome


def test_a_report_folder_that_cannot_be_written_is_found_before_the_run(tmp_path: Path) -> None:
    in_the_way = tmp_path / "reports"
    in_the_way.write_text("a file")
    with pytest.raises(Refused, match="cannot be written: Not a directory"):
        new_folder(in_the_way, "some")
    assert new_folder(tmp_path / "others", "some").is_dir()


def reason(journey: str, bad: int, good: int, expect: Expect = Expect.AS_HEALTHY, at: float = 100.0) -> str:
    condition = AbortCondition(Hypothesis({"browse": expect}), below=0.8, for_s=5)
    answers = [record(journey, at, Outcome.CONTAINED) for _ in range(bad)]
    answers += [record(journey, at) for _ in range(good)]
    return condition.reason(see(answers, JudgedBy.FIRST), now=101.0)


def test_a_run_is_stopped_when_somebody_suffers_who_does_not_need_the_part() -> None:
    assert reason("browse", bad=3, good=7) == "browse, which does not need the part, was served 70% over 5 s"
    assert reason("browse", bad=2, good=8) == ""


def test_a_run_goes_on_when_those_suffer_who_need_the_part() -> None:
    assert reason("browse", bad=10, good=0, expect=Expect.STALE) == ""
    assert reason("cart", bad=10, good=0, expect=Expect.STALE) != ""


def test_a_few_answers_and_old_ones_stop_no_run() -> None:
    assert reason("browse", bad=9, good=0) == ""
    assert reason("browse", bad=10, good=0, at=90.0) == ""


def test_one_failure_fails_the_gate_and_a_missing_run_leaves_it_open() -> None:
    missed = [Pool("some row", "browse", 3, 3000, 2000, 0.999)]
    passed, failed, open_ = Result.PASS, Result.FAIL, Result.INCONCLUSIVE
    assert together([passed, passed], [], wanted=2) is passed
    assert together([passed, open_, failed], [], wanted=3) is failed
    assert together([passed, open_], [], wanted=2) is open_
    assert together([passed], [], wanted=2) is open_
    assert together([passed], missed, wanted=1) is failed
