"""Mutants, and that a copy of the project imports its own modules."""

from pathlib import Path

import pytest

from holdfast_tools.mutation.__main__ import main
from holdfast_tools.mutation.mutants import Mutant, mutants_of, mutated, sample
from holdfast_tools.mutation.targets import Target, targets
from holdfast_tools.mutation.trial import Copy, TestsFail

ROOT = Path(__file__).parents[2]
DEADLINE = "shared/src/holdfast/resilience/deadline.py"
SOURCE = """
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    size: int | None = 3

    def fits(self, other: int | None) -> bool | None:
        return other <= 2 + 1
"""


def test_annotations_and_decorators_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(SOURCE)
    mutants = list(mutants_of(tmp_path, "box.py"))
    assert {(mutant.operator, mutant.line) for mutant in mutants} == {
        ("ReplaceBinaryOperator_Add_Sub", 10),
        ("ReplaceComparisonOperator_LtE_Lt", 10),
        ("NumberReplacer", 7),
        ("NumberReplacer", 10),
    }
    (minus,) = [mutant for mutant in mutants if mutant.operator.endswith("Add_Sub")]
    assert mutated(SOURCE, minus) == SOURCE.replace("2 + 1", "2 - 1")
    with pytest.raises(ValueError, match="is not there"):
        mutated(SOURCE, Mutant("box.py", "AddNot", 9, 1, ""))


def test_every_target_and_its_tests_are_there() -> None:
    found = list(targets(ROOT))
    assert len(found) > 30
    for target in found:
        assert target.first or target.then
        assert all((ROOT / path).exists() for path in (target.module, *target.first, *target.then))


def test_a_sample_is_the_same_for_its_seed() -> None:
    mutants = list(mutants_of(ROOT, DEADLINE))
    assert sample(mutants, 5, 1) == sample(mutants, 5, 1) != sample(mutants, 5, 2)
    assert len(sample(mutants, 10_000, 1)) == len(mutants)


def test_a_planted_mutant_dies_and_the_code_is_as_it_was(tmp_path: Path) -> None:
    """Installed packages could be imported instead of the copy, and every mutant would survive."""
    copy = Copy(ROOT, tmp_path / "copy")
    target = Target(DEADLINE, ["shared/tests/resilience/test_deadline.py"], [])
    copy.check(target)
    killed = [mutant for mutant in mutants_of(ROOT, DEADLINE) if mutant.operator == "ReplaceBinaryOperator_Sub_Add"][:1]
    assert killed
    assert all(copy.kills(mutant, target) for mutant in killed)
    assert (copy.path / DEADLINE).read_text() == (ROOT / DEADLINE).read_text()


def test_tests_of_another_module_are_refused(tmp_path: Path) -> None:
    copy = Copy(ROOT, tmp_path / "copy")
    with pytest.raises(TestsFail, match="pass without it"):
        copy.check(Target("load-tests/src/gameday/limits.py", ["shared/tests/resilience/test_deadline.py"], []))


@pytest.mark.parametrize("arguments", [["--sample", "0"], ["--minutes", "x"], ["--seed", "x"]])
def test_a_wrong_number_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
