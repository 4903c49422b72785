"""What an experiment's method can do. Chaos Toolkit turns every exception of an action into a note in its journal and
goes on, so one that must not go on tells its run, and gameday.experiments.control stops the experiment.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from chaoslib.exceptions import InterruptExecution

from gameday.experiments import active_run
from gameday.experiments.flood import Flood
from gameday.experiments.run import Run, Stopped
from gameday.nemesis.fault import Fault, Kind, Refused
from gameday.verdict.phases import Phase

_LIFTS_ITSELF_S: Final = 30.0
"""How much later a fault ends by itself than it is lifted."""


@contextmanager
def _or_stop() -> Iterator[Run]:
    run = active_run.run()
    try:
        yield run
    except (Stopped, Refused, InterruptExecution) as error:
        run.stop(str(error))
        raise


def _watch_for(run: Run, seconds: float) -> None:
    ends_at = time.time() + seconds
    run.watch(Phase.FAULT, lambda: time.time() >= ends_at)


def phase(name: str, seconds: float | None = None) -> None:
    """Watches until each journey has its count, for `seconds` at least when given."""
    with _or_stop() as run:
        run.phase(Phase(name), seconds)


def inject_fault(part: str, kind: str, for_s: float, **more: Any) -> None:
    """Injects a fault; it ends by itself after `for_s` seconds, however this ends. `more`: fields of a Fault."""
    with _or_stop() as run:
        run.inject_fault(Fault(part, Kind(kind), for_s, **more))


def lift_fault(part: str) -> None:
    """Lifts it, and waits until a JVM that was killed serves again."""
    with _or_stop() as run:
        run.lift_fault(part)


def surge(share_of_capacity: float) -> None:
    """More load on top of the experiment's own, until `ease`."""
    with _or_stop() as run:
        run.trouble_begins()  # shoppers are made ready first, and the shop is asked more than usual by that
        run.fault_begins(run.more_load(share_of_capacity))


def flood(rate: float) -> None:
    """One client that calls `rate` times a second with one token, until `ease`."""
    with _or_stop() as run:
        run.trouble_begins()
        run.besides.append(Flood(run.setup.target.gateways, rate, run.folder / "flood.log"))


def attack(name: str) -> None:
    """The hostile caller that this run has prepared attacks, until `ease`."""
    with _or_stop() as run:
        run.trouble_begins()
        run.attack(name)


def ease() -> None:
    """Ends every surge, flood and attack."""
    with _or_stop() as run:
        run.trouble_ends()
        run.end_besides()
        run.lifted()


def restart_in_turn(down_s: float) -> None:
    """Kills every part for so long, one after the other; each serves again before the next."""
    with _or_stop() as run:
        faults = run.setup.target.faults
        for part in faults.parts():
            run.inject_fault(Fault(part, Kind.KILL, for_s=down_s + _LIFTS_ITSELF_S))
            _watch_for(run, down_s)
            faults.lift(part)
            run.await_serving(part, Phase.FAULT)


def flap(part: str, kind: str, down_s: float, up_s: float, times: int) -> None:
    """Strikes a part and lifts it again, so many times."""
    with _or_stop() as run:
        for _ in range(times):
            run.inject_fault(Fault(part, Kind(kind), for_s=down_s + _LIFTS_ITSELF_S))
            _watch_for(run, down_s)
            run.setup.target.faults.lift(part)
            _watch_for(run, up_s)


def reset() -> list[str]:
    """Lifts whatever is left and starts what is down; the names that needed it."""
    return list(active_run.run().calm())
