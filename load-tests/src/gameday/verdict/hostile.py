"""What an attack may not do: open a breaker, or take more memory than a part has. And whether it was strong enough."""

from collections.abc import Iterator, Mapping, Sequence

from gameday.hostile.summary import Summary
from gameday.monitor.memory import MemorySample
from gameday.monitor.samples import Sample
from gameday.verdict import bars
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.verdict import Finding, Hostile, MemoryPeak, Weight


def hostile(
    attack: Summary | None,
    samples: Sequence[Sample],
    memory: Sequence[MemorySample],
    limits: Mapping[str, int],
    timeline: Timeline,
) -> Hostile:
    """`limits`: bytes by part. Everything from the first moment of the attack to the end of the recovery counts."""
    began, ended = _from_attack_on(timeline)
    looked_at = [sample for sample in samples if began <= sample.at < ended and sample.breakers]
    before = [sample for sample in samples if sample.at < began and sample.breakers]
    breakers = _opened(before[-1] if before else None, looked_at)
    held: dict[str, int] = {}
    for look in memory:
        if began <= look.at < ended:
            for part, size in look.parts.items():
                held[part] = max(size, held.get(part, 0))
    peaks = [MemoryPeak(part, size, limits[part]) for part, size in held.items()]
    fullest_first = sorted(peaks, key=lambda one: -one.peak_bytes / one.limit_bytes)
    return Hostile(attack, len(looked_at), sorted(breakers), fullest_first)


def _opened(before: Sample | None, looked_at: Sequence[Sample]) -> set[str]:
    """Who was not closed. One that was half-open before, and still waits for calls to try, did not open."""
    waiting = set() if before is None else {one.name for one in before.breakers if one.state == "half-open"}
    opened: set[str] = set()
    for sample in looked_at:
        not_closed = {one.name: one.state for one in sample.breakers if one.state != "closed"}
        waiting = {name for name in waiting if not_closed.get(name) == "half-open"}
        opened |= not_closed.keys() - waiting
    return opened


def _from_attack_on(timeline: Timeline) -> tuple[float, float]:
    spans = [span for phase in (Phase.FAULT, Phase.RECOVERY) if (span := timeline.span(phase)) is not None]
    return (spans[0].began, spans[-1].ended) if spans else (0.0, 0.0)


def hostile_findings(shown: Hostile, timeline: Timeline) -> Iterator[Finding]:
    """Nothing for a run that did not come to its attack: other findings say so."""
    if timeline.span(Phase.FAULT) is None:
        return
    yield from _strength_findings(shown.attack, timeline)
    for breaker in shown.breakers:
        yield Finding(Weight.BAR, f"The breaker of {breaker} was not closed, bar: none opens for a caller's doing.")
    for one in shown.memory:
        if one.peak_bytes > one.limit_bytes:
            yield Finding(Weight.BAR, f"Memory: {one}, bar: its mem_limit.")
    if not timeline.aborted and not shown.samples:
        yield Finding(Weight.FEW, "No gateway told of its breakers during the attack.")
    if not timeline.aborted and not shown.memory:
        yield Finding(Weight.FEW, "No memory was measured during the attack.")


def _strength_findings(attack: Summary | None, timeline: Timeline) -> Iterator[Finding]:
    """A weak attack shows nothing, unless the shop fell to it all the same."""
    if timeline.aborted:
        return
    if attack is None:
        yield Finding(Weight.VOID, "The attacker ended before the attack did.")
        return
    whole = attack.windows[1:]  # it begins in the first one
    if not whole or min(whole) < attack.least:
        fewest = min(whole, default=0)
        yield Finding(Weight.VOID, f"The attack was weak: {fewest} calls in 2 s, bar {attack.least}.")
    all_it_has = attack.busy_share >= bars.ATTACK_BUSY_SHARE or attack.per_s >= bars.ATTACK_PER_S
    if attack.cpu_share < bars.ATTACK_CPU_SHARE and not all_it_has:
        share = f"{attack.cpu_share:.2f} of a core, bar {bars.ATTACK_CPU_SHARE:g}"
        rest = f"{attack.busy_share:.0%} of its clients busy and {attack.per_s:.0f} calls a second"
        yield Finding(Weight.VOID, f"The attack was weak: {share}, with {rest}.")
