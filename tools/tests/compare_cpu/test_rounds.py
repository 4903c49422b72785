"""From readings of CPU time to the cost of a step, and to what is printed."""

import json

import pytest

from holdfast_tools.compare_cpu import report
from holdfast_tools.compare_cpu.errors import RoundFailed
from holdfast_tools.compare_cpu.journeys import JOURNEYS
from holdfast_tools.compare_cpu.process_tree import Usage
from holdfast_tools.compare_cpu.rounds import Cost, Reading, Round, Span, between, cost_of_step, rate, together
from holdfast_tools.compare_cpu.statistics import Ratio, Verdict

SEARCH = JOURNEYS["search"]


def test_between_two_readings_lies_what_was_used_by_kind_and_the_time() -> None:
    start = Reading(100.0, Usage({"query": 3.0, "kafka": 1.0}, {}), 50.0)
    end = Reading(104.0, Usage({"query": 5.0, "kafka": 1.5, "gateway": 0.25}, {}), 54.0)
    assert between(start, end) == Span({"query": 2.0, "kafka": 0.5, "gateway": 0.25}, 4.0, 1.25)


def test_the_idle_rate_is_over_all_idle_time() -> None:
    idle = rate([Span({"query": 1.0}, 4.0), Span({"query": 2.0, "kafka": 1.2}, 8.0)])
    assert idle == pytest.approx({"query": 0.25, "kafka": 0.1})


def test_the_parts_of_a_journey_are_added() -> None:
    parts = [Span({"query": 1.0}, 4.0, 0.5), Span({"query": 2.0, "kafka": 1.5}, 8.0, 0.25)]
    assert together(parts) == Span({"query": 3.0, "kafka": 1.5}, 12.0, 0.75)


def test_a_step_costs_what_was_used_less_what_the_idle_shop_uses_in_the_time() -> None:
    span = Span({"query": 2.0, "kafka": 0.4, "gateway": 1.0}, 4.0)
    cost = cost_of_step(SEARCH, span, 3, {"query": 0.25, "kafka": 0.15})
    steps = SEARCH.steps
    assert cost.cpu_ms == pytest.approx({"query": 1000 / steps, "kafka": -200 / steps, "gateway": 1000 / steps})
    assert cost.total_ms == pytest.approx(1800 / steps)
    assert (cost.wall_s, cost.repeats) == (4.0, 3)


def test_a_step_that_costs_nothing_was_not_measured() -> None:
    with pytest.raises(RoundFailed, match="search: the idle shop used as much"):
        cost_of_step(SEARCH, Span({"query": 1.0}, 4.0), 0, {"query": 0.25})


def of(gateway_ms: float, query_ms: float) -> Round:
    return Round(
        {"search": Cost({"gateway": gateway_ms, "query": query_ms, "kafka": 0.001}, 2.0, 0)}, {"query": 0.3}, 0.01
    )


PAIRS = [(of(1.0, 5.0), of(1.2, 5.4)), (of(1.2, 5.2), of(1.2, 5.6))]
RATIO = {"search": Ratio(1.08, 1.04, 1.12, 2)}
VERDICT = {"search": Verdict.INCONCLUSIVE}


def test_the_table_has_each_journeys_sum_ratio_and_verdict_and_each_kind_that_took_part() -> None:
    head, search, *kinds = report.table(PAIRS, RATIO, VERDICT, 1.05).splitlines()
    assert head.split() == ["ms", "CPU", "of", "one", "OLD", "NEW", "NEW/OLD", "95%", "interval", "bar", "1.05"]
    assert search.split() == ["search", "6.201", "6.701", "1.080", "1.040", "to", "1.120", "INCONCLUSIVE"]
    assert [line.split() for line in kinds] == [["gateway", "1.100", "1.200"], ["query", "5.100", "5.500"]]


def test_the_document_has_every_figure_as_json() -> None:
    found = json.loads(json.dumps(report.document({"old": "a", "new": "b"}, PAIRS, RATIO, VERDICT)))
    assert found["old"] == "a"
    assert found["journeys"]["search"] == {
        "value": 1.08,
        "low": 1.04,
        "high": 1.12,
        "rounds": 2,
        "verdict": "INCONCLUSIVE",
        "cpu_ms": [pytest.approx([6.001, 6.601]), pytest.approx([6.401, 6.801])],
    }
    assert found["rounds"][0]["old"]["journeys"]["search"]["cpu_ms"]["gateway"] == 1.0
    assert found["rounds"][1]["new"]["idle_cores"] == {"query": 0.3}
