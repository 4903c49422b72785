"""The report of a made-up run: one page with everything in it, and curves that say what was."""

import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from rich.console import Console

from fabricated import BEGAN, Run, breaker_open, elasticsearch_killed, healthy_records, record, timeline
from gameday.monitor.samples import Breaker, Sample
from gameday.report import series
from gameday.report.facts import Facts
from gameday.report.files import Report, write_report
from gameday.report.page import Line, index
from gameday.report.series import Band
from gameday.report.terminal import show, show_pools
from gameday.verdict.observation import JudgedBy, see
from gameday.verdict.pooled import Pool
from gameday.verdict.verdict import Result
from gameday.workload.records import Outcome

FACTS = Facts(
    experiment="elasticsearch-killed", title="Elasticsearch <is> killed", description="Browsing gets old answers.",
    row="Elasticsearch", hypothesis={"browse": "stale"}, on="local", pace="full", seed=1, rate=60.0,
    capacity_per_s=200.0, began="2026-01-01T00:00:00Z", command="holdfast-chaos elasticsearch-killed",
    machine="2 cores", versions="Holdfast abc",
)  # fmt: skip


def written(run: Run, folder: Path) -> Report:
    report = Report(FACTS, run.verdict(), run.timeline)
    write_report(folder, report, list(see(run.records, JudgedBy.FIRST)), list(run.samples))
    return report


class References(HTMLParser):
    """Everything that a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object"):
            self.found.append(tag)
        self.found += [str(told[name]) for name in ("src", "srcset", "data") if name in told]


def test_the_page_is_one_file_with_every_figure(tmp_path: Path) -> None:
    report = written(elasticsearch_killed(), tmp_path)
    html = (tmp_path / "report.html").read_text()
    references = References()
    references.feed(html)
    assert references.found == []
    assert html.count("<svg") == 1
    assert "Elasticsearch &lt;is&gt; killed" in html
    assert "The breaker opened 0.0 to 1.0 s after the fault." in html
    assert ">1,190 of 1,190<" in html
    assert all(f">{row.name}<" in html for row in report.verdict.rows)
    for title in ("Blast radius", "Throughput", "Latency", "Attempts", "Not served", "Breakers", "Outbox"):
        assert re.search(f"<text[^>]*>{title}", html), title


def test_the_verdict_is_written_for_programs(tmp_path: Path) -> None:
    written(elasticsearch_killed(), tmp_path)
    told = json.loads((tmp_path / "verdict.json").read_text())
    assert told["result"] == "PASS"
    assert told["facts"]["seed"] == 1
    browse = next(row for row in told["rows"] if row["name"] == "browse")
    assert browse["phases"]["fault"]["degraded"] == 1180
    assert browse["containment"]["caught"] == 10


def test_a_run_that_never_came_to_its_fault_has_a_page_too(tmp_path: Path) -> None:
    cut = replace(timeline(), spans=timeline().spans[:1])
    written(Run(records=[], timeline=cut), tmp_path)
    assert "without its phase healthy, fault, after" in (tmp_path / "report.html").read_text()
    written(Run(records=[], timeline=replace(cut, spans=())), tmp_path)


def test_the_terminal_shows_tables_findings_and_the_result_last() -> None:
    run = elasticsearch_killed()
    console = Console(record=True, width=110, file=io.StringIO())
    show(console, Report(FACTS, replace(run, samples=()).verdict(), run.timeline))
    text = console.export_text()
    assert "No breaker of calls to elasticsearch was seen open" in text
    assert text.strip().splitlines()[-1] == "FAIL  elasticsearch-killed"
    show_pools(console, [Pool("Elasticsearch", "cart", 1, 3000, 2990, 0.999)])
    assert "99.66 %" in console.export_text(clear=False)


def test_the_page_of_several_links_to_each(tmp_path: Path) -> None:
    lines = [Line("a", "A is killed", "one row", Result.FAIL, ["cart, fault: 90 %."], "a-1/report.html")]
    html = index("Chaos experiments", Result.FAIL, lines, [Pool("one row", "cart", 1, 400, 390, 0.999)], FACTS)
    assert 'href="a-1/report.html"' in html
    assert "cart, fault: 90 %." in html
    assert "missed" in html


def test_late_answers_are_no_good_throughput() -> None:
    seen = list(see([record("cart", BEGAN + 1.2, ms=2500), record("cart", BEGAN + 1.4)], JudgedBy.FIRST))
    assert series.a_second(seen, BEGAN, 3, lambda _: True).values == [0, 2, 0]
    assert series.a_second(seen, BEGAN, 3, series.good).values == [0, 1, 0]
    assert math.isnan(series.latency(seen, BEGAN, 3, 99).values[0])
    assert round(series.latency(seen, BEGAN, 3, 99).values[1]) == 2500


def counted(at: float, **places: dict[str, float]) -> Sample:
    return Sample(at=BEGAN + at, counters=places)


def attempts(first: float, second: float) -> dict[str, float]:
    name = 'outbound_attempts_total{dependency="query-service",ended="200",number="%d",replica="r"}'
    return {name % 1: first, name % 2: second}


def test_attempts_at_a_hop_are_counted_between_samples_and_not_over_a_restart() -> None:
    one, two = {"gateway-1": attempts(100, 0)}, {"gateway-1": attempts(110, 5), "gateway-2": attempts(10, 0)}
    three = {"gateway-1": attempts(3, 0), "gateway-2": attempts(20, 1)}
    samples = [counted(0, **one), Sample(BEGAN + 0.5), counted(1, **two), counted(2, **three)]
    curves = series.hop_attempts(samples, BEGAN)
    assert list(curves) == ["gateway → query"]
    assert curves["gateway → query"].values == [1.5, 1.1]


def test_attempts_at_elasticsearch_are_a_hop_too() -> None:
    name = 'query_elasticsearch_attempts_total{number="%d"}'
    one, two = {name % 1: 10.0}, {name % 1: 20.0, name % 2: 20.0}
    curves = series.hop_attempts([counted(0, **{"query-1": one}), counted(1, **{"query-1": two})], BEGAN)
    assert curves["query → elasticsearch"].values == [3.0]


def test_breakers_are_bands_without_gaps() -> None:
    bands = series.breaker_bands(breaker_open(10, 20), BEGAN + 70)
    assert bands == {
        "query-service → elasticsearch": [Band(0, 9.5, "closed"), Band(9.5, 19.5, "open"), Band(19.5, 59.5, "closed")]
    }


def test_a_group_that_is_not_listed_beside_its_replicas_is_closed() -> None:
    replica = Breaker("gateway", "query-service", "r", "closed", 0, 32)
    group = Breaker("gateway", "query-service", "", "open", 0, 32, "search")
    seen = [(replica,), (replica, group), (replica,), ()]
    samples = [Sample(at=BEGAN + number, breakers=breakers) for number, breakers in enumerate(seen)]
    assert series.breaker_bands(samples, BEGAN) == {
        "gateway → query-service search": [
            Band(0, 0, "closed"), Band(0, 1, "open"), Band(1, 2, "closed"), Band(2, 3, "unknown")
        ]
    }  # fmt: skip


def test_what_was_not_served_is_shown_by_its_reason() -> None:
    contained = replace(record("cart", BEGAN, Outcome.CONTAINED), code="overloaded")
    seen = list(see([contained, record("cart", BEGAN + 1, Outcome.FAILED), *healthy_records()[:5]], JudgedBy.FIRST))
    assert {name: curve.values for name, curve in series.reasons(seen, BEGAN, 2).items()} == {
        "overloaded": [1, 0],
        "failed at first": [0, 1],
    }
