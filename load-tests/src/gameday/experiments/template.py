"""An experiment for any part and kind of fault, out of its row of the matrix: `projector-paused`, `query-killed`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gameday.experiments.matrix import KINDS, PARTS, MatrixRow, row_of
from gameday.nemesis.fault import Kind
from gameday.verdict.observation import JudgedBy

FAULT_FOR_S: Final = 600
"""When a fault ends by itself if nobody lifts it: a phase lasts 480 s at most, and some for injecting and lifting."""


def names() -> Sequence[str]:
    """Every experiment that can be made."""
    return [f"{part}-{word}" for part in PARTS for word in KINDS]


def made(name: str) -> dict[str, Any] | None:
    """The experiment in Chaos Toolkit's format; None when the name is not of the form part-killed, -paused or -slow."""
    part, _, word = name.rpartition("-")
    if name not in names():
        return None
    row = row_of(part)
    what = {"killed": "killed", "paused": "paused", "slow": "slow (it stands still four fifths of the time)"}[word]
    kind = KINDS[word]
    return experiment(
        title=f"{part} is {what}",
        description=f"Row “{row.name}” of the matrix: its journeys get the promised answer, the others do not notice.",
        settings=_settings(row, part, kind),
        inject=action("inject the fault", "inject_fault", {"part": part, "kind": kind.value, "for_s": FAULT_FOR_S}),
        lift=action("lift the fault", "lift_fault", {"part": part}),
        tags=[part, kind.value],
    )


def experiment(
    title: str,
    description: str,
    settings: Mapping[str, Any],
    inject: Mapping[str, Any],
    lift: Mapping[str, Any],
    tags: Sequence[str],
) -> dict[str, Any]:
    """One kind of trouble, from calm to calm: `inject` begins it and `lift` ends it."""
    return {
        "title": title,
        "description": description,
        "tags": list(tags),
        "extensions": [dict(settings)],
        "controls": [{"name": "run", "provider": {"type": "python", "module": "gameday.experiments.control"}}],
        "steady-state-hypothesis": {
            "title": "Shoppers are served",
            "probes": [
                {
                    "type": "probe",
                    "name": "every journey was served in the last seconds",
                    "tolerance": True,
                    "provider": _call("probes", "all_served", {"last_s": 5, "share": 0.95}),
                }
            ],
        },
        "method": [
            action("watch the healthy shop", "phase", {"name": "healthy"}),
            dict(inject),
            action("watch the faulted shop", "phase", {"name": "fault"}),
            dict(lift),
            action("watch it recover", "phase", {"name": "recovery"}),
            action("watch the recovered shop", "phase", {"name": "after"}),
        ],
        "rollbacks": [action("lift whatever is left and start what is down", "reset", {})],
    }


def _settings(row: MatrixRow, part: str, kind: Kind) -> dict[str, Any]:
    """A slow part may still answer in time: then no breaker has to open, and nobody is caught. A gateway that is slow,
    or paused and lets those wait who still wait at its end, answers late itself.
    """
    settings: dict[str, Any] = {
        "name": "holdfast",
        "row": row.name,
        "judged_by": row.judged_by.value,
        "expect": {name: expect.value for name, expect in row.expect.items()},
    }
    if row.breaker and kind is not Kind.SLOW:
        settings |= {"breaker": row.breaker, "caught_at_most": row.caught_at_most}
    if row.judged_by is JudgedBy.FINAL and kind is not Kind.KILL:
        settings["apart"] = part
    return settings


def action(name: str, func: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """One entry of the method: a function of gameday.experiments.actions."""
    return {"type": "action", "name": name, "provider": _call("actions", func, arguments)}


def _call(module: str, func: str, arguments: dict[str, Any]) -> dict[str, Any]:
    called = {"type": "python", "module": f"gameday.experiments.{module}", "func": func}
    return {**called, "arguments": arguments} if arguments else called
