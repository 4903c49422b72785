"""The run that Chaos Toolkit's calls are about: it calls plain functions, one experiment at a time."""

from gameday.experiments.run import Run
from gameday.nemesis.fault import Refused

_runs: list[Run] = []


def begin(run: Run) -> None:
    _runs.append(run)


def prepared() -> bool:
    return bool(_runs)


def end() -> None:
    _runs.clear()


def run() -> Run:
    """Raises Refused outside an experiment."""
    if not _runs:
        raise Refused("no experiment runs: it needs the control gameday.experiments.control")
    return _runs[-1]
