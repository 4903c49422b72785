"""Where experiments are: a file each, and those that are made from the matrix by their name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from chaoslib.exceptions import ChaosException
from chaoslib.loader import parse_experiment_from_file

from gameday.experiments import template
from gameday.experiments.definition import Definition, define
from gameday.hostile import template as hostile
from gameday.nemesis.fault import Refused
from gameday.target import ROOT

EXPERIMENTS: Final = ROOT / "load-tests" / "experiments"
GATE: Final = (
    "command-replica-killed",
    "query-replica-paused",
    "gateway-killed",
    "projector-killed",
    "payment-hanging",
    "postgres-paused",
    "kafka-paused",
    "elasticsearch-slow",
    "elasticsearch-killed",
)
"""The nine that differ; what only takes a process away comes first, what restarts a JVM last."""
QUICK: Final = ("query-replica-paused", "payment-hanging", "elasticsearch-killed")
"""A replica, a dependency of one journey, and the whole read side."""
HOSTILE: Final = hostile.names()
"""An experiment for each attack."""
HOSTILE_QUICK: Final = ("long-urls", "slow-bodies")
"""What took the shop down soonest: whole requests and halves of them."""
FAMILIES: Final[Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
    "gate": (GATE, QUICK),
    "hostile": (HOSTILE, HOSTILE_QUICK),
}
"""What is run when no experiment is named, in full and in the quick form."""


def files() -> Sequence[Path]:
    return sorted(EXPERIMENTS.glob("*.yaml"))


def names() -> Sequence[str]:
    """All that can be run."""
    return sorted({*(path.stem for path in files()), *template.names(), *HOSTILE})


def find(name: str) -> Definition:
    """The experiment of this name, or in this file. Raises Refused."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else EXPERIMENTS / f"{name}.yaml"
    if path.exists():
        return define(path.stem, _read(path))
    made = template.made(name) or hostile.made(name)
    if made is None:
        written = ", ".join([*(one.stem for one in files()), *HOSTILE])
        raise Refused(f"there is no experiment {name!r}; there are {written}, and PART-killed, -paused and -slow")
    return define(name, made)


def _read(path: Path) -> Any:
    try:
        return parse_experiment_from_file(str(path))
    except (OSError, ChaosException) as error:
        raise Refused(f"{path} is no experiment: {str(error).splitlines()[0]}") from error
