"""Chaos Toolkit runs the experiment; whatever happens, the shop is left calm."""

from chaoslib.experiment import run_experiment

from gameday.experiments import active_run
from gameday.experiments.run import Run
from gameday.nemesis.fault import Refused
from gameday.report.files import Report

_SETTINGS = {"runtime": {"rollbacks": {"strategy": "always"}}}


def conduct(run: Run) -> Report:
    """From calm to calm. Raises Refused when it could not be brought to its end."""
    active_run.begin(run)
    try:
        journal = run_experiment(run.definition.raw, settings=_SETTINGS)
    finally:
        active_run.end()
        run.close()
    if run.report is None:
        raise Refused(f"experiment {run.definition.name} has no outcome: {run.stopped or journal['status']}")
    run.interrupted_by_hand = journal["status"] == "interrupted" and not run.timeline.aborted
    return run.report
