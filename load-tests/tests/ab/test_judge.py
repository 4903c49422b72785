"""The claim is judged by the median of runs; what says nothing says so; lost data fail whatever else happened."""

from dataclasses import replace

import pytest

from gameday.ab.judge import Judged, findings
from gameday.ab.measures import Measured
from gameday.ab.plan import ABLATION, CONTROLS, FULL, OFF, ON, QUICK, Case, Planned, planned, takes_s
from gameday.verdict.verdict import AuditLine, LoadFacts, Result, result_of

UP = Measured(
    quiet=1.0,
    during=0.5,
    last=1.0,
    recovery_s=1,
    unrelated=1.0,
    unrelated_p99_ms=20,
    attempts=1.0,
    offered=100,
    goodput=100,
)
DOWN = replace(UP, last=0.0, recovery_s=None, attempts=2.0, goodput=0)
WELL = LoadFacts(1_000, 1_000, 5.0)
ZERO = (AuditLine("nothing is lost", 100, 0),)


def judged(case: Case, measured: Measured, number: int = 1, load: LoadFacts = WELL, differences: int = 0) -> Judged:
    audit = (AuditLine("nothing is lost", 100, differences),)
    return Judged(Planned(case, number, FULL), 100.0, measured, load, audit)


def both(off: list[Measured], on: list[Measured]) -> list[Judged]:
    return [
        *(judged(OFF, measured, number) for number, measured in enumerate(off, 1)),
        *(judged(ON, measured, number) for number, measured in enumerate(on, 1)),
    ]


def said(runs: list[Judged]) -> tuple[Result, str]:
    found = findings(runs)
    return result_of(found), " ".join(finding.text for finding in found)


def test_down_without_and_back_with_protections_is_the_claim() -> None:
    assert said(both([DOWN] * 3, [UP] * 3)) == (Result.PASS, "")


def test_of_repeated_runs_the_median_counts() -> None:
    healed = replace(UP, recovery_s=30)
    assert said(both([DOWN, healed, DOWN], [UP, replace(UP, recovery_s=14), UP]))[0] is Result.PASS
    assert said(both([healed, healed, DOWN], [UP] * 3))[0] is Result.FAIL


@pytest.mark.parametrize(
    ("off", "on", "says"),
    [
        (replace(DOWN, last=0.2), UP, "did not stay down: 20% of reads good"),
        (DOWN, replace(UP, recovery_s=11), "back 11 s after the trigger; the bar is 10 s"),
        (DOWN, replace(DOWN), "Protected it was never back"),
        (DOWN, replace(UP, last=0.98), "only 98.0% of reads were good"),
        (DOWN, replace(UP, unrelated=0.985), "carts and checkouts left their objective: 98.5%"),
    ],
)
def test_each_part_of_the_claim_can_fail(off: Measured, on: Measured, says: str) -> None:
    result, text = said(both([off], [on]))
    assert result is Result.FAIL
    assert says in text


def test_just_within_the_bars_passes() -> None:
    on = replace(UP, recovery_s=10, last=0.99, unrelated=0.99)
    assert said(both([replace(DOWN, last=0.199)], [on]))[0] is Result.PASS


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (LoadFacts(1_000, 989, 5.0), "off #1: only 989 of 1,000 arrivals were sent"),
        (LoadFacts(1_000, 1_000, 51.0), "off #1: arrivals were sent 51 ms late"),
        (LoadFacts(0, 0, 0.0, ended=False), "off #1: only 0 of 0 arrivals were sent"),
    ],
)
def test_a_late_or_short_generator_says_nothing(load: LoadFacts, says: str) -> None:
    result, text = said([judged(OFF, DOWN, load=load), judged(ON, UP)])
    assert result is Result.INCONCLUSIVE
    assert says in text


def test_shoppers_who_wait_for_an_unprotected_shop_do_not_make_the_generator_short() -> None:
    short = LoadFacts(1_000, 980, 5.0)
    off, on = judged(OFF, DOWN, load=short), judged(ON, UP, load=short)
    assert said([replace(off, unoffered=20), judged(ON, UP)])[0] is Result.PASS
    assert said([replace(off, unoffered=5), judged(ON, UP)])[0] is Result.INCONCLUSIVE
    assert said([judged(OFF, DOWN), replace(on, unoffered=20)])[0] is Result.INCONCLUSIVE


def test_a_shop_that_was_overloaded_before_the_trigger_shows_no_metastable_failure() -> None:
    result, text = said(both([replace(DOWN, quiet=0.94)], [UP]))
    assert result is Result.INCONCLUSIVE
    assert "only 94.0% of reads good before the trigger" in text


def test_a_lost_order_fails_even_an_inconclusive_run() -> None:
    result, text = said([judged(OFF, DOWN, load=LoadFacts(9, 1, 0), differences=1), judged(ON, UP)])
    assert result is Result.FAIL
    assert "off #1: 1 differences: nothing is lost." in text


@pytest.mark.parametrize("control", CONTROLS, ids=lambda case: case.name)
def test_a_control_that_does_not_heal_fails(control: Case) -> None:
    assert said([*both([DOWN], [UP]), judged(control, UP)])[0] is Result.PASS
    result, text = said([*both([DOWN], [UP]), judged(control, DOWN)])
    assert result is Result.FAIL
    assert f"“{control.name}” did not heal" in text


def test_what_the_ablation_shows_is_no_bar() -> None:
    assert said([*both([DOWN], [UP]), *(judged(case, DOWN) for case in ABLATION)])[0] is Result.PASS


def test_a_late_generator_in_the_ablation_does_not_void_the_claim_but_a_lost_order_fails_it() -> None:
    late = LoadFacts(1_000, 1_000, 500.0)
    assert said([*both([DOWN], [UP]), judged(ABLATION[0], DOWN, load=late)])[0] is Result.PASS
    assert said([*both([DOWN], [UP]), judged(ABLATION[0], DOWN, differences=1)])[0] is Result.FAIL


def test_off_and_on_alternate() -> None:
    assert [run.case.name for run in planned(("comparison",), 3, FULL)] == ["off", "on"] * 3


def test_every_run_has_a_folder_of_its_own() -> None:
    runs = planned(("comparison", "controls", "ablation"), 3, FULL)
    assert len(runs) == 6 + 4 + 9
    assert len({run.folder for run in runs}) == len(runs)
    assert not any(set(" ,/") & set(run.folder) for run in runs)


def test_each_protection_is_left_out_once() -> None:
    assert sorted(name for case in ABLATION for name in case.off) == sorted(OFF.off)
    assert all(len(case.off) == 1 for case in ABLATION)


def test_the_quick_form_takes_at_most_six_minutes() -> None:
    assert takes_s(planned(("comparison",), 1, QUICK), measures=True, searches=False) + 80 <= 360
