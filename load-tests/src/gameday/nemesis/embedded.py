"""Faults on the local processes of `make demo` and `make up`: their supervisor does them and ends them by itself."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import embedded.part
from embedded import control
from embedded.control import NotRunning
from embedded.part import State
from embedded.stack import Stack
from gameday.nemesis.fault import KNOBS, Fault, Kind, Refused, Suffering, all_or_none, members
from gameday.nemesis.payment import PAYMENT, Knobs, check_part, over_http

T = TypeVar("T")

_FAULTED: Final = (State.DOWN, State.PAUSED, State.SLOW)


class EmbeddedFaults:
    """Faults on one stack of local processes (fault.Faults). They outlive this process and end with the stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def parts(self) -> Sequence[str]:
        return list(self._rows())

    def check(self, fault: Fault) -> None:
        self._check(fault)

    def inject(self, fault: Fault) -> None:
        names = self._check(fault)
        if fault.kind in KNOBS:
            self._knobs().set(fault)
            return
        with all_or_none(self.lift) as done:
            share = {"stopped_share": fault.stopped_share} if fault.kind is Kind.SLOW else {}
            for name in names:
                self._ask(fault.kind, name, for_s=fault.for_s, **share)
                done.append(name)

    def lift(self, part: str) -> None:
        rows = self._rows()
        for name in members(part, list(rows)):
            self._lift(name, rows[name]["state"])

    def serves(self, part: str) -> bool:
        rows = self._rows()
        names = members(part, list(rows))
        return all(rows[name]["state"] == State.UP for name in names) and not (
            PAYMENT in names and self._knobs().active()
        )

    def calm(self) -> Sequence[str]:
        return [name for name, row in self._rows().items() if self._lift(name, row["state"])]

    def suffering(self) -> Sequence[Suffering]:
        rows = self._rows()
        own = [
            Suffering(name, row["state"], row["fault_left_s"]) for name, row in rows.items() if row["state"] in _FAULTED
        ]
        answers = PAYMENT in rows and rows[PAYMENT]["state"] not in (State.DOWN, State.PAUSED)
        return own + (self._knobs().active() if answers else [])

    def _check(self, fault: Fault) -> list[str]:
        rows = self._rows()
        names = members(fault.part, list(rows))
        if fault.kind is Kind.PARTITION:
            raise Refused("local processes share one network: a partition needs containers (--on docker)")
        for name in names:
            if rows[name]["pid"] is None:
                raise Refused(f"{name} is {rows[name]['state']}, it does not run")
        if fault.kind in KNOBS:
            check_part(fault)
            self._knobs().check()
        return names

    def _lift(self, name: str, state: str) -> bool:
        """Whether there was something to lift; what its own end lifts at the same moment is no error."""
        if state in _FAULTED:
            with contextlib.suppress(Refused):
                self._ask("start" if state == State.DOWN else "resume", name)
        knobs = name == PAYMENT and state != State.DOWN and self._knobs().lift()
        return state in _FAULTED or knobs

    def _knobs(self) -> Knobs:
        return Knobs(over_http(self._stack.url(PAYMENT)))

    def _rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in _refusing(self._stack.status)}

    def _ask(self, do: str, name: str, **arguments: float) -> None:
        _refusing(lambda: control.ask(self._stack.state, do, name=name, **arguments))


def _refusing(ask: Callable[[], T]) -> T:
    """What the stack refuses, or that there is none, in this package's words."""
    try:
        return ask()
    except (NotRunning, embedded.part.Refused) as error:
        raise Refused(str(error)) from error
    except TimeoutError as error:
        raise Refused("the stack's supervisor does not answer") from error
