"""Every plot of a run on one time axis, the fault shaded, as one SVG that needs nothing else."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from gameday.monitor.samples import Sample
from gameday.report import series
from gameday.report.series import Curve
from gameday.verdict.observation import Observation
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.verdict import Row

STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text: small, sharp, and can be searched
    "svg.hashsalt": "holdfast",  # the same run makes the same file
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa0a6",
    "axes.titlelocation": "left",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e8eaed",
    "legend.frameon": False,
    "xtick.color": "#3c4043",
    "ytick.color": "#3c4043",
}
COLOURS: Final = ("#1a73e8", "#e8710a", "#188038", "#a142f4", "#d93025", "#12858d", "#b06000", "#5f6368")
_BAND_COLOURS: Final = {"closed": "#ceead6", "half-open": "#fdd663", "open": "#d93025", "unknown": "#e8eaed"}
SHADE: Final = "#fce8e6"
_START_SHADE: Final = "#fef7e0"
WIDTH_IN: Final = 10.5
CURVES_IN: Final = 1.75
_BAND_IN: Final = 0.2
_FRAME_IN: Final = 0.75
_MOST_REASONS: Final = 7
_MOST_BESIDE: Final = 4
_LABELLED_SHARE: Final = 0.08  # of the axis: a shorter bar has no room for its seconds


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: its title, its height in inches, and what draws it."""

    title: str
    height_in: float
    draw: Callable[[Any], None]


def draw(seen: Sequence[Observation], samples: Sequence[Sample], timeline: Timeline, rows: Sequence[Row]) -> str:
    """The plots as an `<svg>` element; "" when nothing happened."""
    if not timeline.spans:
        return ""
    origin, end = timeline.spans[0].began, timeline.spans[-1].ended
    kept = [one for one in seen if origin <= one.began < end]
    watched = [sample for sample in samples if origin <= sample.at < end]
    panels = _panels(kept, watched, rows, origin, int(end - origin))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, sum(panel.height_in for panel in panels)), layout="constrained")
        ratios = [panel.height_in for panel in panels]
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": ratios})
        for panel, (axis,) in zip(panels, axes, strict=True):
            panel.draw(axis)
            axis.set_title(panel.title)
            axis.tick_params(labelbottom=True)
            _shade(axis, timeline, origin)
        axes[-1][0].set_xlim(0, end - origin)
        axes[-1][0].set_xlabel("seconds since the load began")
        return svg(figure)


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element, within `mpl.rc_context(STYLE)`."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]


def _panels(
    seen: Sequence[Observation], samples: Sequence[Sample], rows: Sequence[Row], origin: float, seconds: int
) -> Sequence[Panel]:
    def panel(title: str, curves: Mapping[str, Curve], **how: Any) -> Panel:
        return Panel(title, CURVES_IN, lambda axis: _curves(axis, curves, **how))

    bands = series.breaker_bands(samples, origin)
    reasons = dict(list(series.reasons(seen, origin, seconds).items())[:_MOST_REASONS])
    away = {row.name: row.away for row in rows}
    return [
        Panel("Blast radius: outside the objective (95 % served as on a healthy day)",
              _FRAME_IN + _BAND_IN * len(away), lambda axis: _away(axis, away, origin, seconds)),
        panel("Throughput, requests a second", {
            "offered": series.a_second(seen, origin, seconds, lambda _: True),
            "good (served within 2 s)": series.a_second(seen, origin, seconds, series.good),
        }),
        panel("Latency from the intended start, ms", {
            "p50": series.latency(seen, origin, seconds, 50),
            "p99": series.latency(seen, origin, seconds, 99),
        }, logarithmic=True),
        panel("Attempts a request at each hop", {
            "client → gateway": series.client_attempts(seen, origin, seconds),
            **series.hop_attempts(samples, origin),
        }, least=(0.9, 1.2)),
        panel("Not served, a second, by reason", reasons or {"nothing": Curve([0, seconds], [0, 0])}, least=(0, 1)),
        Panel("Breakers that were not always closed", _FRAME_IN + _BAND_IN * max(1, len(bands)),
              lambda axis: _bands(axis, bands)),
        panel("Outbox and projection, events", {
            "waiting in the outbox": series.sampled(samples, origin, lambda one: one.outbox_pending),
            "projection lag": series.sampled(samples, origin, lambda one: one.lag_events),
        }, least=(0, 5)),
        panel("Oldest event in the outbox, s", {
            "age": series.sampled(samples, origin, lambda one: one.outbox_oldest_s),
        }, least=(0, 1)),
    ]  # fmt: skip


