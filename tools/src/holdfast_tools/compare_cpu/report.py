"""What is printed and written at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from holdfast_tools.compare_cpu import proc
from holdfast_tools.compare_cpu.rounds import Round
from holdfast_tools.compare_cpu.statistics import CONFIDENCE, Ratio, Verdict

Pair = tuple[Round, Round]
"""A round of OLD and one of NEW that were measured in turn."""

_SHOWN_FROM_MS = 0.005


def of_journey(pairs: Sequence[Pair], name: str) -> list[tuple[float, float]]:
    """Milliseconds of CPU of (OLD, NEW) in each pair."""
    return [(old.journeys[name].total_ms, new.journeys[name].total_ms) for old, new in pairs]


def table(pairs: Sequence[Pair], ratios: Mapping[str, Ratio], verdicts: Mapping[str, Verdict], bar: float) -> str:
    """For each journey its sum, ratio and verdict, and below it each kind of process that took part."""
    head = f"{'ms CPU of one':24}{'OLD':>9}{'NEW':>9}{'NEW/OLD':>10}   {CONFIDENCE:.0%} interval   bar {bar:g}"
    lines = [head]
    for name, found in ratios.items():
        old, new = (fmean(column) for column in zip(*of_journey(pairs, name), strict=True))
        interval = f"{found.low:.3f} to {found.high:.3f}"
        lines.append(f"{name:24}{old:9.3f}{new:9.3f}{found.value:10.3f}   {interval:14}   {verdicts[name]}")
        for kind in proc.KINDS:
            old, new = (fmean(pair[side].journeys[name].cpu_ms.get(kind, 0.0) for pair in pairs) for side in (0, 1))
            if max(old, new) >= _SHOWN_FROM_MS:
                lines.append(f"  {kind:22}{old:9.3f}{new:9.3f}")
    return "\n".join(lines)


def line(done: Round) -> str:
    """One round in a line."""
    costs = ", ".join(f"{name} {cost.total_ms:.3f}" for name, cost in done.journeys.items())
    return f"{costs} ms; idle {sum(done.idle_cores.values()):.2f} cores, others {done.other_cores:.2f}"


def document(
    facts: Mapping[str, Any],
    pairs: Sequence[Pair],
    ratios: Mapping[str, Ratio],
    verdicts: Mapping[str, Verdict],
) -> dict[str, Any]:
    """All of it, for --json."""
    journeys = {
        name: {**asdict(found), "verdict": str(verdicts[name]), "cpu_ms": of_journey(pairs, name)}
        for name, found in ratios.items()
    }
    return {**facts, "journeys": journeys, "rounds": [{"old": asdict(old), "new": asdict(new)} for old, new in pairs]}
