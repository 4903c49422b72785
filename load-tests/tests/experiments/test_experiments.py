"""Every experiment is one that Chaos Toolkit takes, that the matrix knows, and that is refused when it is wrong."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gameday.experiments import catalogue, estimate, matrix, template
from gameday.experiments.definition import InjectArguments, define
from gameday.experiments.phase_lengths import FULL, QUICK
from gameday.nemesis.fault import Refused
from gameday.verdict.expect import Expect
from gameday.verdict.phases import Phase

ATTACKS = {"type": "python", "module": "gameday.experiments.actions", "func": "attack"}
FILES = [path.stem for path in catalogue.files()]


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_an_experiment(name: str) -> None:
    definition = catalogue.find(name)
    assert definition.title
    assert definition.raw["rollbacks"]
    struck = [action.fault() for action in definition.actions if isinstance(action, InjectArguments)]
    assert all(fault.for_s > FULL.at_most_s for fault in struck), "the fault must outlast its phase"


def test_every_other_part_and_kind_has_its_experiment() -> None:
    for name in template.names():
        definition = catalogue.find(name)
        assert definition.faults


@pytest.mark.parametrize("name", [name for name in FILES if catalogue.find(name).settings.row in matrix.ROW_NAMES])
def test_a_file_promises_what_the_matrix_does(name: str) -> None:
    settings = catalogue.find(name).settings
    row = next(row for row in matrix.ROWS if row.name == settings.row)
    assert settings.expect == row.expect
    assert settings.judged_by == row.judged_by
    assert settings.breaker in ("", row.breaker)


def test_the_gate_is_nine_and_each_stays_within_a_third_of_the_capacity() -> None:
    gate = [catalogue.find(name) for name in catalogue.GATE]
    assert len(gate) == len(set(catalogue.GATE)) == 9
    assert all(definition.highest_share <= 0.3 for definition in gate)
    assert {name for name in FILES if "gate" in catalogue.find(name).raw["tags"]} == set(catalogue.GATE)


def test_every_attack_has_its_experiment_which_nobody_else_may_notice() -> None:
    assert len(catalogue.HOSTILE) == len(set(catalogue.HOSTILE)) == 10
    for name in catalogue.HOSTILE:
        definition = catalogue.find(name)
        assert definition.attacks == [name]
        assert definition.highest_share == 0.3
        assert not definition.settings.breaker
        noticed = {row for row, expect in definition.settings.expect.items() if not expect.as_healthy}
        assert noticed == ({"account/session", "account/sign-in"} if name.endswith("-shared") else set())
    assert len({catalogue.find(name).settings.row for name in catalogue.HOSTILE}) == 1, "pooled together"


def test_an_experiment_that_is_printed_is_a_file_that_says_the_same(tmp_path: Path) -> None:
    done = chaos("--family", "hostile", "--print", state=tmp_path)
    assert done.stdout.count("\ntags:") == 10
    written_out = tmp_path / "long-urls.yaml"
    written_out.write_text(chaos("long-urls", "--print", state=tmp_path).stdout)
    assert catalogue.find(str(written_out)) == catalogue.find("long-urls")


def test_the_quick_form_takes_less_than_five_minutes() -> None:
    took_s = sum(estimate.run_s(catalogue.find(name), QUICK, capacity_per_s=150) for name in catalogue.QUICK)
    assert took_s < 280


def test_a_phase_lasts_until_the_rarest_journey_has_its_count() -> None:
    assert FULL.phase_s(Phase.FAULT, rate=1000) == 60
    assert 60 < FULL.phase_s(Phase.FAULT, rate=60) < 480
    assert FULL.phase_s(Phase.FAULT, rate=1) == 480
    assert FULL.phase_s(Phase.RECOVERY, rate=1) == 10


def test_the_generator_outlives_the_longest_run() -> None:
    for name in FILES:
        definition = catalogue.find(name)
        longest_s = FULL.warm_up_s + 3 * FULL.at_most_s
        assert estimate.at_most_s(definition, FULL) > longest_s


def written(**changes: Any) -> dict[str, Any]:
    raw = copy.deepcopy(template.made("query-1-paused"))
    assert raw is not None
    for path, value in changes.items():
        place: Any = raw
        *before, last = path.split("__")
        for step in before:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value
    return raw


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extensions__0__expect": {"brows": "stale"}}, "there is no journey or call 'brows'"),
        ({"extensions__0__expect": {"browse": "fast"}}, "expect.browse: Input should be 'as-healthy'"),
        ({"extensions__0__share_of_capacity": 0}, "share_of_capacity: Input should be greater than 0, not 0"),
        ({"extensions__0__abort": {"below": 80}}, "abort.below: Input should be less than 1, not 80"),
        ({"extensions": []}, "it needs one extension named holdfast, and has 0"),
        ({"method__0__provider__arguments__name": "midday"}, "name: Input should be 'healthy', 'fault'"),
        ({"method__0__provider__arguments__name": "fault"}, "its phases are healthy, fault, recovery, after"),
        ({"method__0__provider__func": "wait"}, "there is no gameday.experiments.actions.wait"),
        ({"method__1__provider__arguments__kind": "drown"}, "kind: Input should be 'kill'"),
        ({"method__1__provider__arguments__for_s": 0}, "a fault lasts more than 0"),
        (
            {"method__1__provider": {**ATTACKS, "arguments": {"name": "rude-words"}}},
            "name: Input should be 'long-urls'",
        ),
        ({"method__1__provider__arguments__stopped_share": "much"}, "stopped_share: Input should be a valid number"),
        ({"rollbacks": []}, "its rollbacks must call reset"),
        ({"title": ""}, "experiment requires a title"),
    ],
)
def test_a_wrong_experiment_is_refused_in_one_line(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        define("some", written(**changes))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("experiment some: ")


@pytest.mark.parametrize("raw", [None, [], "kill it", {}])
def test_what_is_no_experiment_at_all_is_refused(raw: object) -> None:
    with pytest.raises(Refused):
        define("some", raw)


def test_a_slow_part_need_not_open_a_breaker() -> None:
    assert catalogue.find("postgres-slow").settings.breaker == ""
    assert catalogue.find("postgres-killed").settings.breaker == "postgresql"
    assert catalogue.find("postgres-killed").settings.expect["checkout"] is Expect.UNAVAILABLE


def chaos(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "holdfast-chaos"), *arguments]
    return subprocess.run(
        command, env={"HOLDFAST_STATE": str(state)}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["elasticsearch-drowned"], "there is no experiment 'elasticsearch-drowned'"),
        (["projector-killed"], "no stack runs in"),
        (["--seed", "-1"], "'-1' is no whole number from 0"),
        (["--runs", "0"], "'0' is no whole number from 1"),
        (["--on", "moon"], "invalid choice: 'moon'"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_starts(arguments: list[str], words: str, tmp_path: Path) -> None:
    done = chaos(*arguments, state=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("title: [")
    done = chaos(str(wrong), state=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is no experiment" in done.stderr