def _curves(
    axis: Any, curves: Mapping[str, Curve], logarithmic: bool = False, least: tuple[float, float] | None = None
) -> None:
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        axis.plot(curve.at, curve.values, color=colour, linewidth=1.2, label=name)
    if logarithmic:
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
    elif least is not None:
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, least[0]) if least[0] else 0, max(high, least[1]))
    else:
        axis.set_ylim(bottom=0)
    _legend(axis, axis.get_legend_handles_labels()[0])


def _legend(axis: Any, handles: Sequence[Any]) -> None:
    """Beside the title, so that all plots are equally wide; inside the plot when there is no room for it."""
    beside = len(handles) <= _MOST_BESIDE
    axis.legend(
        handles=handles, loc="lower right" if beside else "upper right", bbox_to_anchor=(1.0, 0.98),
        ncols=_MOST_BESIDE, fontsize=8.0, handlelength=1.2, columnspacing=1.2, borderaxespad=0.0,
    )  # fmt: skip


def _bands(axis: Any, bands: Mapping[str, Sequence[series.Band]]) -> None:
    for place, stretches in enumerate(bands.values()):
        for band in stretches:
            colour = _BAND_COLOURS.get(band.state, "#9aa0a6")
            axis.broken_barh([(band.began, band.ended - band.began)], (place - 0.4, 0.8), facecolors=colour)
    _names(axis, list(bands) or ["every breaker stayed closed"])
    handles = [mpl.patches.Patch(color=colour, label=state) for state, colour in _BAND_COLOURS.items()]
    _legend(axis, handles)


def _away(axis: Any, away: Mapping[str, Sequence[Any]], origin: float, seconds: int) -> None:
    for place, stretches in enumerate(away.values()):
        axis.broken_barh([(0, seconds)], (place - 0.4, 0.8), facecolors=_BAND_COLOURS["closed"])
        for one in stretches:
            began, ended = one.left - origin, (seconds if one.back is None else one.back - origin)
            axis.broken_barh([(began, ended - began)], (place - 0.4, 0.8), facecolors=_BAND_COLOURS["open"])
            if ended - began >= _LABELLED_SHARE * seconds:
                told = f"from {began:.0f} s" if one.back is None else f"{began:.0f}–{ended:.0f} s"
                axis.text(began, place, f" {told}", va="center", fontsize=7.5, color="white")
    _names(axis, list(away) or ["no requests"])


def _names(axis: Any, names: Sequence[str]) -> None:
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.grid(visible=False)


def _shade(axis: Any, timeline: Timeline, origin: float) -> None:
    fault = timeline.span(Phase.FAULT)
    if fault is not None:
        axis.axvspan(fault.began - origin, fault.ended - origin, color=SHADE, zorder=-1, linewidth=0)
    if timeline.lifted_at is not None and timeline.served_at is not None:
        began, ended = timeline.lifted_at - origin, timeline.served_at - origin
        axis.axvspan(began, ended, color=_START_SHADE, zorder=-1, linewidth=0)
    if len(timeline.spans) > 1:
        axis.axvline(timeline.spans[0].ended - origin, color="#9aa0a6", linewidth=0.7, linestyle=":")
