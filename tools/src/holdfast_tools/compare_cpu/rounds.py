"""One round: what a step of each journey costs shops that have just been started, measured in turn."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from holdfast_tools.compare_cpu import proc, process_tree
from holdfast_tools.compare_cpu.crowd import Crowd
from holdfast_tools.compare_cpu.errors import RoundFailed
from holdfast_tools.compare_cpu.journeys import Call, Journey, visits
from holdfast_tools.compare_cpu.process_tree import Usage
from holdfast_tools.compare_cpu.stack import Running

WARM_UP_STEPS: Final = 300
_IDLE_S: Final = 6.0
_SETTLE_S: Final = 2.0
"""Longer than the gateway keeps a process's status, by which a shop is known to have caught up."""
_CAUGHT_UP_WITHIN_S: Final = 30.0
_TURNS: Final = ((0, 0), (1, 0), (1, 1), (0, 1))
"""(shop, half of a journey's guests): A B B A. The speed of a machine changes within minutes by a fifth and more, then
for both shops."""
_REPEATS_SHARE: Final = 0.01
_STATUS: Final = Call("GET", "/api/ops/status")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds of one step by kind of process, the idle shop's subtracted; a small one may be negative."""

    cpu_ms: Mapping[str, float]
    wall_s: float
    repeats: int

    @property
    def total_ms(self) -> float:
        return sum(self.cpu_ms.values())


@dataclass(frozen=True, slots=True)
class Round:
    """Each journey's cost by its name, and the cores that the idle shop used, by kind.

    `other_cores` is what everything else on the machine used meanwhile: more than a tenth disturbs, since a process
    that shares caches and is moved between cores needs more time for the same work.
    """

    journeys: Mapping[str, Cost]
    idle_cores: Mapping[str, float]
    other_cores: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process tree and the whole machine had used at a time of time.monotonic."""

    at_s: float
    usage: Usage
    machine_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Span:
    """CPU seconds by kind during `lasted_s`, and those of the rest of the machine."""

    cpu_s: Mapping[str, float]
    lasted_s: float
    other_cpu_s: float = 0.0


def measure(
    shops: tuple[Running, Running], journeys: Sequence[Journey], products: Sequence[str], seed: object
) -> tuple[Round, Round]:
    """Warms both shops up, and measures one while the other is idle. Raises RoundFailed when a call or a process of
    them fails.
    """
    crowds = [Crowd(shop.gateways) for shop in shops]
    for crowd in crowds:
        _catch_up(crowd)
        for journey in journeys:
            crowd.perform(crowd.prepare(visits(journey, WARM_UP_STEPS, products, (seed, "warm-up"))))
    ready = {
        one: [crowd.prepare(visits(one, one.steps, products, (seed, "measured"))) for crowd in crowds]
        for one in journeys
    }
    for crowd in crowds:
        _catch_up(crowd)
    began = [_read(shop) for shop in shops]
    idle = [_idle(shops)]
    work = {one: (_Work([], 0), _Work([], 0)) for one in journeys}
    for journey, guests in ready.items():
        for side, half in _TURNS:
            done = work[journey][side]
            start = _read(shops[side])
            done.repeats += crowds[side].perform(guests[side][half::2])
            if journey.writes:
                _catch_up(crowds[side])
            done.spans.append(between(start, _read(shops[side])))
    for crowd in crowds:
        _catch_up(crowd)
    idle.append(_idle(shops))
    if any(_read(shop).usage.parts != before.usage.parts for shop, before in zip(shops, began, strict=True)):
        raise RoundFailed("a process of the stack ended and was restarted")
    return _round(0, idle, work), _round(1, idle, work)


@dataclass(slots=True)
class _Work:
    """What one shop did of a journey, and how many of its calls were repeated."""

    spans: list[Span]
    repeats: int


def _round(side: int, idle: Sequence[Sequence[Span]], work: Mapping[Journey, Sequence[_Work]]) -> Round:
    spans = [each[side] for each in idle]
    idle_cores = rate(spans)
    others = sum(span.other_cpu_s for span in spans) / sum(span.lasted_s for span in spans)
    costs = {}
    for journey, done in work.items():
        repeats = done[side].repeats
        if repeats > _REPEATS_SHARE * journey.steps:
            raise RoundFailed(f"{journey.name}: {repeats} responses 429 or 503 in {journey.steps} steps")
        costs[journey.name] = cost_of_step(journey, together(done[side].spans), repeats, idle_cores)
    return Round(costs, idle_cores, others)


def _catch_up(crowd: Crowd) -> None:
    """Returns when what was written has been published and projected. Raises RoundFailed after 30 s."""
    deadline = time.monotonic() + _CAUGHT_UP_WITHIN_S
    while time.monotonic() < deadline:
        time.sleep(_SETTLE_S)
        with crowd.shopper() as shopper:
            status = json.loads(shopper.call(_STATUS))
        if status["outbox"]["pending"] == 0 and status["projection"]["lag_events"] == 0:
            return
    raise RoundFailed(f"the read model had not caught up after {_CAUGHT_UP_WITHIN_S:g} s")


def _read(shop: Running) -> Reading:
    usage = process_tree.usage(shop.supervisor)
    return Reading(time.monotonic(), usage, proc.machine_cpu_s())


def between(start: Reading, end: Reading) -> Span:
    """What was used from one reading to the next."""
    before, after = start.usage.cpu_s, end.usage.cpu_s
    cpu_s = {kind: after.get(kind, 0.0) - before.get(kind, 0.0) for kind in {*before, *after}}
    others_s = end.machine_cpu_s - start.machine_cpu_s - sum(cpu_s.values())
    return Span(cpu_s, end.at_s - start.at_s, others_s)


def _idle(shops: Sequence[Running]) -> list[Span]:
    """Each shop's own use without calls; `other_cpu_s` is what neither of them used."""
    start = [_read(shop) for shop in shops]
    time.sleep(_IDLE_S)
    spans = [between(before, _read(shop)) for before, shop in zip(start, shops, strict=True)]
    all_s = sum(sum(span.cpu_s.values()) for span in spans)
    return [replace(span, other_cpu_s=span.other_cpu_s + sum(span.cpu_s.values()) - all_s) for span in spans]


def together(spans: Sequence[Span]) -> Span:
    """What was used in all of them."""
    kinds = {kind for span in spans for kind in span.cpu_s}
    cpu_s = {kind: sum(span.cpu_s.get(kind, 0.0) for span in spans) for kind in kinds}
    return Span(cpu_s, sum(span.lasted_s for span in spans), sum(span.other_cpu_s for span in spans))


def rate(spans: Sequence[Span]) -> dict[str, float]:
    """CPU seconds a second, by kind."""
    lasted_s = sum(span.lasted_s for span in spans)
    kinds = {kind for span in spans for kind in span.cpu_s}
    return {kind: sum(span.cpu_s.get(kind, 0.0) for span in spans) / lasted_s for kind in kinds}


def cost_of_step(journey: Journey, span: Span, repeats: int, idle_cores: Mapping[str, float]) -> Cost:
    """A journey's cost, `idle_cores` subtracted for as long as it lasted. Raises RoundFailed when nothing is left."""
    cpu_ms = {
        kind: 1000 * (spent_s - idle_cores.get(kind, 0.0) * span.lasted_s) / journey.steps
        for kind, spent_s in span.cpu_s.items()
    }
    cost = Cost(cpu_ms, span.lasted_s, repeats)
    if cost.total_ms <= 0:
        raise RoundFailed(f"{journey.name}: the idle shop used as much CPU time as the shop at work")
    return cost
