"""The connections of one process: how many, from which address, and for how long each may keep the server waiting."""

import asyncio
import math
import random
from dataclasses import dataclass
from itertools import islice
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from holdfast.resilience.protections import PROTECTIONS
from holdfast.resilience.ratelimit import RateLimiter
from holdfast.resilience.settings import RateSettings
from holdfast.service.problems import Problem

SWEEP_S: Final = 0.5
"""How often deadlines are looked at: their grain. One timer for all connections costs a healthy request nothing."""
LINGER_S: Final = 5.0
"""How long bytes are thrown away after the last answer: a reset would destroy it on its way (RFC 9112, 9.6)."""
LINGER_BYTES: Final = 16 * 1024 * 1024
"""How many of them: 8 MB of headers are read to their end in 10 ms; more is an attack."""
WRITE_STEP_BYTES: Final = 10 * 1024
"""What a caller has to read of its answer in each write timeout: 1 KiB a second, less than any real line carries."""
REFUSED_AT_ONCE: Final = 100
"""Refused connections whose 503 is still on its way; further ones are closed without one."""
HOLD_S: Final = (3.0, 7.0)
"""How long a refused head's answer is held back, if its address has had many: a new connection costs 0.3 ms. A time by
chance between these, or all who came together would come back together and hold the process up."""
EVICTABLE_AFTER_S: Final = 1.0
"""A connection that has waited less may have its next request on the way, or half of its head still in the network."""

# The phases of a connection, and what happens when the phase's deadline is over.
HEAD: Final = 0  # a request's head is awaited or under way: 408, or closed without a word if no byte came
BUSY: Final = 1  # the application is at work: nothing, the request has a deadline of its own
IDLE: Final = 2  # between requests: closed
REST: Final = 3  # answered before its small body came: closed
LINGERING: Final = 4  # last answer sent, bytes are thrown away: closed
HELD: Final = 5  # refused, the answer is held back: answered
NEVER: Final = math.inf
_CLOSED_AS: Final = {HEAD: "silent", IDLE: "idle", REST: "body-missing"}
_EXAMINED: Final = 16  # connections looked at to find one to evict: an arrival costs the same whatever is open


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Times in seconds; `per_address` 0 bounds no address by itself; `refusals` of an address are answered at once."""

    head_s: float
    keep_alive_s: float
    write_s: float
    per_process: int
    per_address: int
    refusals: RateSettings

    @property
    def sweep_s(self) -> float:
        """The sweep's interval: finer for the short times of tests."""
        return min(SWEEP_S, self.head_s / 4, self.keep_alive_s / 4, self.write_s / 4)


