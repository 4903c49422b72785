"""The life of a run, as a control of Chaos Toolkit: it begins before the steady state is asked and ends after the
rollbacks, and stops an experiment that must not go on.

`holdfast-chaos` prepares the run; `chaos run FILE` has it prepared here, in the full form, on the shop that ON names.
"""

import os
from typing import Any

from chaoslib.exceptions import InterruptExecution

from gameday.experiments import active_run
from gameday.experiments.conclusion import end
from gameday.experiments.preparation import prepare
from gameday.experiments.run import Stopped
from gameday.nemesis.fault import Refused


def before_experiment_control(context: dict[str, Any], **_: Any) -> None:
    """Starts load and samples, and waits out the warm-up."""
    try:
        if not active_run.prepared():
            active_run.begin(prepare(context, os.environ.get("ON", "local")))
        active_run.run().begin()
    except (Stopped, Refused) as error:
        if active_run.prepared():
            active_run.run().stop(str(error))
            active_run.run().interrupt()
        raise InterruptExecution(str(error)) from error


def after_activity_control(context: dict[str, Any], state: Any, **_: Any) -> None:
    """An action that could not go on ends the experiment, once: the rollbacks, which come next, are actions too."""
    del context, state
    if active_run.prepared() and (why := active_run.run().interrupt()):
        raise InterruptExecution(why)


def after_experiment_control(context: dict[str, Any], state: dict[str, Any], **_: Any) -> None:
    """Ends everything, audits, judges and reports."""
    del context
    if active_run.prepared():
        end(active_run.run(), state)
