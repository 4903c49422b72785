"""An experiment as it is before anything starts: read, checked to the last number, or refused in one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from chaoslib.exceptions import ChaosException
from chaoslib.experiment import ensure_experiment_is_valid
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gameday.experiments.matrix import JVMS
from gameday.hostile.registry import NAMES
from gameday.nemesis.fault import Fault, Kind, Refused
from gameday.verdict.bars import P99_NEVER_STRICTER_MS
from gameday.verdict.expect import Expect, Hypothesis
from gameday.verdict.observation import JudgedBy, call_at
from gameday.verdict.phases import Phase
from gameday.verdict.rows import ORDER as JOURNEYS
from gameday.workload.mix import MIX

ACTIONS: Final = "gameday.experiments.actions"
_COURSE: Final = [Phase.HEALTHY, Phase.FAULT, Phase.RECOVERY, Phase.AFTER]
_CALLS: Final = frozenset(name for step in MIX for name in (step.journey, f"{step.journey}/{step.call}"))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Abort(_Strict):
    """Stop when a journey that does not need the part is served less than `below` of its calls over `for_s` seconds."""

    below: float = Field(default=0.8, gt=0, lt=1)
    for_s: float = Field(default=5.0, ge=1, le=60)


class Settings(_Strict):
    """The file's extension `holdfast`: what chaos experiments in general do not know.

    row: of the matrix, by which runs are pooled. share_of_capacity: the load, of the measured capacity.
    apart: the faulted gateway, when it still answers: what it answers itself has rows of its own, which have to be well
    again in time, since the matrix promises the other port.
    goodput_share: of the capacity, has to be served during the fault; for load that is too much. p99_floor_ms: p99 of
    those who do not need the part is never judged stricter.
    """

    name: Literal["holdfast"]
    row: str = Field(min_length=1)
    share_of_capacity: float = Field(default=0.3, gt=0, le=1)
    judged_by: JudgedBy = JudgedBy.FIRST
    apart: Literal["", "gateway-1", "gateway-2"] = ""
    expect: dict[str, Expect] = {}
    breaker: str = ""
    caught_at_most: int | None = Field(default=None, ge=0)
    goodput_share: float | None = Field(default=None, gt=0, le=1)
    p99_floor_ms: float = Field(default=P99_NEVER_STRICTER_MS, ge=P99_NEVER_STRICTER_MS, le=2000)
    abort: Abort = Abort()


class PhaseArguments(_Strict):
    """A phase lasts at least `seconds`, when given, else what the pace says."""

    name: Literal["healthy", "fault", "recovery", "after"]
    seconds: float | None = Field(default=None, gt=0, le=900)


class InjectArguments(_Strict):
    """The fields of a Fault."""

    part: str
    kind: Kind
    for_s: float
    stopped_share: float = 0.8
    latency_ms: int = 0
    percent: float = 100.0

    def fault(self) -> Fault:
        return Fault(**self.model_dump())


class LiftArguments(_Strict):
    part: str


class SurgeArguments(_Strict):
    """More load on top, of the measured capacity."""

    share_of_capacity: float = Field(gt=0, le=5)


class FloodArguments(_Strict):
    """One client that calls so often a second."""

    rate: float = Field(gt=0, le=2000)


class AttackArguments(_Strict):
    """A hostile caller, by the name of its attack."""

    name: Literal[NAMES]  # type: ignore[valid-type]


class RestartArguments(_Strict):
    """Every part killed in turn, each back before the next."""

    down_s: float = Field(gt=0, le=60)


class FlapArguments(_Strict):
    """A part struck for `down_s` and lifted for `up_s`, so many times."""

    part: str
    kind: Kind
    down_s: float = Field(gt=0, le=60)
    up_s: float = Field(gt=0, le=60)
    times: int = Field(gt=0, le=100)

    def fault(self) -> Fault:
        return Fault(self.part, self.kind, self.down_s)


class NoArguments(_Strict):
    pass


_ARGUMENTS: Final[Mapping[str, type[BaseModel]]] = {
    "phase": PhaseArguments,
    "inject_fault": InjectArguments,
    "lift_fault": LiftArguments,
    "surge": SurgeArguments,
    "ease": NoArguments,
    "flood": FloodArguments,
    "attack": AttackArguments,
    "restart_in_turn": RestartArguments,
    "flap": FlapArguments,
    "reset": NoArguments,
}
_FACTOR: Final = TypeAdapter(Annotated[dict[str, Any], Field(min_length=1)])


@dataclass(frozen=True, slots=True)
class Definition:
    """One experiment; `raw` is what Chaos Toolkit runs."""

    name: str
    raw: dict[str, Any]
    settings: Settings
    actions: Sequence[BaseModel]

    @property
    def title(self) -> str:
        return str(self.raw["title"])

    @property
    def faults(self) -> Sequence[Fault]:
        return [action.fault() for action in self.actions if isinstance(action, InjectArguments | FlapArguments)]

    @property
    def phases(self) -> Sequence[PhaseArguments]:
        return [action for action in self.actions if isinstance(action, PhaseArguments)]

    @property
    def restarted_jvms(self) -> Sequence[str]:
        """The killed parts whose start takes so long that recovery counts from their readiness."""
        return [fault.part for fault in self.faults if fault.kind is Kind.KILL and fault.part in JVMS]

    @property
    def restarts(self) -> Sequence[RestartArguments]:
        return [action for action in self.actions if isinstance(action, RestartArguments)]

    @property
    def attacks(self) -> Sequence[str]:
        """The names of its attacks."""
        return [action.name for action in self.actions if isinstance(action, AttackArguments)]

    @property
    def flaps_s(self) -> float:
        flaps = [action for action in self.actions if isinstance(action, FlapArguments)]
        return sum(one.times * (one.down_s + one.up_s) for one in flaps)

    @property
    def highest_share(self) -> float:
        surges = [action.share_of_capacity for action in self.actions if isinstance(action, SurgeArguments)]
        return self.settings.share_of_capacity + sum(surges)

    def hypothesis(self, capacity_per_s: float) -> Hypothesis:
        goodput, apart = self.settings.goodput_share, self.settings.apart
        at_its_port = {f"{journey}/{call_at(apart)}": Expect.BEST_EFFORT for journey in JOURNEYS} if apart else {}
        return Hypothesis(
            expect=self.settings.expect | at_its_port,
            breaker=self.settings.breaker,
            caught_at_most=self.settings.caught_at_most,
            goodput_per_s=None if goodput is None else goodput * capacity_per_s,
            p99_floor_ms=self.settings.p99_floor_ms,
        )


def define(name: str, raw: object) -> Definition:
    """The experiment in this document. Raises Refused with the place and what is wrong there."""
    try:
        document = _FACTOR.validate_python(raw)
        settings = Settings.model_validate(_extension(document))
        actions = [_action(entry) for entry in [*document.get("method", ()), *document.get("rollbacks", ())]]
        definition = Definition(name, document, settings, actions)
        _check(definition)
        ensure_experiment_is_valid(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Refused(f"experiment {name}: {place}: {first['msg']}, not {first['input']!r}") from error
    except (ChaosException, Refused, KeyError, TypeError) as error:
        raise Refused(f"experiment {name}: {error}") from error
    return definition


def _extension(document: Mapping[str, Any]) -> Any:
    found = [one for one in document.get("extensions", ()) if one.get("name") == "holdfast"]
    if len(found) != 1:
        raise Refused(f"it needs one extension named holdfast, and has {len(found)}")
    return found[0]


def _action(entry: Mapping[str, Any]) -> BaseModel:
    provider = entry["provider"]
    func = provider.get("func")
    if provider.get("module") != ACTIONS or func not in _ARGUMENTS:
        raise Refused(f"{entry.get('name')}: there is no {provider.get('module')}.{func}; there are {list(_ARGUMENTS)}")
    return _ARGUMENTS[func].model_validate(provider.get("arguments", {}))


def _check(definition: Definition) -> None:
    course = [Phase(phase.name) for phase in definition.phases]
    if course != _COURSE:
        raise Refused(f"its phases are {', '.join(_COURSE)} in this order, not {', '.join(course) or 'none'}")
    for row in definition.settings.expect:
        if row not in _CALLS:
            raise Refused(f"expect: there is no journey or call {row!r}")
    if len(definition.attacks) > 1:
        raise Refused(f"it has one attack at most, not {', '.join(definition.attacks)}")
    list(definition.faults)
    if "reset" not in [entry["provider"]["func"] for entry in definition.raw.get("rollbacks", ())]:
        raise Refused("its rollbacks must call reset, so that faults are lifted whatever happens")
