"""One run of one experiment, from calm to calm: load, samples, faults and the record of its phases."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gameday.experiments import steady_state
from gameday.experiments.definition import Definition
from gameday.experiments.estimate import at_most_s
from gameday.experiments.flood import Flood
from gameday.experiments.generator import HOLDFAST_LOAD, Generator
from gameday.experiments.phase_lengths import PhaseLengths
from gameday.hostile.process import AttackProcess
from gameday.monitor.abort import AbortCondition
from gameday.monitor.memory import MemoryWatch
from gameday.monitor.sampler import Sampler
from gameday.nemesis.fault import Fault, Refused
from gameday.report.files import Report
from gameday.target import Target
from gameday.verdict.judge import is_open
from gameday.verdict.observation import Observation, see
from gameday.verdict.phases import Phase, Span, Timeline
from gameday.verdict.rows import rows
from gameday.workload.records import Tail

_LOOK_EACH_S: Final = 0.5
_SERVES_WITHIN_S: Final = 90.0
"""Longest wait for a restarted part: a JVM on two busy cores takes a third of it."""

_DECIDE_EACH_S: Final = 2.0
_STEADY_S: Final = 5.0
_STEADY_SHARE: Final = 0.95
"""As the experiments' steady state: so much of the last seconds is served."""

Told = Callable[[str, float, str], None]
"""Progress: what goes on, since how many seconds, and how far it is."""


def silent(what: str, since_s: float, how_far: str) -> None:
    """Tells nobody."""
    del what, since_s, how_far


class Stopped(Exception):
    """The run cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run needs beside its experiment.

    metrics: where counters are read. capacity_per_s: as measured. load: the program that makes it.
    """

    target: Target
    metrics: dict[str, str]
    pace: PhaseLengths
    capacity_per_s: float
    seed: int
    told: Told = silent
    load: Sequence[str] = HOLDFAST_LOAD


