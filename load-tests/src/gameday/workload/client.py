"""A client of the public API as real ones are: it gives up, waits as told, and asks the other gateway."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gevent.event import Event

from gameday.workload.classification import judge
from gameday.workload.history import HistoryFile
from gameday.workload.operation import LATER, Operation
from gameday.workload.records import SERVED, Outcome
from gameday.workload.transport import Answer, Transport, TransportError

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
        self._transports = [Transport(url) for url in urls]
        self.now = steady_clock()
        self._tries = tries
        self._timeout_s = timeout_s
        self._history = history
        self._dice = random.Random()
        self.stopping = Event()

    @property
    def gateways(self) -> int:
        return len(self._transports)

    def send(self, operation: Operation, home: int) -> Exchange:
        """Asks at gateway `home` first; a repeat is the same request, key and all.

        Whoever said when to come back is asked again then; without such an answer the other gateway is, at once.
        """
        number = self._history.invoke(operation) if self._history else 0
        sent = self.now()
        first = reply = self._attempt(operation, home)
        first_ended = ended = self.now()
        attempts = 1
        while not reply.final and attempts < self._tries:
            wait_s = reply.wait_s * (1 + _SPREAD * self._dice.random())
            if self.stopping.wait(wait_s) if wait_s else self.stopping.is_set():
                break
            home += not wait_s
            reply = self._attempt(operation, home)
            ended = self.now()
            attempts += 1
        if self._history:
            self._history.complete(number, operation, reply.outcome, reply.code, reply.answer, attempts, reply.gateway)
        return Exchange(sent, first, first_ended, reply, ended, attempts)

    def _attempt(self, operation: Operation, turn: int) -> Reply:
        gateway = turn % len(self._transports)
        try:
            answer = self._transports[gateway].call(
                operation.method,
                operation.path,
                operation.headers(),
                operation.content,
                self._timeout_s,
                operation.source,
            )
        except TransportError as error:
            return Reply(Outcome.FAILED, error.name, None, -1)
        return Reply(*judge(operation, answer), answer, gateway)

    def close(self) -> None:
        for transport in self._transports:
            transport.close()