class TimedConnection:
    """What a connection waits for and until when; mixed into its protocol, which has `transport` and `loop`.

    `phase` and `deadline` are set on every request: by assignment where a call would cost.
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    address = ""  # of the peer, whatever a proxy says

    def wait_by(self, table: "ConnectionTable") -> None:
        """Take the limits and the time of this table."""
        limits = table.limits
        self.table = table
        self.keep_alive_s = limits.keep_alive_s
        self._limit_s = (limits.head_s, NEVER, limits.keep_alive_s, limits.head_s, LINGER_S, HOLD_S[1])  # by phase
        self.phase = HEAD
        self.deadline = NEVER
        self._unsent_goal = -1
        self._unsent_deadline = NEVER

    def enter(self, phase: int) -> None:
        """Begin a phase, and with it its time."""
        self.phase = phase
        self.deadline = self.table.now + self._limit_s[phase]

    def waited_s(self, now: float) -> float:
        """How long nothing but the caller has been waited for; negative while a request is under way."""
        return self._limit_s[self.phase] - (self.deadline - now) if self.phase != BUSY else -1.0

    def check(self, now: float, pause_s: float) -> None:
        """End the connection if its deadline is over, or its caller does not read; the last `pause_s` do not count."""
        self.deadline += pause_s
        self._unsent_deadline += pause_s
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._check_unsent(unsent, now)
        else:
            self._unsent_goal = -1
            if now >= self.deadline:
                self.expire()

    def expire(self) -> None:
        """The deadline is over."""
        self.close_waiting()

    def close_waiting(self) -> None:
        """Close without an answer."""
        if self.phase != LINGERING:
            self.table.count_closed(_CLOSED_AS[self.phase])
        self.deadline = NEVER
        self.transport.close()

    def _check_unsent(self, unsent: int, now: float) -> None:
        if self._unsent_goal < 0 or unsent <= self._unsent_goal:
            self._unsent_goal = max(0, unsent - WRITE_STEP_BYTES)
            self._unsent_deadline = now + self.table.limits.write_s
        elif now >= self._unsent_deadline:
            self.table.count_closed("slow-reader")
            self.transport.abort()


class ConnectionTable:
    """Admits connections, evicts idle ones for new ones, and ends those whose deadline is over.

    `now` is the time of the latest sweep, at most one interval old: connections set their deadlines by it, so that a
    request reads no clock and sets no timer. There is no timer while there is no connection.
    """

    def __init__(self, limits: ConnectionLimits, registry: CollectorRegistry) -> None:
        self.limits = limits
        self.now = 0.0
        self._open: dict[TimedConnection, None] = {}
        self._by_address: dict[str, dict[TimedConnection, None]] = {}
        self._refused: set[TimedConnection] = set()
        self._refusals = RateLimiter(limits.refusals)
        self._sweeping = False
        Gauge("http_connections", "Connections that are open", registry=registry).set_function(lambda: len(self._open))
        self._closed = Counter(
            "http_connections_closed_total", "Connections that the server ended, by reason", ["reason"],
            registry=registry,
        )  # fmt: skip

    def add(self, connection: TimedConnection) -> Problem | None:
        """Take a connection in, at the cost of an idle one if need be; or what to answer it instead."""
        self._start_sweeping(connection.loop)
        address = connection.address
        neighbours = self._by_address.get(address, {})
        if self.limits.per_address and not self._has_room(neighbours, self.limits.per_address):
            return self._refuse(connection, "address-full", "this address has too many connections")
        if not self._has_room(self._open, self.limits.per_process):
            return self._refuse(connection, "process-full", "there are too many connections")
        self._open[connection] = None
        self._by_address.setdefault(address, {})[connection] = None
        return None

    def remove(self, connection: TimedConnection) -> None:
        """Forget a connection; again does nothing."""
        self._refused.discard(connection)
        if connection in self._open:
            del self._open[connection]
            neighbours = self._by_address[connection.address]
            del neighbours[connection]
            if not neighbours:
                del self._by_address[connection.address]

    def holds_back(self, address: str) -> bool:
        """Count a refused head of this address; whether its answer is to be held back."""
        return not self._refusals.take(address).allowed and "rate-limit" in PROTECTIONS.on

    def count_closed(self, reason: str) -> None:
        """Note that the server ended a connection; `reason` is one of a few words."""
        self._closed.labels(reason).inc()

    def _has_room(self, connections: dict[TimedConnection, None], most: int) -> bool:
        return len(connections) < most or self._evict(connections)

    def _evict(self, connections: dict[TimedConnection, None]) -> bool:
        """Close the connection that has waited longest among the first few; those move behind all others.

        That is the second-chance form of least recently used: nothing has to be kept in order while requests go on.
        """
        examined = list(islice(connections, _EXAMINED))
        for connection in examined:
            del connections[connection]
            connections[connection] = None
        longest = max(examined, key=lambda connection: connection.waited_s(self.now))
        if longest.waited_s(self.now) < EVICTABLE_AFTER_S:
            return False
        self.remove(longest)
        self.count_closed("evicted")
        longest.transport.close()
        return True

    def _refuse(self, connection: TimedConnection, reason: str, detail: str) -> Problem:
        self.count_closed(reason)
        if len(self._refused) >= REFUSED_AT_ONCE:
            connection.transport.abort()
        else:
            self._refused.add(connection)
        # Spread, or all who were refused together come back together.
        return Problem(503, "overloaded", detail, headers={"Retry-After": str(random.randint(1, 3))})

    def _start_sweeping(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._sweeping:
            self._sweeping = True
            self.now = loop.time()
            loop.call_later(self.limits.sweep_s, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late_s = now - self.now - self.limits.sweep_s
        # While this process stood still the callers' bytes waited outside: that time is not theirs.
        pause_s = late_s if late_s > self.limits.sweep_s else 0.0
        self.now = now
        connections = [*self._open, *self._refused]
        self._sweeping = bool(connections)
        if connections:
            loop.call_later(self.limits.sweep_s, self._sweep, loop)
        for connection in connections:
            connection.check(now, pause_s)
