"""The comparison on one time axis, the trigger shaded; and controls and ablation as small multiples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from gameday.ab import curves
from gameday.ab.curves import Shown
from gameday.ab.judge import Judged
from gameday.ab.plan import PAUSED
from gameday.report.charts import COLOURS, SHADE, STYLE, WIDTH_IN, svg
from gameday.report.series import Curve

OFF_COLOUR: Final = "#d93025"
ON_COLOUR: Final = "#1a73e8"
_CASE_COLOUR: Final = "#e8710a"
_OFFERED_COLOUR: Final = "#9aa0a6"
_PANEL_IN: Final = 1.55
_SMALL_IN: Final = 1.75
_ACROSS: Final = 3
_MOST_REASONS: Final = 6

Of = Callable[[Shown], Curve]
Draw = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class _Sides:
    """The runs of both sides, drawn into one plot."""

    off: Sequence[Shown]
    on: Sequence[Shown]

    @property
    def first(self) -> Shown:
        return [*self.off, *self.on][0]

    @property
    def tells_all(self) -> bool:
        """Whether query-service could be asked; from outside containers it cannot."""
        return any(place.startswith(PAUSED) for place in self.first.told)

    def draw(self, axis: Any, of: Of, linestyle: str = "-") -> None:
        _side(axis, self.off, of, OFF_COLOUR, "off", linestyle)
        _side(axis, self.on, of, ON_COLOUR, "on", linestyle)

    def of(self, of: Of) -> Draw:
        return lambda axis: self.draw(axis, of)

    def hop(self, field: str) -> Draw:
        return self.of(lambda run: curves.calls_a_read(run, field))


def comparison(off: Sequence[Shown], on: Sequence[Shown]) -> str:
    """Every panel with both sides in it, as an `<svg>` element; "" when neither was run."""
    if not [*off, *on]:
        return ""
    sides = _Sides(off, on)
    panels, first = _panels(sides), sides.first
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, _PANEL_IN * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
        for (title, draw), (axis,) in zip(panels, axes, strict=True):
            draw(axis)
            axis.set_title(title)
            axis.tick_params(labelbottom=True)
            axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.05), handlelength=1.2)
            if axis.get_yscale() == "linear":
                axis.set_ylim(bottom=0)
            axis.axvspan(0, first.planned.case.trigger_s, color=SHADE, zorder=-1, linewidth=0)
        _limit(axes[-1][0], first)
        axes[-1][0].set_xlabel("seconds since the trigger began")
        return svg(figure)


def _panels(sides: _Sides) -> Sequence[tuple[str, Draw]]:
    inside: Sequence[tuple[str, Draw]] = [
        ("Attempts query-service → Elasticsearch for one read", sides.hop("to_store")),
        ("Wasted work: answers a second that nobody waited for any more", sides.of(curves.wasted)),
    ]
    return [
        ("Reads a second: offered and good", lambda axis: _throughput(axis, sides)),
        ("Reads: p50 (line) and p99 (dashed) from the intended start, ms", lambda axis: _latency(axis, sides)),
        ("Attempts of a client for one read", sides.of(curves.client_attempts)),
        ("Attempts gateway → query-service for one read", sides.hop("to_query")),
        *(inside if sides.tells_all else ()),
        (
            "Carts and checkouts, which need nothing of what is paused: % good",
            sides.of(lambda run: curves.good_share(run, lambda one: one.others)),
        ),
        *(("off: not served a second, by reason", partial(_reasons, run=run)) for run in sides.off[:1]),
        *(("on: not served a second, by reason", partial(_reasons, run=run)) for run in sides.on[:1]),
    ]


def multiples(cases: Sequence[tuple[Judged, Shown]], off: Sequence[Shown], on: Sequence[Shown]) -> str:
    """One small plot for each case, with the comparison's medians behind it; "" of none."""
    if not cases:
        return ""
    down = -(-len(cases) // _ACROSS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, _SMALL_IN * down), layout="constrained")
        axes = figure.subplots(down, _ACROSS, sharex=True, sharey=True, squeeze=False)
        for axis in axes.flat[len(cases) :]:
            axis.set_axis_off()
        for (judged, shown), axis in zip(cases, axes.flat, strict=False):
            _small(axis, judged, shown, off, on)
        _limit(axes[0][0], cases[0][1])
        figure.supylabel("reads, % good", fontsize=9)
        figure.supxlabel("seconds since the trigger began", fontsize=9)
        return svg(figure)


def _small(axis: Any, judged: Judged, shown: Shown, off: Sequence[Shown], on: Sequence[Shown]) -> None:
    for runs, colour in ((off, OFF_COLOUR), (on, ON_COLOUR)):
        if runs:
            middle = curves.middle([_reads_share(run) for run in runs])
            axis.plot(middle.at, middle.values, color=colour, linewidth=0.7, alpha=0.45)
    curve = _reads_share(shown)
    axis.plot(curve.at, curve.values, color=_CASE_COLOUR, linewidth=1.4)
    back = judged.measured.recovery_s
    axis.set_title(
        f"{judged.planned.case.name}: {'not back' if back is None else f'back after {back} s'}", fontsize=8.5
    )
    axis.set_ylim(0, 104)
    axis.axvspan(0, shown.planned.case.trigger_s, color=SHADE, zorder=-1, linewidth=0)


def _reads_share(run: Shown) -> Curve:
    return curves.good_share(run, lambda one: one.reads)


def _side(axis: Any, runs: Sequence[Shown], of: Of, colour: str, name: str, linestyle: str) -> None:
    """Each run thin, their median thick."""
    drawn = [of(run) for run in runs]
    for curve in drawn if len(drawn) > 1 else ():
        axis.plot(curve.at, curve.values, color=colour, linewidth=0.5, alpha=0.35)
    if drawn:
        middle = curves.middle(drawn)
        axis.plot(
            middle.at, middle.values, color=colour, linewidth=1.4, linestyle=linestyle, label=_label(name, linestyle)
        )


def _label(name: str, linestyle: str) -> str | None:
    """Dashed lines are of the same side as whole ones: one entry is enough."""
    return name if linestyle == "-" else None


def _throughput(axis: Any, sides: _Sides) -> None:
    curve = curves.offered(sides.first)  # the same seed: the same in every run
    axis.plot(curve.at, curve.values, color=_OFFERED_COLOUR, linewidth=1.0, label="offered")
    sides.draw(axis, curves.goodput)


def _latency(axis: Any, sides: _Sides) -> None:
    sides.draw(axis, lambda run: curves.latency(run, 50))
    sides.draw(axis, lambda run: curves.latency(run, 99), linestyle="--")
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")


def _limit(axis: Any, run: Shown) -> None:
    axis.set_xlim(-run.planned.shape.quiet_s, run.seconds - run.planned.shape.quiet_s)


def _reasons(axis: Any, run: Shown) -> None:
    found = curves.reasons(run, _MOST_REASONS)
    for (name, curve), colour in zip(found.items(), COLOURS, strict=False):
        axis.plot(curve.at, curve.values, color=colour, linewidth=1.2, label=name)
    if not found:
        axis.plot([], [], label="nothing")
