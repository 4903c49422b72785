"""How long a run takes: said before it starts."""

from typing import Final

from embedded.services import NAMES
from gameday.experiments import phase_lengths
from gameday.experiments.definition import Definition
from gameday.experiments.phase_lengths import PhaseLengths
from gameday.verdict.phases import Phase

PARTS_IN_TURN: Final = len(NAMES)


def run_s(definition: Definition, at: PhaseLengths, capacity_per_s: float) -> float:
    """Seconds from the start of the load to the verdict."""
    rate = definition.settings.share_of_capacity * capacity_per_s
    phases = sum(at.phase_s(Phase(one.name), rate, one.seconds) for one in definition.phases)
    jvm = phase_lengths.JVM_STARTS_S * len(definition.restarted_jvms)
    in_turn = sum(PARTS_IN_TURN * (one.down_s + phase_lengths.PART_STARTS_S) for one in definition.restarts)
    return (
        phase_lengths.GENERATOR_STARTS_S
        + at.warm_up_s
        + phases
        + jvm
        + in_turn
        + definition.flaps_s
        + phase_lengths.AUDIT_S
    )


def at_most_s(definition: Definition, at: PhaseLengths) -> float:
    """What the generator is started for: it ends by itself if nobody ends it. Phases, and a minute for each fault."""
    phases = sum(max(at.at_most_s, one.seconds or 0.0) for one in definition.phases)
    in_turn = sum(PARTS_IN_TURN * (one.down_s + 30.0) for one in definition.restarts)
    warm_up = at.warm_up_s + at.settles_within_s
    return warm_up + phases + in_turn + definition.flaps_s + 60.0 * (1 + len(definition.faults))


def spoken(seconds: float) -> str:
    """`95 s` or `12 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
