"""The experiment in words and cells, the same on the terminal and on the page."""

from collections.abc import Callable, Sequence

from gameday.ab.judge import Judged, middle, of_case
from gameday.ab.measures import Measured

COLUMNS = (
    "run", "good before", "in it", "back after", "good at the end", "a second", "attempts", "carts", "p99 ms",
    "sent late ms", "audit",
)  # fmt: skip


def cells(run: Judged) -> Sequence[str]:
    """One run as a line of the table."""
    seen = run.measured
    differences = sum(line.differences for line in run.audit)
    return [
        run.name, f"{seen.quiet:.1%}", f"{seen.during:.1%}", back(seen), f"{seen.last:.1%}",
        f"{seen.goodput:.0f} of {seen.offered:.0f}", f"{seen.attempts:.2f}", f"{seen.unrelated:.1%}",
        f"{seen.unrelated_p99_ms:.0f}", f"{run.load.lag_p99_ms:.0f}", f"{differences}" if run.audit else "not made",
    ]  # fmt: skip


def back(seen: Measured) -> str:
    """When reads were back."""
    return "never" if seen.recovery_s is None else f"{seen.recovery_s} s"


def line(run: Judged) -> str:
    """One run while the others go on."""
    named = zip(COLUMNS[1:], cells(run)[1:], strict=True)
    return ", ".join(f"{name} {cell}" for name, cell in named)


def claims(runs: Sequence[Judged]) -> Sequence[str]:
    """What the comparison came to, in a sentence for each side: the median, and the range of repeated runs."""
    return [
        f"{'Protected' if name == 'on' else 'Unprotected'}: {_spread(found, 'last', _percent)} of reads good in the "
        f"last 30 s, back after {', '.join(back(run.measured) for run in found)}; carts and checkouts "
        f"{_spread(found, 'unrelated', _percent)} good from the trigger on."
        for name in ("off", "on")
        if (found := of_case(runs, name))
    ]


def _spread(runs: Sequence[Judged], field: str, spoken: Callable[[float], str]) -> str:
    values = sorted(float(getattr(run.measured, field)) for run in runs)
    median = spoken(middle(runs, field))
    return median if len(values) == 1 else f"{median} ({spoken(values[0])} to {spoken(values[-1])})"


def _percent(share: float) -> str:
    return f"{share:.1%}"


def audits(runs: Sequence[Judged]) -> Sequence[tuple[str, int, int]]:
    """Every claim of the audit with what all runs together looked at and how much differed."""
    found: dict[str, tuple[int, int]] = {}
    for run in runs:
        for line in run.audit:
            looked_at, differences = found.get(line.claim, (0, 0))
            found[line.claim] = (looked_at + line.looked_at, differences + line.differences)
    return [(claim, looked_at, differences) for claim, (looked_at, differences) in found.items()]
