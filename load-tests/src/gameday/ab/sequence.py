"""The whole experiment in its order: capacity, edge, runs, judgement, report."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from gameday.ab import edge, queries, report, wording
from gameday.ab.counters import read_told
from gameday.ab.curves import Shown
from gameday.ab.edge import Edge
from gameday.ab.judge import Judged, findings
from gameday.ab.measures import Measured, Moments, measure, recovery_s
from gameday.ab.plan import MIX_TEXT, OFF, PROBE, READS, Planned
from gameday.ab.report import Experiment
from gameday.ab.trial import Lab, Times, Trial
from gameday.nemesis.fault import Refused
from gameday.report import facts
from gameday.verdict.observation import JudgedBy, Observation, see
from gameday.verdict.verdict import Finding, Result, Weight, result_of
from gameday.workload.records import read_records
from holdfast_tools.command_line import DATA

_QUICK_SHARE: Final = 0.7
"""Of the capacity, when the edge is not searched for: above it at three attempts and a client's repeat."""
_CAPACITY_S: Final = "60"
_FIRST_RATE: Final = "40"
_CACHED_S: Final = 10.0  # as long as the gateways may answer a search out of memory without anything being wrong
_SETTLED_S: Final = 8.0
"""Requests that began so long ago have their answer: two attempts of 2 s, and what a client waits between them."""


@dataclass
class Course:
    """One experiment. Its files are in `folder`, a run's in a folder of its own below."""

    lab: Lab
    folder: Path
    console: Console
    trials: list[Trial] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    capacity: float | None = None
    edge: Edge | None = None
    rate: float | None = None
    began: float = field(default_factory=time.time)

    def take(self, runs: Sequence[Planned], rate: float | None, searches: bool) -> Result:
        """What was done until it was refused or interrupted is reported too."""
        also: list[Finding] = []
        try:
            self._go(runs, rate, searches)
        except Refused as error:
            also.append(Finding(Weight.VOID, f"{str(error).capitalize()}."))
        except KeyboardInterrupt:
            also.append(Finding(Weight.VOID, "Interrupted."))
        told = self._told([*also, *findings(self.judged)])
        report.write(self.folder, told, [shown(trial) for trial in self.trials])
        report.show(self.console, told, self.folder)
        return told.result

    def _go(self, runs: Sequence[Planned], rate: float | None, searches: bool) -> None:
        if rate is None:
            self.capacity = self._measure_capacity()
            rate = self._search(self.capacity) if searches else _QUICK_SHARE * self.capacity
        self.rate = rate
        self.console.print(f"the comparison runs at {rate:.0f} arrivals a second")
        for planned in runs:
            trial = self._tell_and_run(planned, rate * planned.case.share)
            judged = Judged(planned, trial.rate, measured(trial), trial.load, trial.audit, trial.unoffered)
            self.trials.append(trial)
            self.judged.append(judged)
            self.console.print(f"  {wording.line(judged)}", highlight=False)

    def _told(self, found: Sequence[Finding]) -> Experiment:
        said = ""
        if self.rate is not None and self.trials:
            seconds = self.trials[0].planned.seconds
            said = queries.sentence(queries.repeats(DATA, self.rate, seconds, self.lab.seed, _CACHED_S))
        return Experiment(
            result_of(found), found, self.judged, self.capacity, self.edge, self.rate, said, self._facts()
        )

    def _facts(self) -> dict[str, str]:
        rate = "" if self.rate is None else f"{self.rate:.1f} arrivals a second, "
        return {
            "command": facts.command(),
            "load": f"{rate}seed {self.lab.seed}, {MIX_TEXT}",
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "machine": facts.machine(),
            "versions": facts.versions(),
        }

    def _tell_and_run(self, planned: Planned, rate: float) -> Trial:
        self.console.print(f"{planned.case.name} #{planned.number}: {rate:.0f} a second", style="bold")
        return self.lab.run(planned, rate, self.folder / planned.folder)

    def _measure_capacity(self) -> float:
        """Arrivals of this mix a second that the protected shop serves. Raises Refused."""
        self.console.print("measuring the capacity for this mix, one to three minutes")
        self.lab.calm()  # a shop that has just been started is not
        out = self.folder / "capacity.json"
        command = [str(Path(sys.executable).parent / "holdfast-capacity"), "--url", ",".join(self.lab.target.gateways)]
        command += ["--mix", MIX_TEXT, "--longest", _CAPACITY_S, "--from", _FIRST_RATE, "--out", str(out)]
        if subprocess.run([*command, "--acks", str(self.folder / "capacity-acks.jsonl")], check=False).returncode:
            raise Refused("the capacity could not be measured, see above")
        return float(json.loads(out.read_text())["capacity_per_s"])

    def _search(self, capacity: float) -> float:
        """The rate of the comparison. Raises Refused when there is no edge."""
        self.console.print(f"capacity {capacity:.0f} a second; searching for the edge without protections")

        def attempt(rate: float) -> Measured:
            planned = Planned(OFF, 1, PROBE)
            return measured(self.lab.run(planned, rate, self.folder / f"edge-{rate:.0f}", healed))

        self.edge = edge.find(capacity, attempt, lambda step: self.console.print(f"  {step}", highlight=False))
        if self.edge.rate is None:
            raise Refused("no load was found at which the unprotected shop stays down")
        return self.edge.rate


def seen(folder: Path) -> Sequence[Observation]:
    """What shoppers met: the answer that each ended up with."""
    return [one for one in see(read_records(folder / "requests.csv"), JudgedBy.FINAL) if one.journey != "admin"]


def moments(trial: Trial) -> Moments:
    times = trial.times
    return Moments(times.began + trial.planned.shape.warm_up_s, times.struck, times.lifted, times.ended)


def measured(trial: Trial) -> Measured:
    """Raises Refused for a run without reads."""
    try:
        return measure(seen(trial.times.folder), moments(trial))
    except ValueError as error:
        raise Refused(f"{trial.times.folder}: {error}") from error


def healed(times: Times) -> bool:
    """Whether reads are back already, as far as all answers are known."""
    reads = [one for one in seen(times.folder) if one.journey == READS]
    return recovery_s(reads, times.lifted, times.ended - _SETTLED_S) is not None


def shown(trial: Trial) -> Shown:
    """The run as it is drawn."""
    folder = trial.times.folder
    return Shown(trial.planned, seen(folder), read_told(folder / "counters.jsonl"), trial.times.struck)
