"""The report is one file with everything in it, whatever part of the experiment was made."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from fabricated import BEGAN, record
from gameday.ab import curves, report
from gameday.ab.counters import Counts, Told
from gameday.ab.curves import Shown
from gameday.ab.edge import Edge, Step
from gameday.ab.judge import Judged, findings
from gameday.ab.measures import Moments, measure
from gameday.ab.plan import ABLATION, CONTROLS, OFF, ON, Case, Planned, Shape
from gameday.ab.report import Experiment
from gameday.verdict.observation import JudgedBy, see
from gameday.verdict.verdict import AuditLine, LoadFacts, result_of
from gameday.workload.records import Outcome

SHAPE = Shape(quiet_s=10, after_s=50, warm_up_s=2)
STRUCK = BEGAN + 10
SECONDS = 70


def shown(case: Case, number: int = 1) -> Shown:
    """Ten reads and two carts a second; without protections every read fails from the trigger on."""
    records = [
        record("browse", at, Outcome.FAILED if case.off and at >= STRUCK else Outcome.OK)
        for at in (BEGAN + (tenth + 0.5) / 10 for tenth in range(10 * SECONDS))
    ]
    records += [record("cart", BEGAN + (half + 0.5) / 2) for half in range(2 * SECONDS)]
    told = {
        "gateway-1": [Told(BEGAN + s, "gateway-1", Counts(to_query=30 * s, received=10 * s)) for s in range(SECONDS)],
        "query-1": [Told(BEGAN + s, "query-1", Counts(answers=30 * s, to_store=90 * s)) for s in range(SECONDS)],
    }
    return Shown(Planned(case, number, SHAPE), list(see(records, JudgedBy.FINAL)), told, STRUCK)


def judged(run: Shown) -> Judged:
    measured = measure(run.seen, Moments(BEGAN + 2, STRUCK, STRUCK + 10, BEGAN + SECONDS))
    return Judged(run.planned, 12.0, measured, LoadFacts(840, 840, 3.0), (AuditLine("nothing is lost", 7, 0),))


def experiment(runs: Sequence[Shown], edge: Edge | None = None) -> Experiment:
    made = [judged(run) for run in runs]
    found = findings(made)
    return Experiment(result_of(found), found, made, 40.0, edge, 12.0, "Few repeats.", {"command": "holdfast-ab <x>"})


def whole() -> list[Shown]:
    comparison = [shown(case, number) for number in (1, 2) for case in (OFF, ON)]
    return [*comparison, *(shown(case) for case in (*CONTROLS, *ABLATION))]


def test_the_page_holds_every_part_and_needs_nothing_else() -> None:
    runs = whole()
    edge = Edge((Step(0.3, 12.0, judged(runs[0]).measured),), 12.0)
    page = report.page(experiment(runs, edge), runs)
    assert page.count("<svg") == 3
    assert "12 a second (30% of the capacity): stays down" in page
    assert "2 runs each, alternating" in page
    assert "holdfast-ab &lt;x&gt;" in page
    for case in (*CONTROLS, *ABLATION):
        assert f"{case.name} #1" in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page.replace('xlink:href="#', ""))


@pytest.mark.parametrize("runs", [0, 1, 2])
def test_an_experiment_that_was_cut_short_is_reported_as_far_as_it_came(runs: int, tmp_path: Path) -> None:
    made = whole()[:runs]
    told = experiment(made)
    report.write(tmp_path, told, made)
    assert (tmp_path / "report.html").read_text().count("<svg") == (1 if runs else 0)
    written = json.loads((tmp_path / "ab.json").read_text())
    assert [run["planned"]["case"]["name"] for run in written["runs"]] == ["off", "on"][:runs]


def test_from_outside_containers_only_gateways_tell() -> None:
    run = shown(OFF)
    outside = Shown(run.planned, run.seen, {"gateway-1": run.told["gateway-1"]}, run.struck)
    titles = report.page(experiment([outside]), [outside])
    assert "Wasted work" not in titles
    assert "Wasted work" in report.page(experiment([run]), [run])


def test_the_axis_counts_from_the_trigger() -> None:
    curve = curves.goodput(shown(OFF))
    assert (curve.at[0], curve.at[-1]) == (-10, SECONDS - 11)
    assert [curve.values[curve.at.index(second)] for second in (-1, 0)] == [10, 0]


def test_calls_at_a_hop_are_for_each_read_offered_and_waste_is_what_nobody_received() -> None:
    run = shown(OFF)
    assert curves.calls_a_read(run, "to_query").values[2] == pytest.approx(3.0)
    assert curves.calls_a_read(run, "to_store").values[2] == pytest.approx(9.0)
    assert curves.wasted(run).values[2] == pytest.approx(20.0)


def test_the_middle_of_runs_is_their_median_where_they_know_something() -> None:
    nothing = float("nan")
    drawn = [curves.Curve([0, 1], values) for values in ([1.0, nothing], [5.0, nothing], [2.0, 4.0])]
    assert curves.middle(drawn).values == [2.0, 4.0]
