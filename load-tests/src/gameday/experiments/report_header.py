"""The facts of a run for its report."""

import time

from gameday.experiments.run import Run
from gameday.report import facts
from gameday.report.facts import Facts


def facts_of(run: Run) -> Facts:
    definition, setup = run.definition, run.setup
    return Facts(
        experiment=definition.name,
        title=definition.title,
        description=" ".join(str(definition.raw["description"]).split()),
        row=definition.settings.row,
        hypothesis={name: expect.value for name, expect in definition.settings.expect.items()},
        on=setup.target.on,
        pace=setup.pace.name,
        seed=setup.seed,
        rate=round(definition.settings.share_of_capacity * setup.capacity_per_s, 1),
        capacity_per_s=round(setup.capacity_per_s, 1),
        began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.began)),
        command=facts.command(),
        machine=facts.machine(),
        versions=facts.versions(),
    )
