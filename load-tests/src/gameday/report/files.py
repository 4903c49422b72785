"""A run's verdict.json and report.html."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gameday.monitor.samples import Sample
from gameday.report.facts import Facts
from gameday.report.page import page
from gameday.verdict.observation import Observation
from gameday.verdict.phases import Timeline
from gameday.verdict.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """One run, judged."""

    facts: Facts
    verdict: Verdict
    timeline: Timeline

    def as_json(self) -> dict[str, Any]:
        """The shape of verdict.json: the verdict's fields beside `facts`."""
        return {**asdict(self.verdict), "facts": asdict(self.facts)}


def write_report(folder: Path, report: Report, seen: Sequence[Observation], samples: Sequence[Sample]) -> None:
    """Writes both files."""
    (folder / "verdict.json").write_text(json.dumps(report.as_json(), indent=2) + "\n")
    html = page(report.facts, report.verdict, report.timeline, seen, samples)
    (folder / "report.html").write_text(html)
