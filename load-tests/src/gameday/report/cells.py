"""The cells of a run's tables, the same on the terminal and on the page."""

from collections.abc import Iterator, Sequence
from typing import Final

from gameday.verdict.binomial import Decision, Shown
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.verdict import Hostile, Row, Verdict

_FULLEST: Final = 4  # parts whose memory is told
ROW_COLUMNS = (
    "journey", "promise", "phase", "requests", "success", "degraded", "503", "refused", "failed", "p50 ms", "p99 ms",
    "to", "max ms",
)  # fmt: skip
AFFECTED_COLUMNS = ("journey", "promise", "calls/s", "at once after", "caught before", "p99 then", "as promised",
                    "healthy after")  # fmt: skip


def row_cells(rows: Sequence[Row]) -> Sequence[Sequence[str]]:
    """One line for each row and phase."""
    return [
        [
            row.name, row.expect.value, phase.value, f"{seen.requests:,}", f"{seen.success:,}", _some(seen.degraded),
            _some(seen.contained), _some(seen.refused), _some(seen.failed), f"{seen.p50_ms:.0f}", f"{seen.p99_ms:.0f}",
            f"{seen.p99_to_ms:.0f}", f"{seen.max_ms:.0f}",
        ]
        for row in rows
        for phase, seen in row.phases.items()
        if seen.requests
    ]  # fmt: skip


def decided(decision: Decision) -> str:
    """Whether a bar is met, in a word or a few."""
    return {
        Shown.SHOWN: "met",
        Shown.REFUTED: "missed",
        Shown.OPEN: f"open: {decision.missing:,} more good ones would show it",
    }[decision.shown]


def affected_cells(rows: Sequence[Row]) -> Sequence[Sequence[str]]:
    """One line for each row that needed the part."""
    return [
        [
            row.name, row.expect.value, f"{shown.rate:.1f}", _seconds(shown.quick_after_s), f"{shown.caught:,}",
            f"{shown.less_p99_ms:.0f} ms", f"{shown.promised:,} of {shown.answers:,}", _seconds(row.healthy_s),
        ]
        for row in rows
        if (shown := row.containment) is not None
    ]  # fmt: skip


def remarks(verdict: Verdict, timeline: Timeline) -> Sequence[str]:
    """What no table holds, a sentence each."""
    found = []
    if verdict.opened_s is not None:
        found.append(f"The breaker opened {verdict.opened_s[0]:.1f} to {verdict.opened_s[1]:.1f} s after the fault.")
    if timeline.served_at is not None and timeline.lifted_at is not None:
        found.append(f"The killed part served again {timeline.served_at - timeline.lifted_at:.1f} s after its start.")
    if verdict.overload is not None:
        shown = verdict.overload
        shares = ", ".join(f"{journey} {share:.1%}" for journey, share in shown.shares.items())
        found.append(f"Served {shown.goodput_per_s:.1f} a second (bar {shown.bar_per_s:.1f}) with those who came back.")
        found.append(f"Served at once {shown.at_once_per_s:.1f} a second: {shares}.")
    if verdict.hostile is not None:
        found += _hostile(verdict.hostile)
    if verdict.load is not None:
        load = verdict.load
        found.append(f"The load: {load.sent:,} of {load.planned:,} sent, {load.lag_p99_ms:.1f} ms late (p99).")
    if fault := timeline.span(Phase.FAULT):
        found.append(f"The fault lasted {fault.ended - fault.began:.0f} s.")
    return found


def _hostile(shown: Hostile) -> Iterator[str]:
    if (attack := shown.attack) is not None:
        fewest = min(attack.windows[1:], default=0)
        answers = ", ".join(f"{outcome} {count:,}" for outcome, count in attack.answers.items())
        yield (
            f"The attack: {attack.sent:,} calls, {fewest:,} or more in each 2 s (bar {attack.least}), with "
            f"{attack.cpu_share:.2f} of a core. They came to: {answers}."
        )
    if shown.memory:
        yield f"The most memory, of its limit: {', '.join(map(str, shown.memory[:_FULLEST]))}."


def _some(count: int) -> str:
    return f"{count:,}" if count else "·"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:g} s"