class Run:
    """The state between one call of Chaos Toolkit and the next. Its files are in `folder`."""

    def __init__(self, definition: Definition, setup: Setup, folder: Path) -> None:
        self.definition = definition
        self.setup = setup
        self.folder = folder
        self.timeline = Timeline()
        self.stopped = ""
        self.interrupted_by_hand = False
        self.began = time.time()
        self.generators: list[Generator] = []
        self.besides: list[Flood] = []
        self.attacks: list[AttackProcess] = []
        self.report: Report | None = None
        self.seen: list[Observation] = []
        self._struck = self._interrupted = self._decided = False
        self._decided_at = 0.0
        self._tails: list[Tail] = []
        self._sampler = Sampler(folder / "samples.jsonl", setup.target.gateways, setup.metrics)
        abort, hypothesis = definition.settings.abort, definition.hypothesis(setup.capacity_per_s)
        self._abort = AbortCondition(hypothesis, abort.below, abort.for_s)
        self._memory = MemoryWatch(folder / "memory.jsonl", setup.target.memory) if definition.attacks else None

    def begin(self) -> None:
        """Calms the shop, starts load and samples, and lets it warm up. Raises Stopped and Refused."""
        self.calm()
        for name in self.definition.attacks:
            self.setup.told("preparing the attack", 0.0, "")
            self.attacks.append(AttackProcess(name, self.setup.target.gateways, self.folder))
            self.attacks[-1].await_prepared()
        self.setup.told("preparing shoppers", 0.0, "")
        self._sampler.start()
        if self._memory is not None:
            self._memory.start()
        began = self.more_load(self.definition.settings.share_of_capacity)
        self._watch(Phase.WARM_UP, began, lambda: self._warm(time.time() - began))

    def _warm(self, lasted_s: float) -> bool:
        """Whether the warm-up is over: a hiccup at its end is given time to pass."""
        pace = self.setup.pace
        if lasted_s < pace.warm_up_s:
            return False
        recent = self.answered_since(time.time() - _STEADY_S)
        return lasted_s >= pace.warm_up_s + pace.settles_within_s or steady_state.served(recent, _STEADY_SHARE)

    def more_load(self, share_of_capacity: float) -> float:
        """Starts one more generator; the moment its schedule begins. Raises Stopped."""
        number = len(self.generators)
        generator = Generator(
            self.setup.load,
            self.folder if number == 0 else self.folder / f"load-{number + 1}",
            self.setup.target.gateways,
            rate=share_of_capacity * self.setup.capacity_per_s,
            seconds=at_most_s(self.definition, self.setup.pace),
            seed=self.setup.seed + number,
        )
        self.generators.append(generator)
        self._tails.append(Tail(generator.records))
        try:
            return generator.start()
        except Refused as error:
            raise Stopped(str(error)) from error

    def end_besides(self) -> None:
        """Ends all load but the experiment's own."""
        more: list[Generator | Flood | AttackProcess] = [*self.generators[1:], *self.besides, *self.attacks]
        for load in more:
            load.stop()

    def phase(self, phase: Phase, own_s: float | None = None) -> None:
        """Lets a phase last until each journey has its count. Raises Stopped."""
        pace, last = self.setup.pace, self.timeline.spans[-1]
        began = last.began if last.phase is phase else last.ended
        since = self.timeline.heals_from if phase is Phase.RECOVERY else None
        least_s = own_s or pace.at_least_s[phase]
        most_s = max(pace.at_most_s, least_s)

        def over() -> bool:
            lasted_s = time.time() - (since or began)
            if phase is Phase.RECOVERY:
                return lasted_s >= least_s
            if lasted_s < least_s or (lasted_s < most_s and self._missing(phase, began)):
                return False
            return lasted_s >= most_s or phase is not Phase.FAULT or self._is_decided()

        self._watch(phase, began, over)

    def trouble_begins(self) -> None:
        """The healthy phase ends now; nothing happens the second time."""
        if not self._struck:
            self._struck = True
            self._record(replace(self.timeline.spans[-1], ended=time.time()))

    def fault_begins(self, at: float) -> None:
        """The fault's phase begins at that moment; what was between it and the healthy phase is not judged."""
        self._record(Span(Phase.FAULT, at, at))

    def trouble_ends(self) -> None:
        """The fault's phase ends now; nothing happens the second time."""
        if self.timeline.lifted_at is None:
            self._record(replace(self.timeline.spans[-1], ended=time.time()))

    def lifted(self) -> None:
        """Recovery counts from now."""
        self.timeline = replace(self.timeline, lifted_at=time.time())

    def inject_fault(self, fault: Fault) -> None:
        """Raises Refused."""
        self.trouble_begins()
        self.setup.target.faults.inject(fault)

    def attack(self, name: str) -> None:
        """Raises Refused."""
        next(attack for attack in self.attacks if attack.name == name).begin()

    def lift_fault(self, part: str) -> None:
        """Lifts the fault, and waits until a restarted JVM serves. Raises Refused and Stopped."""
        self.trouble_ends()
        self.setup.target.faults.lift(part)
        self.lifted()
        if part in self.definition.restarted_jvms:
            self.await_serving(part, Phase.RECOVERY)
            self.timeline = replace(self.timeline, served_at=time.time())

    def await_serving(self, part: str, during: Phase) -> None:
        """Raises Stopped when the part does not serve again in time."""
        began = time.time()

        def serves() -> bool:
            if time.time() - began > _SERVES_WITHIN_S:
                raise Stopped(f"{part} did not serve within {_SERVES_WITHIN_S:.0f} s of its start")
            return self.setup.target.faults.serves(part)

        self.watch(during, serves)

    def stop(self, why: str, aborted: bool = False) -> None:
        """Remembers why the run cannot go on; the first reason stays."""
        if not self.stopped:
            self.stopped = why
            self.timeline = replace(self.timeline, aborted=why if aborted else "")

    def interrupt(self) -> str:
        """Why the run cannot go on, told once; "" before and afterwards."""
        why = "" if self._interrupted else self.stopped
        self._interrupted = bool(self.stopped)
        return why

    def calm(self) -> Sequence[str]:
        return self.setup.target.faults.calm()

    def close(self) -> None:
        """Lifts all faults, ends load and samples, each whatever becomes of the others. Nothing happens twice."""
        try:
            self.calm()
        finally:
            try:
                self.end_besides()
                for generator in self.generators[:1]:
                    generator.stop()
            finally:
                self._sampler.stop()
                if self._memory is not None:
                    self._memory.stop()
                self.timeline.write(self.folder / "phases.json")

    def answered_since(self, moment: float) -> list[Observation]:
        return [one for one in self.seen if one.ended >= moment]

    def watch(self, phase: Phase, over: Callable[[], bool]) -> None:
        """Goes on with this phase, or begins it, until it is over. Raises Stopped."""
        last = self.timeline.spans[-1]
        self._watch(phase, last.began if last.phase is phase else last.ended, over)

    def _watch(self, phase: Phase, began: float, over: Callable[[], bool]) -> None:
        """Looks each half second until it is over. Raises Stopped when the abort condition holds or the load died.

        Before the fault a shop that serves too little says nothing about it; in the warm-up it may.
        """
        while True:
            self._record(Span(phase, began, time.time()))
            new = self._look()
            reason = self._abort.reason(new, time.time())
            if reason and phase is not Phase.WARM_UP:
                self.stop(reason, aborted=self._struck)
                raise Stopped(reason)
            if not self.generators[0].lives():
                raise Stopped("the load ended before the run did")
            if over():
                self._record(Span(phase, began, time.time()))
                return
            missing = ", ".join(f"{journey} {count}" for journey, count in self._missing(phase, began).items())
            self.setup.told(phase.value, time.time() - began, f"still {missing}" if missing else "")
            time.sleep(_LOOK_EACH_S)

    def _look(self) -> list[Observation]:
        settings = self.definition.settings
        new = [one for tail in self._tails for one in see(tail.new(), settings.judged_by, settings.apart)]
        self.seen += new
        return new

    def _is_decided(self) -> bool:
        """Whether more requests would decide nothing; looked at every few seconds."""
        if time.time() - self._decided_at >= _DECIDE_EACH_S:
            self._decided_at = time.time()
            hypothesis = self.definition.hypothesis(self.setup.capacity_per_s)
            table = rows(self.seen, self.timeline, hypothesis)
            self._decided = not is_open(table, hypothesis, self.setup.pace.bars)
        return self._decided

    def _missing(self, phase: Phase, began: float) -> dict[str, int]:
        """How many requests of each judged journey the phase still lacks."""
        counts = self.setup.pace.counts.get(phase, {})
        have = dict.fromkeys(counts, 0)
        for one in reversed(self.seen):
            if one.ended < began:
                break
            if one.began >= began and one.journey in have:
                have[one.journey] += 1
        return {one: count - have[one] for one, count in counts.items() if have[one] < count}

    def _record(self, span: Span) -> None:
        kept = [one for one in self.timeline.spans if one.phase is not span.phase]
        self.timeline = replace(self.timeline, spans=(*kept, span))
