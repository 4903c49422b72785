"""A client of the public API as real ones are: it gives up, waits as told, and asks the other gateway."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gevent.event import Event

from gameday.load.ask import LATER, Ask
from gameday.load.history import HistoryFile
from gameday.load.judge import judge
from gameday.load.records import SERVED, Outcome
from gameday.load.wire import Answer, NoAnswer, Wire

TIMEOUT_S: Final = 2.0
TRIES: Final = 2
_LONGEST_WAIT_S: Final = 5.0  # the contract's longest Retry-After
_SPREAD: Final = 0.2  # clients told the same second must not all come back in it


@dataclass(frozen=True, slots=True)
class Reply:
    """What one attempt came to; `answer` is None and `gateway` -1 when there was none."""

    outcome: Outcome
    code: str
    answer: Answer | None
    gateway: int

    @property
    def final(self) -> bool:
        """Whether asking again could give nothing else."""
        if self.outcome is Outcome.REFUSED:
            return self.code not in LATER
        return self.outcome in SERVED or (self.answer is not None and self.answer.status < 500)

    @property
    def wait_s(self) -> float:
        """Retry-After; 0 when nobody said to wait."""
        told = "" if self.answer is None else self.answer.headers.get("retry-after", "")
        return min(float(told), _LONGEST_WAIT_S) if told.isdigit() else 0.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One logical request. Times are of the client's clock; `first` is the first attempt's reply, `last` the last's."""

    sent: float
    first: Reply
    first_ended: float
    last: Reply
    ended: float
    attempts: int


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never jump: the wall clock is read once."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


class Client:
    """`tries` attempts at most at one request. `stopping`, once set, makes it wait for nothing. `history` gets all
    of it.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        tries: int = TRIES,
        timeout_s: float = TIMEOUT_S,
        history: HistoryFile | None = None,
    ) -> None:
        self.urls = urls
        self._wires = [Wire(url) for url in urls]
        self.now = steady_clock()
        self._tries = tries
        self._timeout_s = timeout_s
        self._history = history
        self._dice = random.Random()
        self.stopping = Event()

    @property
    def gateways(self) -> int:
        return len(self._wires)

    def send(self, ask: Ask, home: int) -> Exchange:
        """Asks at gateway `home` first; a repeat is the same request, key and all.

        Whoever said when to come back is asked again then; without such an answer the other gateway is, at once.
        """
        operation = self._history.invoke(ask) if self._history else 0
        sent = self.now()
        first = reply = self._attempt(ask, home)
        first_ended = ended = self.now()
        attempts = 1
        while not reply.final and attempts < self._tries:
            wait_s = reply.wait_s * (1 + _SPREAD * self._dice.random())
            if self.stopping.wait(wait_s) if wait_s else self.stopping.is_set():
                break
            home += not wait_s
            reply = self._attempt(ask, home)
            ended = self.now()
            attempts += 1
        if self._history:
            self._history.complete(operation, ask, reply.outcome, reply.code, reply.answer, attempts, reply.gateway)
        return Exchange(sent, first, first_ended, reply, ended, attempts)

    def _attempt(self, ask: Ask, turn: int) -> Reply:
        gateway = turn % len(self._wires)
        try:
            wire = self._wires[gateway]
            answer = wire.call(ask.method, ask.path, ask.headers(), ask.content, self._timeout_s, ask.source)
        except NoAnswer as error:
            return Reply(Outcome.FAILED, error.name, None, -1)
        return Reply(*judge(ask, answer), answer, gateway)

    def close(self) -> None:
        for wire in self._wires:
            wire.close()
