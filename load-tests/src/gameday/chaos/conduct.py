"""Chaos Toolkit runs the experiment; whatever happens, the shop is left calm."""

from chaoslib.experiment import run_experiment

from gameday.chaos import current
from gameday.chaos.run import Run
from gameday.faults.fault import Refused
from gameday.report.files import Report

_SETTINGS = {"runtime": {"rollbacks": {"strategy": "always"}}}


def conduct(run: Run) -> Report:
    """From calm to calm. Raises Refused when it could not be brought to its end."""
    current.begin(run)
    try:
        journal = run_experiment(run.definition.raw, settings=_SETTINGS)
    finally:
        current.end()
        run.close()
    if run.report is None:
        raise Refused(f"experiment {run.definition.name} has no outcome: {run.stopped or journal['status']}")
    run.interrupted_by_hand = journal["status"] == "interrupted" and not run.timeline.aborted
    return run.report
