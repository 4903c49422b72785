"""Figures about records: percentiles, and a table of each journey's outcomes."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from rich.table import Table

from gameday.workload.records import Outcome, Record


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


class Tally:
    """Counts records as they come; latencies are from the intended start, in milliseconds."""

    def __init__(self) -> None:
        self.outcomes: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
        self.latencies_ms: defaultdict[str, list[float]] = defaultdict(list)
        self.codes: Counter[str] = Counter()

    def take(self, record: Record) -> None:
        self.outcomes[record.journey][record.outcome] += 1
        self.latencies_ms[record.journey].append(1000 * (record.ended - record.intended))
        if record.code:
            self.codes[f"{record.call}: {record.outcome} {record.code}"] += 1

    def share(self, *outcomes: Outcome) -> float:
        """What part of all requests came out like that; 0 of none."""
        total = sum(counts.total() for counts in self.outcomes.values())
        wanted = sum(counts[outcome] for counts in self.outcomes.values() for outcome in outcomes)
        return wanted / total if total else 0.0

    def percentile_ms(self, percent: float) -> float:
        """Over all journeys."""
        return percentile([latency for latencies in self.latencies_ms.values() for latency in latencies], percent)

    def table(self) -> Table:
        """One line a journey."""
        table = Table(title="requests by journey", title_justify="left")
        table.add_column("journey")
        for heading in ("requests", *Outcome, "p50 ms", "p99 ms", "max ms"):
            table.add_column(heading, justify="right")
        for journey, outcomes in sorted(self.outcomes.items()):
            latencies_ms = self.latencies_ms[journey]
            counts = [outcomes.total(), *(outcomes[outcome] for outcome in Outcome)]
            times = [percentile(latencies_ms, percent) for percent in (50, 99, 100)]
            table.add_row(journey, *(f"{count:,}" for count in counts), *(f"{time_ms:.0f}" for time_ms in times))
        return table
